// What the client puts on the wire.
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <string>

#include "server/http/client_call.h"

namespace reflex::http {
namespace {

using fakes::ClientThread;
using fakes::Ok;
using fakes::Peer;
using fakes::Provider;
using fakes::ReceivedRequest;

// A provider that shows the request it got as the body of its reply.
Provider::Script Echo() {
  return [](Peer& peer) {
    while (auto request = peer.ReadRequest()) peer.Send(Ok(request->head + request->body));
  };
}

TEST(ClientRequest, KeepsTheFieldsAndTheirOrder) {
  Provider provider(Echo());
  ClientThread thread;
  TestCall call = CallTo(provider, "GET", "/v1/models?limit=2");
  call.headers = {{"X-B", "1"}, {"x-a", "two words"}, {"X-B", "3"}};
  const auto answer = Fetch(thread, call);
  ASSERT_TRUE(answer.complete());
  EXPECT_EQ(answer.body, "GET /v1/models?limit=2 HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(provider.port()) +
                             "\r\nX-B: 1\r\nx-a: two words\r\nX-B: 3\r\n\r\n");
}

TEST(ClientRequest, SendsABodyOfSeveralPiecesWithItsLength) {
  Provider provider(Echo());
  ClientThread thread;
  TestCall call = CallTo(provider, "POST");
  call.body = {"{\"a\":", "", "1}"};
  call.has_body = true;
  const auto answer = Fetch(thread, call);
  EXPECT_NE(answer.body.find("\r\nContent-Length: 7\r\n\r\n{\"a\":1}"), std::string::npos) << answer.body;
}

TEST(ClientRequest, SaysThatABodyIsEmpty) {
  Provider provider(Echo());
  ClientThread thread;
  TestCall call = CallTo(provider, "POST");
  call.has_body = true;
  EXPECT_NE(Fetch(thread, call).body.find("\r\nContent-Length: 0\r\n"), std::string::npos);
  call.has_body = false;
  EXPECT_EQ(Fetch(thread, call).body.find("Content-Length"), std::string::npos);
}

TEST(ClientRequest, LeavesOutFieldsThatAreItsOwn) {
  Provider provider(Echo());
  ClientThread thread;
  TestCall call = CallTo(provider, "POST");
  call.headers = {
      {"host", "evil"}, {"content-length", "99"}, {"transfer-encoding", "chunked"}, {"connection", "close"}, {"X", "1"}};
  call.body = {"hi"};
  const auto answer = Fetch(thread, call);
  EXPECT_EQ(answer.body,
            "POST / HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(provider.port()) + "\r\nX: 1\r\nContent-Length: 2\r\n\r\nhi");
}

TEST(ClientRequest, RefusesBytesThatWouldEndALine) {
  Provider provider(Echo());
  ClientThread thread;
  for (const char* value : {"a\r\nX-Evil: 1", "a\nb", "a\rb"}) {
    TestCall call = CallTo(provider);
    call.headers = {{"X", value}};
    const auto answer = Fetch(thread, call);
    ASSERT_TRUE(answer.send_error);
    EXPECT_EQ(answer.send_error->code, ErrorCode::kInvalidArgument);
  }
  const auto answer = Fetch(thread, CallTo(provider, "GET", "/a b"));
  ASSERT_TRUE(answer.send_error);
  EXPECT_EQ(answer.send_error->code, ErrorCode::kInvalidArgument);
}

TEST(ClientRequest, SendsASourceWithItsLengthOrChunked) {
  Provider provider(Echo());
  ClientThread thread;
  TestCall call = CallTo(provider, "POST");
  call.source = SourceOf({"one", "twotwo"});
  EXPECT_NE(Fetch(thread, call).body.find("Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n6\r\ntwotwo\r\n0\r\n\r\n"),
            std::string::npos);
  call.source = SourceOf({"one", "twotwo"});
  call.source_length = 9;
  EXPECT_NE(Fetch(thread, call).body.find("Content-Length: 9\r\n\r\nonetwotwo"), std::string::npos);
}

TEST(ClientRequest, PassesTheSourcesErrorOnAndRefusesAWrongLength) {
  Provider provider(Echo());
  ClientThread thread;
  TestCall call = CallTo(provider, "POST");
  call.source = []() -> Task<Result<std::string_view>> { co_return Fail(ErrorCode::kTooLarge, "enough"); };
  EXPECT_EQ(Fetch(thread, call).send_error->code, ErrorCode::kTooLarge);
  call.source_length = 5;
  call.source = SourceOf({"123456"});
  EXPECT_EQ(Fetch(thread, call).send_error->code, ErrorCode::kInvalidArgument);
  call.source = SourceOf({"1234"});
  EXPECT_EQ(Fetch(thread, call).send_error->code, ErrorCode::kClosed);
}

TEST(ClientRequest, SendsALargeBodyWhole) {
  Provider provider([](Peer& peer) {
    auto request = peer.ReadRequest();
    if (request) peer.Send(Ok(std::to_string(std::hash<std::string>()(request->body))));
  });
  ClientThread thread;
  std::string large(4 << 20, 'x');
  for (std::size_t i = 0; i < large.size(); i += 997) large[i] = static_cast<char>('a' + i % 26);
  TestCall call = CallTo(provider, "POST");
  call.body = {std::string_view(large).substr(0, 1000), std::string_view(large).substr(1000)};
  EXPECT_EQ(Fetch(thread, call).body, std::to_string(std::hash<std::string>()(large)));
}

TEST(ClientRequest, ReturnsAnEarlyRefusalWhileTheBodyIsStillBeingSent) {
  Provider provider([](Peer& peer) {
    peer.ReadHead();
    peer.Send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\nConnection: close\r\n\r\ntoo large");
    peer.AwaitClose();
  });
  ClientThread thread;
  const std::string large(16 << 20, 'x');
  TestCall call = CallTo(provider, "POST");
  call.body = {large};
  const auto answer = Fetch(thread, call);
  EXPECT_TRUE(answer.complete());
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.body, "too large");
}

TEST(ClientRequest, ReturnsAnEarlyRefusalBetweenPiecesOfASource) {
  std::promise<void> refused;
  Provider provider([&](Peer& peer) {
    peer.ReadHead();
    peer.Send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");
    refused.set_value();
    peer.AwaitClose();
  });
  ClientThread thread;
  TestCall call = CallTo(provider, "POST");
  auto pieces = std::make_shared<int>(0);
  call.source = [&, pieces]() -> Task<Result<std::string_view>> {
    if (++*pieces == 2) refused.get_future().wait();
    co_await Sleep(thread.io(), std::chrono::milliseconds(1));
    co_return std::string_view(*pieces < 1000 ? "more" : "");
  };
  const auto answer = Fetch(thread, call);
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(answer.body, "no");
  EXPECT_LT(*pieces, 1000);
}

TEST(ClientRequest, GoesOnSendingAfterAnEarlySuccess) {
  Provider provider([](Peer& peer) {
    auto request = peer.ReadHead();
    peer.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    std::size_t left = 8 << 20;
    while (left > 0) left -= peer.ReadSome(left).size();
    peer.Send("3\r\nall\r\n0\r\n\r\n");
    peer.AwaitClose();
  });
  ClientThread thread;
  const std::string large(8 << 20, 'x');
  TestCall call = CallTo(provider, "POST");
  call.body = {large};
  EXPECT_EQ(Fetch(thread, call).body, "all");
}

}  // namespace
}  // namespace reflex::http
