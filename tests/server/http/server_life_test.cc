// Clients that leave, servers that end.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <string>

#include "server/http/server_world.h"

namespace reflex::http {
namespace {

using std::chrono::milliseconds;

// Waits until the client left or the gate opens; answers in the second case.
struct Waiting {
  std::atomic<int> started{0};
  std::atomic<int> left{0};
  std::atomic<int> ended{0};
  std::atomic<bool> open{false};

  Task<void> Handle(Exchange& exchange) {
    ++started;
    bool gone = false;
    Signal news(exchange.io());
    exchange.OnDisconnect([&] {
      gone = true;
      ++left;
      news.Notify();
    });
    while (!gone && !open) {
      const SteadyTime limit = exchange.io().now() + milliseconds(50);
      co_await news.Wait(limit);
    }
    exchange.OnDisconnect(nullptr);
    if (!gone) co_await Reply(exchange, std::string(exchange.request().path));
    ++ended;
  }
  ServerWorld::Handle handle() {
    return [this](Exchange& exchange) { return Handle(exchange); };
  }
};

TEST(HttpDisconnect, IsToldWhenTheClientClosesOrResets) {
  Waiting waiting;
  ServerWorld world(waiting.handle());
  RawClient closing(world.port());
  RawClient resetting(world.port());
  RawClient half(world.port());
  for (RawClient* client : {&closing, &resetting, &half}) ASSERT_TRUE(client->Send(Get("/")));
  ASSERT_TRUE(Eventually([&] { return waiting.started == 3; }));
  closing.Close();
  resetting.Reset();
  half.CloseWriting();
  EXPECT_TRUE(Eventually([&] { return waiting.ended == 3 && world.Metric("reflex_http_connections") == 0; }));
  EXPECT_EQ(waiting.left, 3);
}

TEST(HttpDisconnect, KeepsPipelinedBytesReadMeanwhile) {
  Waiting waiting;
  ServerWorld world(waiting.handle());
  RawClient client(world.port());
  ASSERT_TRUE(client.Send(Get("/first")));
  ASSERT_TRUE(Eventually([&] { return waiting.started == 1; }));
  std::string more;
  for (int i = 0; i < 300; ++i) more += Get("/" + std::to_string(i));
  ASSERT_TRUE(client.Send(more));
  waiting.open = true;
  EXPECT_EQ(client.Read()->body, "/first");
  for (int i = 0; i < 300; ++i) EXPECT_EQ(client.Read()->body, "/" + std::to_string(i));
  client.Close();
  EXPECT_TRUE(Eventually([&] { return world.Metric("reflex_http_connections") == 0; }));
}

TEST(HttpDisconnect, TheWaitingReadServesTheNextRequest) {
  Waiting waiting;
  waiting.open = true;
  ServerOptions options;
  options.keep_alive_timeout = milliseconds(300);
  ServerWorld world(waiting.handle(), options);
  RawClient client(world.port());
  for (int i = 0; i < 20; ++i) {
    const std::string path = "/" + std::string(static_cast<std::size_t>(i) * 300, 'x');
    EXPECT_EQ(client.Ask(Get(path))->body, path);
  }
  EXPECT_EQ(client.ReadToEnd(), "");  // The limit holds for the read that the watch left behind.
}

TEST(HttpDisconnect, BodiesCanBeReadBesideTheWatch) {
  ServerWorld world([](Exchange& exchange) -> Task<void> {
    exchange.OnDisconnect([] {});
    if (exchange.request().path == "/some") {
      std::string all;
      for (;;) {
        const auto piece = co_await exchange.ReadSome();
        if (!piece) co_return;
        if (piece->empty()) break;
        all += *piece;
      }
      co_return co_await Reply(exchange, all);
    }
    const auto body = co_await exchange.ReadBody();
    if (body) co_await Reply(exchange, std::string(*body));
  });
  RawClient client(world.port());
  const std::string body(100'000, 'b');
  EXPECT_EQ(client.Ask(Post(body))->body, body);
  EXPECT_EQ(client.Ask("POST /some HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + body)->body, body);
  EXPECT_EQ(
      client.Ask("POST /some HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n" + body + "\r\n0\r\n\r\n")->body,
      body);
}

TEST(HttpServerEnd, DrainFinishesWhatRunsAndRefusesNew) {
  Waiting waiting;
  ServerWorld world(waiting.handle(), {}, 2);
  waiting.open = true;
  RawClient idle(world.port());
  EXPECT_EQ(idle.Ask(Get("/idle"))->body, "/idle");
  waiting.open = false;
  RawClient running(world.port());
  ASSERT_TRUE(running.Send(Get("/running")));
  ASSERT_TRUE(Eventually([&] { return waiting.started == 2; }));
  const std::uint16_t port = world.port();
  world.server().Drain();
  EXPECT_EQ(idle.ReadToEnd(), "");
  EXPECT_TRUE(Eventually([&] { return !RawClient(port).connected(); }));
  EXPECT_FALSE(world.server().drained());
  waiting.open = true;
  const auto reply = running.Read();
  EXPECT_EQ(reply->body, "/running");
  EXPECT_EQ(reply->Field("Connection"), "close");
  EXPECT_EQ(running.ReadToEnd(), "");
  running.Close();
  EXPECT_TRUE(Eventually([&] { return world.server().drained(); }));
}

TEST(HttpServerEnd, DrainWaitsForTheFirstRequestOfAFreshConnection) {
  ServerWorld world([](Exchange& exchange) { return Reply(exchange, "served"); });
  RawClient fresh(world.port());
  ASSERT_TRUE(Eventually([&] { return world.Metric("reflex_http_connections") == 1; }));
  world.server().Drain();
  EXPECT_EQ(fresh.Ask(Get("/"))->body, "served");
  EXPECT_EQ(fresh.ReadToEnd(), "");
}

TEST(HttpServerEnd, CloseAllCutsEveryConnection) {
  Waiting waiting;
  ServerWorld world(waiting.handle());
  RawClient waiting_client(world.port());
  ASSERT_TRUE(waiting_client.Send(Get("/")));
  RawClient idle(world.port());
  RawClient begun(world.port());
  ASSERT_TRUE(begun.Send("GET /"));
  ASSERT_TRUE(Eventually([&] { return waiting.started == 1 && world.Metric("reflex_http_connections") == 3; }));
  world.server().Drain();
  world.server().CloseAll();
  EXPECT_EQ(waiting_client.ReadToEnd(), "");
  EXPECT_EQ(idle.ReadToEnd(), "");
  EXPECT_EQ(begun.ReadToEnd(), "");
  EXPECT_TRUE(Eventually([&] { return world.server().drained(); }));
  EXPECT_EQ(waiting.left, 1);
}

TEST(HttpServerEnd, DestructorEndsHandlersOnRunningThreads) {
  Waiting waiting;
  ServerWorld world(waiting.handle(), {}, 2);
  RawClient client(world.port());
  ASSERT_TRUE(client.Send(Get("/")));
  ASSERT_TRUE(Eventually([&] { return waiting.started == 1; }));
  world.DestroyServer();
  EXPECT_EQ(waiting.ended, 1);
  EXPECT_EQ(client.ReadToEnd(), "");
}

TEST(HttpServerEnd, DestructorEndsHandlersOfStoppedThreads) {
  Waiting waiting;
  ServerWorld world(waiting.handle(), {}, 2);
  RawClient client(world.port());
  RawClient idle(world.port());
  ASSERT_TRUE(client.Send(Get("/")));
  ASSERT_TRUE(Eventually([&] { return waiting.started == 1 && world.Metric("reflex_http_connections") == 2; }));
  world.StopThreads();
  world.DestroyServer();
  EXPECT_EQ(waiting.ended, 1);
  EXPECT_EQ(client.ReadToEnd(), "");
}

// A handler that never ends is destroyed with its thread and touches nothing of the server then.
TEST(HttpServerEnd, AHandlerThatNeverEndsDiesWithItsThread) {
  std::atomic<int> started{0};
  std::atomic<int> destroyed{0};
  struct Guard {
    std::atomic<int>& count;
    ~Guard() { ++count; }
  };
  {
    ServerWorld world([&](Exchange& exchange) -> Task<void> {
      const Guard guard{destroyed};
      Signal never(exchange.io());
      ++started;
      co_await never.Wait();
    });
    RawClient client(world.port());
    ASSERT_TRUE(client.Send(Get("/")));
    ASSERT_TRUE(Eventually([&] { return started == 1; }));
    world.StopThreads();
    world.DestroyServer();
    EXPECT_EQ(destroyed, 0);
  }
  EXPECT_EQ(destroyed, 1);
}

}  // namespace
}  // namespace reflex::http
