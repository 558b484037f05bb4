// After a 101: bytes both ways.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <deque>
#include <string>

#include "http/client.h"
#include "server/http/server_world.h"

namespace reflex::http {
namespace {

// An upstream that switched protocols: what is written comes back in upper case; "end" closes it.
class UpperCase final : public ClientReply {
 public:
  explicit UpperCase(IoThread& io) : news_(io) {}
  int status() const override { return 101; }
  std::span<const Header> headers() const override { return headers_; }
  std::optional<std::uint64_t> content_length() const override { return std::nullopt; }
  Task<Result<std::string_view>> Read() override {
    while (pieces_.empty() && !ended_ && !cancelled_) co_await news_.Wait();
    if (cancelled_) co_return Fail(ErrorCode::kCancelled, "cancelled");
    if (pieces_.empty()) co_return std::string_view();
    current_ = std::move(pieces_.front());
    pieces_.pop_front();
    co_return current_;
  }
  void Cancel() override {
    cancelled_ = true;
    news_.Notify();
  }
  Task<Result<void>> Write(std::string_view bytes) override {
    std::string piece(bytes);
    for (char& c : piece) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    ended_ = piece == "END";
    pieces_.push_back(std::move(piece));
    news_.Notify();
    co_return Result<void>();
  }
  bool cancelled() const { return cancelled_; }

 private:
  const std::array<Header, 3> headers_ = {{{"Upgrade", "upper"}, {"Connection", "Upgrade, X-Hop"}, {"X-Hop", "dropped"}}};
  Signal news_;
  std::deque<std::string> pieces_;
  std::string current_;
  bool ended_ = false;
  bool cancelled_ = false;
};

struct Tunnels {
  std::atomic<int> ended{0};
  std::atomic<int> timeouts{0};
  ServerWorld::Handle handle() {
    return [this](Exchange& exchange) -> Task<void> {
      EXPECT_TRUE(exchange.request().upgrade);
      UpperCase upstream(exchange.io());
      const Result<void> result = co_await exchange.Tunnel(upstream);
      if (!result && result.error().code == ErrorCode::kTimeout) ++timeouts;
      ++ended;
    };
  }
};

const std::string kUpgrade = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: upper\r\n\r\n";

TEST(HttpTunnel, PassesBytesBothWaysUntilTheUpstreamEnds) {
  Tunnels tunnels;
  ServerWorld world(tunnels.handle());
  RawClient client(world.port());
  ASSERT_TRUE(client.Send(kUpgrade + "early "));
  const auto head = client.Read();
  EXPECT_EQ(head->status, 101);
  EXPECT_EQ(head->Field("Upgrade"), "upper");
  EXPECT_EQ(head->Field("Connection"), "upgrade");
  EXPECT_EQ(head->Field("X-Hop"), "");
  EXPECT_EQ(client.ReadUntil("EARLY "), "EARLY ");
  for (const std::string word : {"one", "two"}) {
    ASSERT_TRUE(client.Send(word));
    EXPECT_EQ(client.ReadUntil(word == "one" ? "ONE" : "TWO").size(), 3u);
  }
  ASSERT_TRUE(client.Send("end"));
  EXPECT_EQ(client.ReadToEnd(), "END");
  EXPECT_EQ(tunnels.ended, 1);
}

TEST(HttpTunnel, EndsWhenTheClientLeaves) {
  Tunnels tunnels;
  ServerWorld world(tunnels.handle());
  RawClient client(world.port());
  EXPECT_EQ(client.Ask(kUpgrade)->status, 101);
  client.Close();
  EXPECT_TRUE(Eventually([&] { return tunnels.ended == 1 && world.Metric("reflex_http_connections") == 0; }));
}

TEST(HttpTunnel, EndsWhenNothingMovesForTheIdleLimit) {
  Tunnels tunnels;
  ServerOptions options;
  options.tunnel_idle_timeout = std::chrono::milliseconds(100);
  ServerWorld world(tunnels.handle(), options);
  RawClient client(world.port());
  EXPECT_EQ(client.Ask(kUpgrade)->status, 101);
  EXPECT_EQ(client.ReadToEnd(), "");
  EXPECT_TRUE(Eventually([&] { return tunnels.timeouts == 1; }));
}

TEST(HttpTunnel, EndsWithTheServer) {
  Tunnels tunnels;
  ServerWorld world(tunnels.handle());
  RawClient client(world.port());
  EXPECT_EQ(client.Ask(kUpgrade)->status, 101);
  world.DestroyServer();
  EXPECT_EQ(tunnels.ended, 1);
  EXPECT_EQ(client.ReadToEnd(), "");
}

}  // namespace
}  // namespace reflex::http
