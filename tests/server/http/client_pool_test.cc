// Kept connections: when they are used again and when not.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <string>

#include "server/http/client_call.h"

namespace reflex::http {
namespace {

using fakes::Always;
using fakes::ClientThread;
using fakes::Ok;
using fakes::Peer;
using fakes::Provider;
using namespace std::chrono_literals;

std::string Value(ClientThread& thread, const std::string& row) {
  const std::string page = thread.metrics().Render();
  const std::size_t at = page.find("\n" + row + " ");
  return at == std::string::npos ? "" : page.substr(at + row.size() + 2, page.find('\n', at + 1) - at - row.size() - 2);
}

// Waits until a metric has that value.
void Await(ClientThread& thread, const std::string& row, const std::string& value) {
  while (Value(thread, row) != value) std::this_thread::yield();
}

TEST(ClientPool, UsesOneConnectionForCallsInTurn) {
  Provider provider(Always(Ok("hi")));
  ClientThread thread;
  for (int i = 0; i < 5; ++i) ASSERT_EQ(Fetch(thread, CallTo(provider)).body, "hi");
  EXPECT_EQ(provider.connections(), 1);
  EXPECT_EQ(Value(thread, "reflex_upstream_connections{state=\"idle\"}"), "1");
}

TEST(ClientPool, KeepsAConnectionAfterEachKindOfCompleteReply) {
  for (const std::string& reply :
       {Ok("hi"), Ok(""), std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
        std::string("HTTP/1.1 204 No Content\r\n\r\n"), std::string("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"),
        std::string("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n") + Ok("hi"),
        std::string("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi")}) {
    Provider provider(Always(reply));
    ClientThread thread;
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(Fetch(thread, CallTo(provider)).complete()) << reply;
    EXPECT_EQ(provider.connections(), 1) << reply;
  }
}

TEST(ClientPool, KeepsNoConnectionThatTheReplyEnds) {
  for (const std::string& reply : {Ok("hi", "Connection: close\r\n"), std::string("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
                                   Ok("hi", "Keep-Alive: timeout=1\r\n"), Ok("hi") + "surplus"}) {
    Provider provider(Always(reply));
    ClientThread thread;
    for (int i = 0; i < 2; ++i) ASSERT_EQ(Fetch(thread, CallTo(provider)).body, "hi") << reply;
    EXPECT_EQ(provider.connections(), 2) << reply;
  }
}

TEST(ClientPool, NoticesThatAnIdleConnectionWasClosed) {
  std::promise<void> close_it;
  std::shared_future<void> closing(close_it.get_future());
  Provider provider([&](Peer& peer) {
    peer.ReadRequest();
    peer.Send(Ok("hi"));
    closing.wait();
  });
  ClientThread thread;
  ASSERT_EQ(Fetch(thread, CallTo(provider)).body, "hi");
  close_it.set_value();
  Await(thread, "reflex_upstream_connections{state=\"idle\"}", "0");
  ASSERT_EQ(Fetch(thread, CallTo(provider)).body, "hi");
  EXPECT_EQ(Value(thread, "reflex_upstream_retries_total"), "0");
}

TEST(ClientPool, DropsAnIdleConnectionThatSpeaksUnasked) {
  std::promise<void> speak;
  std::shared_future<void> speaking(speak.get_future());
  Provider provider([&](Peer& peer) {
    peer.ReadRequest();
    peer.Send(Ok("hi"));
    speaking.wait();
    peer.Send("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
    peer.AwaitClose();
  });
  ClientThread thread;
  ASSERT_EQ(Fetch(thread, CallTo(provider)).body, "hi");
  speak.set_value();
  Await(thread, "reflex_upstream_connections{state=\"idle\"}", "0");
  EXPECT_EQ(Fetch(thread, CallTo(provider)).status, 200);
}

// The provider closes a kept connection when the second request arrives on it.
Provider::Script AnswersOnce(bool with_reset) {
  return [with_reset](Peer& peer) {
    peer.ReadRequest();
    peer.Send(Ok("hi"));
    if (peer.ReadRequest() && with_reset) peer.Reset();
  };
}

TEST(ClientPool, RepeatsACallOnceWhenAKeptConnectionClosedBeforeAnyByte) {
  for (const bool with_reset : {false, true}) {
    Provider provider(AnswersOnce(with_reset));
    ClientThread thread;
    TestCall call = CallTo(provider, "POST");
    call.body = {"{}"};
    ASSERT_EQ(Fetch(thread, call).body, "hi");
    ASSERT_EQ(Fetch(thread, call).body, "hi");
    EXPECT_EQ(provider.connections(), 2);
    EXPECT_EQ(Value(thread, "reflex_upstream_retries_total"), "1");
  }
}

TEST(ClientPool, RepeatsNothingThatFailsOnAFreshConnection) {
  Provider provider([](Peer& peer) { peer.ReadRequest(); });
  ClientThread thread;
  const auto answer = Fetch(thread, CallTo(provider));
  ASSERT_TRUE(answer.send_error);
  EXPECT_EQ(answer.send_error->code, ErrorCode::kClosed);
  EXPECT_EQ(provider.connections(), 1);
}

TEST(ClientPool, RepeatsNothingAfterAByteOfTheReply) {
  Provider provider([](Peer& peer) {
    peer.ReadRequest();
    peer.Send(Ok("hi"));
    peer.ReadRequest();
    peer.Send("H");
  });
  ClientThread thread;
  ASSERT_EQ(Fetch(thread, CallTo(provider)).body, "hi");
  const auto answer = Fetch(thread, CallTo(provider));
  ASSERT_TRUE(answer.send_error);
  EXPECT_EQ(answer.send_error->code, ErrorCode::kClosed);
  EXPECT_EQ(provider.connections(), 1);
}

TEST(ClientPool, RepeatsNoCallWhoseBodyCannotBeSentAgain) {
  Provider provider(AnswersOnce(false));
  ClientThread thread;
  ASSERT_EQ(Fetch(thread, CallTo(provider)).body, "hi");
  TestCall call = CallTo(provider, "POST");
  call.source = SourceOf({"x"});
  const auto answer = Fetch(thread, call);
  ASSERT_TRUE(answer.send_error);
  EXPECT_EQ(answer.send_error->code, ErrorCode::kClosed);
  EXPECT_EQ(provider.connections(), 1);
}

TEST(ClientPool, RetiresAConnectionAfterItsLife) {
  Provider provider(Always(Ok("hi")));
  ClientOptions options;
  options.connection_life = 1ms;
  ClientThread thread(options);
  for (int i = 0; i < 3; ++i) {
    const auto start = thread.io().now();
    while (thread.io().now() < start + 10ms) std::this_thread::yield();
    ASSERT_EQ(Fetch(thread, CallTo(provider)).body, "hi");
    Await(thread, "reflex_upstream_connections{state=\"idle\"}", "0");
  }
  EXPECT_EQ(provider.connections(), 3);
}

TEST(ClientPool, ClosesAnIdleConnectionAfterItsTime) {
  std::promise<void> closed;
  Provider provider([&](Peer& peer) {
    peer.ReadRequest();
    peer.Send(Ok("hi"));
    peer.AwaitClose();
    closed.set_value();
  });
  ClientOptions options;
  options.idle_timeout = 20ms;
  ClientThread thread(options);
  ASSERT_EQ(Fetch(thread, CallTo(provider)).body, "hi");
  EXPECT_EQ(closed.get_future().wait_for(5s), std::future_status::ready);
}

TEST(ClientPool, BoundsTheIdleConnectionsOfAnOrigin) {
  std::atomic<int> waiting{0};
  Provider provider([&](Peer& peer) {
    while (peer.ReadRequest()) {
      ++waiting;
      while (waiting < 6) std::this_thread::yield();  // All at once, so that none can be reused.
      peer.Send(Ok("hi"));
    }
  });
  ClientOptions options;
  options.idle_connections_max = 2;
  ClientThread thread(options);
  const TestCall call = CallTo(provider);
  std::vector<std::future<fakes::Answer>> answers;
  for (int i = 0; i < 6; ++i) answers.push_back(thread.Start([&] { return fakes::Fetch(thread.client(), call.View()); }));
  for (auto& answer : answers) EXPECT_EQ(answer.get().body, "hi");
  EXPECT_EQ(provider.connections(), 6);
  Await(thread, "reflex_upstream_connections{state=\"open\"}", "2");
  EXPECT_EQ(Value(thread, "reflex_upstream_connections{state=\"idle\"}"), "2");
}

TEST(ClientPool, UsesTheConnectionUsedLastFirst) {
  std::atomic<int> waiting{0};
  std::atomic<int> number{0};
  Provider provider([&](Peer& peer) {
    const int mine = ++number;
    bool first = true;
    while (peer.ReadRequest()) {
      if (std::exchange(first, false)) {
        ++waiting;
        while (waiting < 2) std::this_thread::yield();
      }
      peer.Send(Ok(std::to_string(mine)));
    }
  });
  ClientThread thread;
  const TestCall call = CallTo(provider);
  auto one = thread.Start([&] { return fakes::Fetch(thread.client(), call.View()); });
  auto two = thread.Start([&] { return fakes::Fetch(thread.client(), call.View()); });
  one.get();
  two.get();
  const std::string last = Fetch(thread, call).body;
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Fetch(thread, call).body, last);
}

}  // namespace
}  // namespace reflex::http
