// How replies are read: framing, limits, cancelling, tunnels.
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

TEST(ClientReply, GivesStatusAndAllFieldsInOrder) {
  Provider provider(
      Always("HTTP/1.1 429 Too Many\r\nSet-Cookie: a=1\r\nRetry-After: 7\r\nset-cookie: b=2\r\nContent-Length: 3\r\n\r\nbad"));
  ClientThread thread;
  const auto answer = Fetch(thread, CallTo(provider));
  EXPECT_EQ(answer.status, 429);
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"Set-Cookie", "a=1"}, {"Retry-After", "7"}, {"set-cookie", "b=2"}, {"Content-Length", "3"}};
  EXPECT_EQ(answer.headers, expected);
  EXPECT_EQ(answer.body, "bad");
}

TEST(ClientReply, HeadersStayValidAfterTheConnectionIsUsedAgain) {
  Provider provider(Always(Ok("hi", "X-One: 1\r\n")));
  ClientThread thread;
  const TestCall call = CallTo(provider);
  const auto value = thread.Run([&]() -> Task<std::string> {
    auto first = co_await thread.client().Send(call.View(), nullptr);
    while (!(co_await (*first)->Read())->empty()) {
    }
    co_await fakes::Fetch(thread.client(), call.View());
    co_return std::string(HeaderValue((*first)->headers(), "x-one"));
  });
  EXPECT_EQ(value, "1");
  EXPECT_EQ(provider.connections(), 1);
}

TEST(ClientReply, HasNoBodyWhereHttpSaysSo) {
  for (const char* method : {"HEAD", "GET"}) {
    Provider provider(Always(std::string(method) == "HEAD" ? "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
                                                           : "HTTP/1.1 204 No Content\r\nContent-Type: x\r\n\r\n"));
    ClientThread thread;
    const auto answer = Fetch(thread, CallTo(provider, method));
    EXPECT_TRUE(answer.complete());
    EXPECT_EQ(answer.body, "");
  }
}

TEST(ClientReply, TellsTheLengthIfItWasTold) {
  Provider provider(Always(Ok("12345")));
  ClientThread thread;
  const TestCall call = CallTo(provider);
  EXPECT_EQ(thread.Run([&]() -> Task<std::uint64_t> {
    auto reply = co_await thread.client().Send(call.View(), nullptr);
    co_return (*reply)->content_length().value_or(0);
  }),
            5u);
}

TEST(ClientReply, ReadsABodyThatEndsWithTheConnection) {
  Provider provider([](Peer& peer) {
    peer.ReadRequest();
    peer.Send("HTTP/1.1 200 OK\r\n\r\nuntil ");
    peer.Send("the end");
  });
  ClientThread thread;
  const auto answer = Fetch(thread, CallTo(provider));
  EXPECT_TRUE(answer.complete());
  EXPECT_EQ(answer.body, "until the end");
}

TEST(ClientReply, GivesEachPieceAsSoonAsItArrives) {
  std::atomic<int> seen{0};
  Provider provider([&](Peer& peer) {
    peer.ReadRequest();
    peer.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 3; ++i) {
      peer.Send("6\r\nevent" + std::to_string(i) + "\r\n");
      while (seen <= i) std::this_thread::yield();  // Nothing more before this one was read.
    }
    peer.Send("0\r\n\r\n");
  });
  ClientThread thread;
  const TestCall call = CallTo(provider);
  const auto pieces = thread.Run([&]() -> Task<std::vector<std::string>> {
    std::vector<std::string> read;
    auto reply = co_await thread.client().Send(call.View(), nullptr);
    for (;;) {
      const auto piece = co_await (*reply)->Read();
      if (!piece || piece->empty()) break;
      read.emplace_back(*piece);
      ++seen;
    }
    co_return read;
  });
  EXPECT_EQ(pieces, (std::vector<std::string>{"event0", "event1", "event2"}));
}

TEST(ClientReply, JoinsChunksThatCameTogether) {
  std::string reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", body;
  for (int i = 0; i < 100; ++i) {
    reply += "5\r\n" + std::to_string(10000 + i) + "\r\n";
    body += std::to_string(10000 + i);
  }
  Provider provider(Always(reply + "0\r\nTrailer: x\r\n\r\n"));
  ClientThread thread;
  const auto answer = Fetch(thread, CallTo(provider));
  EXPECT_EQ(answer.body, body);
  EXPECT_LT(answer.pieces, 100u);
}

TEST(ClientReply, ReadsLargeBodiesOfBothFramings) {
  std::string body(2 << 20, 'a');
  for (std::size_t i = 0; i < body.size(); i += 1009) body[i] = static_cast<char>('b' + i % 20);
  char size[16];
  std::snprintf(size, sizeof size, "%zx", body.size());
  for (const std::string& reply :
       {Ok(body), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(size) + "\r\n" + body + "\r\n0\r\n\r\n"}) {
    Provider provider(Always(reply));
    ClientThread thread;
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(Fetch(thread, CallTo(provider)).body == body);
    EXPECT_EQ(provider.connections(), 1);
  }
}

TEST(ClientReply, ClosesItsConnectionIfItIsDroppedBeforeTheEnd) {
  std::promise<void> closed;
  Provider provider([&](Peer& peer) {
    peer.ReadRequest();
    peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
    peer.AwaitClose();
    closed.set_value();
  });
  ClientThread thread;
  const TestCall call = CallTo(provider);
  thread.Run([&]() -> Task<int> {
    auto reply = co_await thread.client().Send(call.View(), nullptr);
    co_await (*reply)->Read();
    co_return (*reply)->status();
  });
  EXPECT_EQ(closed.get_future().wait_for(5s), std::future_status::ready);
}

TEST(ClientReply, LimitsTheHead) {
  ClientOptions options;
  options.head_bytes_max = 1000;
  for (const std::string& reply :
       {Ok("hi", "X: " + std::string(2000, 'x') + "\r\n"), "HTTP/1.1 200 OK\r\nX: " + std::string(2000, 'x')}) {
    Provider provider(Always(reply));
    ClientThread thread(options);
    const auto answer = Fetch(thread, CallTo(provider));
    ASSERT_TRUE(answer.send_error);
    EXPECT_EQ(answer.send_error->code, ErrorCode::kProtocol);
  }
  Provider provider(Always(Ok("hi", "X: " + std::string(40000, 'x') + "\r\n")));
  ClientThread thread;
  EXPECT_EQ(Fetch(thread, CallTo(provider)).Header("X").size(), 40000u);
}

TEST(ClientReply, TimesOutWhenNothingComes) {
  // The limit of one holds for its provider only: the other has to answer first.
  ClientOptions for_silent, for_stalling;
  for_silent.timeouts.first_byte = 20ms;
  for_stalling.timeouts.between_bytes = 20ms;
  Provider silent([](Peer& peer) { peer.AwaitClose(); });
  Provider stalling([](Peer& peer) {
    peer.ReadRequest();
    peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
    peer.AwaitClose();
  });
  ClientThread first_thread(for_silent), second_thread(for_stalling);
  const auto first = Fetch(first_thread, CallTo(silent));
  ASSERT_TRUE(first.send_error);
  EXPECT_EQ(first.send_error->code, ErrorCode::kTimeout);
  const auto second = Fetch(second_thread, CallTo(stalling));
  EXPECT_EQ(second.body, "some");
  ASSERT_TRUE(second.read_error);
  EXPECT_EQ(second.read_error->code, ErrorCode::kTimeout);
  silent.AwaitNoneOpen();
  stalling.AwaitNoneOpen();
}

TEST(ClientReply, TimesOutWhenTheProviderTakesNoBody) {
  ClientOptions options;
  options.timeouts.between_bytes = 20ms;
  std::promise<void> done;
  std::shared_future<void> end(done.get_future());
  Provider provider([&](Peer&) { end.wait(); });
  ClientThread thread(options);
  const std::string large(16 << 20, 'x');
  TestCall call = CallTo(provider, "POST");
  call.body = {large};
  const auto answer = Fetch(thread, call);
  done.set_value();
  ASSERT_TRUE(answer.send_error);
  EXPECT_EQ(answer.send_error->code, ErrorCode::kTimeout);
}

TEST(ClientReply, ASlowReaderIsNotTheProvidersTimeout) {
  ClientOptions options;
  options.timeouts.between_bytes = 20ms;
  Provider provider(Always(Ok(std::string(1 << 20, 'x'))));
  ClientThread thread(options);
  const TestCall call = CallTo(provider);
  const auto size = thread.Run([&]() -> Task<std::size_t> {
    std::size_t total = 0;
    auto reply = co_await thread.client().Send(call.View(), nullptr);
    if (!reply) co_return 0;
    co_await Sleep(thread.io(), 300ms);  // Longer than the limit and a sweep.
    for (auto piece = co_await (*reply)->Read(); piece && !piece->empty(); piece = co_await (*reply)->Read()) {
      if (total == 0) co_await Sleep(thread.io(), 300ms);
      total += piece->size();
    }
    co_return total;
  });
  EXPECT_EQ(size, std::size_t{1} << 20);
}

TEST(ClientReply, CancelEndsASendThatWaits) {
  std::promise<void> asked;
  Provider provider([&](Peer& peer) {
    peer.ReadRequest();
    asked.set_value();
    peer.AwaitClose();
  });
  ClientThread thread;
  CallHandle handle;
  const TestCall call = CallTo(provider);
  auto answer = thread.Start([&] { return fakes::Fetch(thread.client(), call.View(), &handle); });
  asked.get_future().wait();
  thread.Call([&] { return handle.Cancel(), 0; });
  EXPECT_EQ(answer.get().send_error->code, ErrorCode::kCancelled);
  provider.AwaitNoneOpen();
}

TEST(ClientReply, CancelBeforeTheSendConnectsNowhere) {
  Provider provider(Always(Ok("hi")));
  ClientThread thread;
  CallHandle handle;
  handle.Cancel();
  const TestCall call = CallTo(provider);
  EXPECT_EQ(thread.Run([&] { return fakes::Fetch(thread.client(), call.View(), &handle); }).send_error->code,
            ErrorCode::kCancelled);
  EXPECT_EQ(provider.connections(), 0);
}

TEST(ClientReply, CancelEndsResolvingConnectingAndSending) {
  Provider provider([](Peer& peer) { peer.AwaitClose(); });
  ClientThread thread;
  TestCall resolving = CallTo(provider);
  resolving.origin.host = "localhost";
  // 192.0.2.0/24 is for documentation (RFC 5737): it answers nothing, or the network refuses at once.
  TestCall connecting = CallTo(provider);
  connecting.origin.host = "192.0.2.1";
  for (const TestCall* call : {&resolving, &connecting}) {
    CallHandle handle;
    auto answer = thread.Start([&] { return fakes::Fetch(thread.client(), call->View(), &handle); });
    thread.Call([&] { return handle.Cancel(), 0; });
    const ErrorCode code = answer.get().send_error->code;
    EXPECT_TRUE(code == ErrorCode::kCancelled || (call == &connecting && code == ErrorCode::kUnavailable)) << Name(code);
  }
}

TEST(ClientReply, CancelEndsAReadAndTheReadsAfterIt) {
  Provider provider([&](Peer& peer) {
    peer.ReadRequest();
    peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    peer.AwaitClose();
  });
  ClientThread thread;
  const TestCall call = CallTo(provider);
  const auto codes = thread.Run([&]() -> Task<std::vector<ErrorCode>> {
    auto reply = co_await thread.client().Send(call.View(), nullptr);
    thread.io().Post([&] { (*reply)->Cancel(); });
    std::vector<ErrorCode> seen;
    for (int i = 0; i < 2; ++i) seen.push_back((co_await (*reply)->Read()).error().code);
    co_return seen;
  });
  EXPECT_EQ(codes, (std::vector<ErrorCode>{ErrorCode::kCancelled, ErrorCode::kCancelled}));
  provider.AwaitNoneOpen();
}

TEST(ClientReply, IsATunnelAfterA101) {
  Provider provider([](Peer& peer) {
    const auto request = peer.ReadRequest();
    if (request->Field("Connection") != "upgrade" || request->Field("Upgrade") != "echo") return;
    peer.Send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nhello ");
    for (std::string bytes = peer.ReadSome(1000); !bytes.empty() && bytes != "bye"; bytes = peer.ReadSome(1000)) peer.Send(bytes);
  });
  ClientThread thread;
  TestCall call = CallTo(provider);
  call.headers = {{"Upgrade", "echo"}};
  call.upgrade = true;
  const auto heard = thread.Run([&]() -> Task<std::string> {
    std::string read;
    auto reply = co_await thread.client().Send(call.View(), nullptr);
    if ((*reply)->status() != 101) co_return "no tunnel";
    read += (co_await (*reply)->Read()).value();
    co_await (*reply)->Write(
        "\x01\x02"
        "abc");
    while (read.size() < 11) read += (co_await (*reply)->Read()).value();
    co_await (*reply)->Write("bye");
    read += (co_await (*reply)->Read()).value();
    co_return read;
  });
  EXPECT_EQ(heard,
            "hello \x01\x02"
            "abc");
}

TEST(ClientReply, ATunnelReadsWhileItWrites) {
  constexpr std::size_t kBytes = 8 << 20;
  Provider provider([](Peer& peer) {
    peer.ReadRequest();
    peer.Send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n");
    for (std::string bytes = peer.ReadSome(65536); !bytes.empty(); bytes = peer.ReadSome(65536)) peer.Send(bytes);
  });
  ClientThread thread;
  TestCall call = CallTo(provider);
  call.headers = {{"Upgrade", "echo"}};
  call.upgrade = true;
  const std::string sent(kBytes, 'x');
  const auto total = thread.Run([&]() -> Task<std::size_t> {
    auto reply = co_await thread.client().Send(call.View(), nullptr);
    auto write = [](ClientReply& to, const std::string& bytes) -> Task<void> { co_await to.Write(bytes); };
    thread.io().Spawn(write(**reply, sent));
    std::size_t read = 0;
    while (read < kBytes) read += (co_await (*reply)->Read()).value().size();
    co_return read;
  });
  EXPECT_EQ(total, kBytes);
}

TEST(ClientReply, RefusesA101ThatNobodyAskedFor) {
  Provider provider(Always("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n"));
  ClientThread thread;
  EXPECT_EQ(Fetch(thread, CallTo(provider)).send_error->code, ErrorCode::kProtocol);
}

}  // namespace
}  // namespace reflex::http
