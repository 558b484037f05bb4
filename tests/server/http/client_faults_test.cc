// Providers that fail in every way: the right error, and no descriptor left behind.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <string>

#include "server/http/client_call.h"

namespace reflex::http {
namespace {

using fakes::ClientThread;
using fakes::Ok;
using fakes::OpenDescriptors;
using fakes::Peer;
using fakes::Provider;
using namespace std::chrono_literals;

const std::string kChunked =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n10\r\ndata: {\"a\": 1}\n\n\r\n"
    "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";

TEST(ClientFaults, ARefusedConnectionIsUnavailableAndNamesNoAddress) {
  Provider provider([](Peer&) {});
  ClientThread thread;
  TestCall call = CallTo(provider);
  call.origin.port = fakes::UnusedPort();
  const auto answer = Fetch(thread, call);
  ASSERT_TRUE(answer.send_error);
  EXPECT_EQ(answer.send_error->code, ErrorCode::kUnavailable);
  EXPECT_NE(answer.send_error->message.find("cannot connect to the provider"), std::string::npos);
  EXPECT_EQ(answer.send_error->message.find("127.0.0.1"), std::string::npos) << answer.send_error->message;
}

TEST(ClientFaults, TheServerIsCalledAsTheOptionsSay) {
  Provider provider([](Peer& peer) {
    if (peer.ReadRequest()) peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
  });
  ClientOptions options;
  options.peer = "Reflex";
  ClientThread thread(options);
  EXPECT_EQ(Fetch(thread, CallTo(provider)).read_error->message, "Reflex cut its reply off");
  TestCall call = CallTo(provider);
  call.origin.port = fakes::UnusedPort();
  const auto answer = Fetch(thread, call);
  ASSERT_TRUE(answer.send_error);
  EXPECT_TRUE(answer.send_error->message.starts_with("cannot connect to Reflex: ")) << answer.send_error->message;
}

TEST(ClientFaults, AnUnknownNameIsUnavailableOrNotResolvedInTime) {
  Provider provider([](Peer&) {});
  ClientThread thread;
  TestCall call = CallTo(provider);
  call.origin.host = "no-such-host.invalid";  // RFC 6761: never resolves.
  const auto answer = Fetch(thread, call);
  ASSERT_TRUE(answer.send_error);
  // Where no resolver answers, the time for a connection ends first.
  if (answer.send_error->code == ErrorCode::kTimeout) return;
  EXPECT_EQ(answer.send_error->code, ErrorCode::kUnavailable);
  EXPECT_NE(answer.send_error->message.find("cannot be resolved"), std::string::npos);
}

TEST(ClientFaults, TakesTheNextAddressOfAName) {
  Provider provider(fakes::Always(Ok("hi")));  // IPv4 only; "localhost" may be ::1 first.
  ClientThread thread;
  TestCall call = CallTo(provider);
  call.origin.host = "localhost";
  EXPECT_EQ(Fetch(thread, call).body, "hi");
}

// Ends the reply after each number of its bytes, on fresh connections, with an end or a reset.
void CutEverywhere(const std::string& reply, bool with_reset) {
  std::atomic<std::size_t> cut{0};
  Provider provider([&](Peer& peer) {
    if (!peer.ReadRequest()) return;
    peer.Send(reply.substr(0, cut));
    if (with_reset) peer.Reset();
  });
  ClientThread thread;
  const TestCall call = CallTo(provider);
  const std::size_t head = reply.find("\r\n\r\n") + 4;
  Fetch(thread, call);
  provider.AwaitNoneOpen();
  const std::size_t open = OpenDescriptors();
  for (cut = 0; cut < reply.size(); ++cut) {
    const auto answer = Fetch(thread, call);
    const auto& error = answer.send_error ? answer.send_error : answer.read_error;
    ASSERT_TRUE(error) << cut;
    EXPECT_EQ(error->code, ErrorCode::kClosed) << cut << ": " << error->message;
    if (!with_reset) EXPECT_EQ(answer.send_error.has_value(), cut < head) << cut;
  }
  provider.AwaitNoneOpen();
  EXPECT_EQ(OpenDescriptors(), open);
}

TEST(ClientFaults, AReplyCutAtAnyByteIsClosed) {
  CutEverywhere(Ok("{\"choices\":[]}", "Content-Type: application/json\r\n"), false);
  CutEverywhere(kChunked, false);
}

TEST(ClientFaults, AReplyResetAtAnyByteIsClosed) {
  CutEverywhere(Ok("{\"choices\":[]}", "Content-Type: application/json\r\n"), true);
  CutEverywhere(kChunked, true);
}

TEST(ClientFaults, AReplyThatComesByteByByteIsWhole) {
  Provider provider([](Peer& peer) {
    peer.ReadRequest();
    for (char c : kChunked) peer.Send({&c, 1});
  });
  ClientThread thread;
  const auto answer = Fetch(thread, CallTo(provider));
  EXPECT_TRUE(answer.complete());
  EXPECT_EQ(answer.body, "data: {\"a\": 1}\n\ndata: [DONE]\n\n");
}

TEST(ClientFaults, GarbageIsAProtocolError) {
  for (const std::string& reply :
       {std::string("SSH-2.0-OpenSSH_9.2\r\n"), std::string("\0\0\0\0", 4), std::string("HTTP/2 200\r\n\r\n"),
        std::string("HTTP/1.1 20 OK\r\n\r\n"), std::string("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nA : b\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")}) {
    Provider provider([&](Peer& peer) {
      peer.ReadRequest();
      peer.Send(reply);
      peer.AwaitClose();
    });
    ClientThread thread;
    const auto answer = Fetch(thread, CallTo(provider));
    ASSERT_TRUE(answer.send_error) << reply;
    EXPECT_EQ(answer.send_error->code, ErrorCode::kProtocol) << reply;
  }
}

TEST(ClientFaults, ABadChunkIsAProtocolErrorAfterTheGoodOnes) {
  for (const char* bad : {"zz\r\n", "-1\r\n", "fffffffffffffffff\r\n", " 2\r\nab\r\n", "2\r\nabc\r\n"}) {
    Provider provider([&](Peer& peer) {
      peer.ReadRequest();
      peer.Send(std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n") + bad);
      peer.AwaitClose();
    });
    ClientThread thread;
    const auto answer = Fetch(thread, CallTo(provider));
    EXPECT_TRUE(answer.body.starts_with("good"));
    ASSERT_TRUE(answer.read_error) << bad;
    EXPECT_EQ(answer.read_error->code, ErrorCode::kProtocol) << bad;
  }
}

TEST(ClientFaults, ManyCallsOfEveryKindLeaveNoDescriptor) {
  std::atomic<unsigned> number{0};
  Provider provider([&](Peer& peer) {
    while (peer.ReadRequest()) {
      switch (number++ % 6) {
        case 0: peer.Send(Ok("hi")); break;
        case 1: peer.Send(kChunked.substr(0, 100)); return;
        case 2: return peer.Reset();
        case 3: peer.Send("garbage\r\n\r\n"); return;
        case 4: peer.Send("HTTP/1.1 500 Oops\r\nContent-Length: 4\r\nConnection: close\r\n\r\noops"); return;
        default: return;
      }
    }
  });
  const std::size_t before = OpenDescriptors();
  {
    ClientThread thread;
    const TestCall call = CallTo(provider);
    for (int round = 0; round < 40; ++round) {
      std::vector<std::future<fakes::Answer>> answers;
      for (int i = 0; i < 8; ++i) answers.push_back(thread.Start([&] { return fakes::Fetch(thread.client(), call.View()); }));
      for (auto& answer : answers) answer.get();
    }
  }
  provider.AwaitNoneOpen();
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST(ClientFaults, AClientThatEndsLeavesNoCallBehind) {
  std::promise<void> asked;
  Provider provider([&](Peer& peer) {
    peer.ReadRequest();
    asked.set_value();
    peer.AwaitClose();
  });
  const std::size_t before = OpenDescriptors();
  {
    ClientThread thread;
    const TestCall call = CallTo(provider);
    auto answer = thread.Start([&] { return fakes::Fetch(thread.client(), call.View()); });
    asked.get_future().wait();
  }
  provider.AwaitNoneOpen();
  EXPECT_EQ(OpenDescriptors(), before);
}

}  // namespace
}  // namespace reflex::http
