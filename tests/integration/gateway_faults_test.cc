#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <string>

#include "answers.h"
#include "node.h"
#include "sockets.h"

// A provider on a real socket that fails at every byte, and clients that leave: right status, nothing stored, no descriptor lost.
namespace reflex::integration {
namespace {

std::string StreamReply() {
  std::string reply = EventsHead();
  for (const std::string& event : AnswerEvents()) reply += Chunk(event);
  return reply + "0\r\n\r\n";
}

// What a client may see of a reply that was cut: an error of ours, or a stream that ends with an error event.
void ExpectFailure(const Message& reply, std::size_t cut) {
  EXPECT_TRUE(reply.whole) << cut;
  if (reply.status() == 200) {
    EXPECT_NE(reply.body.find(R"("code":"upstream_)"), std::string::npos) << cut << ": " << reply.body;
    EXPECT_EQ(reply.body.find("[DONE]"), std::string::npos) << cut;
  } else {
    EXPECT_EQ(reply.status(), 502) << cut;
    EXPECT_EQ(reply.Header("X-Reflex-Status"), "error");
    EXPECT_NE(reply.body.find(R"("error":{"message":)"), std::string::npos);
  }
}

void CutEverywhere(const std::string& whole, std::size_t from, std::size_t until, std::size_t step, bool stream, bool reset) {
  std::atomic<std::size_t> cut{0};
  ScriptedServer provider([&](Socket& socket, const Message&) {
    socket.Send(std::string_view(whole).substr(0, cut));
    if (reset) socket.ResetOnClose();
    return false;
  });
  std::size_t descriptors = 0;
  {
    Node node({.upstream_url = provider.url(), .store = {}, .threads = 1, .gateway = {}, .client = {}, .server = {}});
    for (cut = from; cut < until; cut += step) {
      ExpectFailure(node.AskChat(ChatBody("q", stream ? R"(,"stream":true)" : "")), cut);
      if (cut == from) descriptors = OpenDescriptors();
    }
    node.WaitForNoFlights();
    EXPECT_EQ(node.cache().Stats().memory_entries, 0u);
    EXPECT_LE(OpenDescriptors(), descriptors + 4) << "no descriptor is lost to a failed call";
  }
}

TEST(GatewayFaults, PlainAnswersClosedAtEachByte) {
  const std::string whole = JsonReply(200, PlainAnswer("hello"));
  CutEverywhere(whole, 0, whole.size(), 1, false, false);
}

TEST(GatewayFaults, PlainAnswersResetAtEachByte) {
  const std::string whole = JsonReply(200, PlainAnswer("hello"));
  CutEverywhere(whole, 0, whole.size(), 3, false, true);
}

TEST(GatewayFaults, StreamsClosedAtEachByteBeforeDone) {
  const std::string whole = StreamReply();
  CutEverywhere(whole, 0, whole.find("data: [DONE]"), 2, true, false);
}

TEST(GatewayFaults, GarbageInsteadOfHttp) {
  for (const std::string garbage : {"garbage\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
                                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    ScriptedServer provider([&](Socket& socket, const Message&) {
      socket.Send(garbage);
      return false;
    });
    Node node({.upstream_url = provider.url(), .store = {}, .threads = 1, .gateway = {}, .client = {}, .server = {}});
    const Message reply = node.AskChat(ChatBody("q"));
    EXPECT_EQ(reply.status(), 502) << garbage;
    EXPECT_EQ(reply.Header("X-Reflex-Reason"), "upstream-protocol") << garbage;
  }
}

TEST(GatewayFaults, AProviderThatRefusesIs502AndOneThatStallsIs504) {
  std::string url;
  {
    ScriptedServer gone([](Socket&, const Message&) { return false; });
    url = gone.url();
  }
  Node refused({.upstream_url = url, .store = {}, .threads = 1, .gateway = {}, .client = {}, .server = {}});
  const Message unreachable = refused.AskChat(ChatBody("q"));
  EXPECT_EQ(unreachable.status(), 502);
  EXPECT_EQ(unreachable.Header("X-Reflex-Reason"), "upstream-unreachable");
  EXPECT_EQ(unreachable.body.find("127.0.0.1"), std::string::npos) << "no inner address";

  ScriptedServer stalls([](Socket& socket, const Message&) {
    socket.Receive();  // Until the gateway gives up.
    return false;
  });
  http::ClientOptions soon;
  soon.timeouts.first_byte = std::chrono::milliseconds(100);
  Node slow({.upstream_url = stalls.url(), .store = {}, .threads = 1, .gateway = {}, .client = soon, .server = {}});
  const Message late = slow.AskChat(ChatBody("q"));
  EXPECT_EQ(late.status(), 504);
  EXPECT_EQ(late.Header("X-Reflex-Reason"), "upstream-timeout");

  ScriptedServer stops([](Socket& socket, const Message&) {
    socket.Send(EventsHead() + Chunk(AnswerEvents()[0]));
    socket.Receive();
    return false;
  });
  http::ClientOptions steady;
  steady.timeouts.between_bytes = std::chrono::milliseconds(100);
  Node half({.upstream_url = stops.url(), .store = {}, .threads = 1, .gateway = {}, .client = steady, .server = {}});
  const Message cut = half.AskChat(ChatBody("q", R"(,"stream":true)"));
  EXPECT_EQ(cut.status(), 200);
  EXPECT_NE(cut.body.find(R"("code":"upstream_timeout")"), std::string::npos);
}

TEST(GatewayFaults, TheCallEndsWhenItsClientsHaveLeft) {
  for (const bool head_first : {false, true}) {
    std::promise<void> asked, ended;
    ScriptedServer provider([&](Socket& socket, const Message&) {
      if (head_first) socket.Send(EventsHead() + Chunk(AnswerEvents()[0]));
      asked.set_value();
      EXPECT_EQ(socket.Receive(), "") << "the gateway closes its call";
      ended.set_value();
      return false;
    });
    Node node({.upstream_url = provider.url(), .store = {}, .threads = 1, .gateway = {}, .client = {}, .server = {}});
    Socket client = node.Connect();
    client.Send(ChatRequest(ChatBody("q", R"(,"stream":true)")));
    asked.get_future().wait();
    if (head_first) {
      ASSERT_TRUE(client.ReceiveUntil("\n\n"));
    }
    client.Close();
    ended.get_future().wait();
    node.WaitForNoFlights();
    EXPECT_EQ(node.cache().Stats().memory_entries, 0u);
  }
}

TEST(GatewayFaults, ClientsThatComeAndGoLoseNoDescriptor) {
  ScriptedServer provider([](Socket& socket, const Message&) {
    socket.Send(EventsHead() + Chunk(AnswerEvents()[0]));
    socket.Receive();
    return false;
  });
  Node node({.upstream_url = provider.url(), .store = {}, .threads = 2, .gateway = {}, .client = {}, .server = {}});
  std::size_t descriptors = 0;
  for (int round = 0; round < 100; ++round) {
    Socket client = node.Connect();
    client.Send(ChatRequest(ChatBody("q" + std::to_string(round % 3), R"(,"stream":true)")));
    if (round % 2 == 0) client.ReceiveUntil("\n\n");
    client.ResetOnClose();
    client.Close();
    if (round % 10 == 9) node.WaitForNoFlights();
    if (round == 9) descriptors = OpenDescriptors();
  }
  node.WaitForNoFlights();
  EXPECT_LE(OpenDescriptors(), descriptors + 8);
}

}  // namespace
}  // namespace reflex::integration
