// Requests that the handler answers by their bytes, before they are read.
#include <gtest/gtest.h>

#include <string>

#include "server/http/server_world.h"

namespace reflex::http {
namespace {

constexpr char kKnown[] = "GET /known HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr char kOther[] = "GET /other HTTP/1.1\r\nHost: a\r\n\r\n";

Task<void> Slow(Exchange& exchange) { co_await Reply(exchange, "read"); }

TEST(HttpKnown, AlternatesWithRequestsThatAreRead) {
  ServerWorld world(Slow);
  RawClient client(world.port());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(client.Ask(kKnown)->body, "kkkkk");
    EXPECT_EQ(client.Ask(kOther)->body, "read");
  }
}

TEST(HttpKnown, IsNotAskedForAPartOrForMoreThanOne) {
  ServerWorld world(Slow);
  RawClient client(world.port());
  ASSERT_TRUE(client.Send(std::string(kOther) + kKnown));  // Pipelined: the second one is read.
  EXPECT_EQ(client.Read()->body, "read");
  EXPECT_EQ(client.Read()->body, "read");
  EXPECT_EQ(client.Ask(kKnown)->body, "kkkkk");
}

TEST(HttpKnown, ALargeReplyFollowsAsTheClientTakesIt) {
  ServerWorld world(Slow);
  RawClient client(world.port());
  const std::string large = "GET /known HTTP/1.1\r\nHost: a\r\nX-Large: 1\r\n\r\n";
  for (int i = 0; i < 2; ++i) {
    const auto reply = client.Ask(large);
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(reply->body, std::string(8 << 20, 'k'));
    EXPECT_EQ(client.Ask(kOther)->body, "read");
  }
}

TEST(HttpKnown, EndsWithADrain) {
  ServerWorld world(Slow);
  RawClient client(world.port());
  EXPECT_EQ(client.Ask(kKnown)->body, "kkkkk");
  world.server().Drain();
  EXPECT_EQ(client.ReadToEnd(), "");
}

}  // namespace
}  // namespace reflex::http
