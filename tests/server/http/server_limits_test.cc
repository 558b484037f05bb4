// Limits and times: what is refused, how the client learns of it, and that nothing is kept.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <string>

#include "server/http/server_world.h"

namespace reflex::http {
namespace {

using std::chrono::milliseconds;

Task<void> EchoBody(Exchange& exchange) {
  const auto body = co_await exchange.ReadBody();
  if (body) co_await Reply(exchange, std::string(*body));
}

TEST(HttpLimits, RefusesALargeHead) {
  ServerOptions options;
  options.head_bytes_max = 8 << 10;
  ServerWorld world(EchoBody, options);
  const std::string start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
  RawClient fitting(world.port());
  EXPECT_EQ(fitting.Ask(start + std::string((8 << 10) - start.size() - 4, 'x') + "\r\n\r\n")->status, 200);
  for (const std::size_t size : {std::size_t{8 << 10}, std::size_t{8 << 14}}) {
    RawClient client(world.port());
    EXPECT_EQ(client.Ask(start + std::string(size - start.size() - 3, 'x') + "\r\n\r\n")->status, 431);
    EXPECT_EQ(client.ReadToEnd(), "");
  }
  RawClient unending(world.port());
  const auto refusal = unending.Ask("GET /" + std::string(8 << 10, 'x'));
  EXPECT_EQ(refusal->status, 431);
  EXPECT_NE(refusal->head.find("X-Refused: yes\r\n"), std::string::npos);  // The handler's own fields.
}

TEST(HttpLimits, RefusesALargeBodyAndTheClientCanReadIt) {
  ServerOptions options;
  options.body_bytes_max = 1000;
  ServerWorld world(EchoBody, options);
  RawClient fitting(world.port());
  EXPECT_EQ(fitting.Ask(Post(std::string(1000, 'x')))->status, 200);
  RawClient announced(world.port());
  ASSERT_TRUE(announced.Send(Post(std::string(500'000, 'x'))));
  EXPECT_EQ(announced.Read()->status, 413);
  EXPECT_EQ(announced.ReadToEnd(), "");
  EXPECT_FALSE(announced.reset());
  RawClient chunked(world.port());
  EXPECT_EQ(chunked.Ask("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + std::string(1001, 'x'))->status,
            413);
  RawClient expecting(world.port());
  EXPECT_EQ(expecting.Ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n")->status, 413);
  EXPECT_EQ(world.Metric("reflex_http_refused_total{status=\"413\"}"), 3);
}

TEST(HttpLimits, RefusesBodiesBeyondTheBudgetOfAll) {
  ServerOptions options;
  options.bodies_bytes_max = 100'000;
  ServerWorld world(EchoBody, options);
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 64000\r\n\r\n";
  RawClient holder(world.port());
  ASSERT_TRUE(holder.Send(head + std::string(60'000, 'x')));
  ASSERT_TRUE(Eventually([&] { return world.Metric("reflex_http_bodies_bytes") == 64'000; }));
  RawClient second(world.port());
  const auto refused = second.Ask(head + std::string(64'000, 'x'));
  EXPECT_EQ(refused->status, 503);
  EXPECT_EQ(refused->Field("Retry-After"), "1");
  EXPECT_EQ(second.ReadToEnd(), "");
  EXPECT_EQ(holder.Ask(std::string(4000, 'x'))->status, 200);
  RawClient third(world.port());
  EXPECT_EQ(third.Ask(head + std::string(64'000, 'x'))->status, 200);
  EXPECT_TRUE(Eventually([&] { return world.Metric("reflex_http_bodies_bytes") == 0; }));
}

TEST(HttpLimits, AnswersASlowHeadWith408) {
  ServerOptions options;
  options.head_timeout = milliseconds(300);
  ServerWorld world(EchoBody, options);
  RawClient client(world.port());
  EXPECT_EQ(client.Ask("GET / HT")->status, 408);
  EXPECT_EQ(client.ReadToEnd(), "");
  RawClient second(world.port());
  EXPECT_EQ(second.Ask(Get("/"))->status, 200);
  EXPECT_EQ(second.Ask("GET / HTTP/1.1\r\nHost: a\r\n")->status, 408);
}

TEST(HttpLimits, ClosesAnIdleConnectionInSilence) {
  ServerOptions options;
  options.keep_alive_timeout = milliseconds(100);
  ServerWorld world(EchoBody, options);
  RawClient client(world.port());
  EXPECT_EQ(client.Ask(Get("/"))->status, 200);
  EXPECT_EQ(client.ReadToEnd(), "");
  RawClient fresh(world.port());
  EXPECT_EQ(fresh.ReadToEnd(), "");
  RawClient empty_line(world.port());
  ASSERT_TRUE(empty_line.Send("\r\n"));
  EXPECT_EQ(empty_line.ReadToEnd(), "");
  EXPECT_TRUE(Eventually([&] { return world.Metric("reflex_http_connections") == 0; }));
}

TEST(HttpLimits, AnswersASlowBodyWith408) {
  ServerOptions options;
  options.body_timeout = milliseconds(100);
  ServerWorld world(EchoBody, options);
  RawClient plain(world.port());
  EXPECT_EQ(plain.Ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")->status, 408);
  RawClient chunked(world.port());
  EXPECT_EQ(chunked.Ask("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab")->status, 408);
  EXPECT_EQ(chunked.ReadToEnd(), "");
}

TEST(HttpLimits, DropsAClientThatDoesNotTakeItsReply) {
  ServerOptions options;
  options.write_timeout = milliseconds(100);
  std::atomic<int> timeouts{0};
  ServerWorld world(
      [&timeouts](Exchange& exchange) -> Task<void> {
        const std::string body(32 << 20, 'x');
        const std::array<std::string_view, 1> pieces = {body};
        const Result<void> sent = co_await exchange.Send({200, {}}, pieces);
        if (!sent && sent.error().code == ErrorCode::kTimeout) ++timeouts;
      },
      options);
  RawClient client(world.port());
  ASSERT_TRUE(client.Send(Get("/")));
  EXPECT_TRUE(Eventually([&] { return timeouts == 1 && world.Metric("reflex_http_connections") == 0; }));
}

TEST(HttpLimits, RefusesConnectionsBeyondTheLimitPolitely) {
  ServerOptions options;
  options.connections_max = 2;
  ServerWorld world(EchoBody, options);
  RawClient first(world.port());
  RawClient second(world.port());
  EXPECT_EQ(first.Ask(Get("/"))->status, 200);
  EXPECT_EQ(second.Ask(Get("/"))->status, 200);
  {
    RawClient third(world.port());
    const auto refused = third.Ask(Get("/"));
    EXPECT_EQ(refused->status, 503);
    EXPECT_EQ(refused->Field("Retry-After"), "1");
    EXPECT_EQ(third.ReadToEnd(), "");
    EXPECT_FALSE(third.reset());
  }
  EXPECT_EQ(world.Metric("reflex_http_refused_total{status=\"503\"}"), 1);
  first.Close();
  ASSERT_TRUE(Eventually([&] { return world.Metric("reflex_http_connections") == 1; }));
  RawClient fourth(world.port());
  EXPECT_EQ(fourth.Ask(Get("/"))->status, 200);
}

TEST(HttpLimits, WaitsWhenTheSystemHasNoDescriptors) {
  ServerWorld world(EchoBody);
  RawClient before(world.port());
  EXPECT_EQ(before.Ask(Get("/"))->status, 200);
  // Once before: a sanitizer that sees a type for the first time wants descriptors of its own.
  static_cast<Logger&>(world.log()).Log(LogLevel::kInfo, "begin");
  EXPECT_FALSE(world.log().Saw("accept-paused"));
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
  // The highest descriptor in use bounds what may be opened: the client below takes the last one.
  const int last = ::dup(0);
  ASSERT_GE(last, 0);
  ::close(last);
  const rlimit tight{static_cast<rlim_t>(last) + 1, old.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
  RawClient client(world.port());
  EXPECT_TRUE(client.Send(Get("/")));
  EXPECT_TRUE(Eventually([&] { return world.log().Saw("accept-paused"); }));
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
  EXPECT_EQ(client.Read()->status, 200);
}

}  // namespace
}  // namespace reflex::http
