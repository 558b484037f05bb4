#include <gtest/gtest.h>

#include <future>
#include <semaphore>
#include <string>
#include <vector>

#include "answers.h"
#include "node.h"
#include "sockets.h"

// Streams, shared calls and what passes through, over real sockets.
namespace reflex::integration {
namespace {

TEST(GatewayStreams, EachEventArrivesBeforeTheNextIsSent) {
  std::counting_semaphore<> go(0);
  ScriptedServer provider([&](Socket& socket, const Message&) {
    socket.Send(EventsHead());
    for (const std::string& event : AnswerEvents()) {
      go.acquire();
      socket.Send(Chunk(event));
    }
    return socket.Send("0\r\n\r\n");
  });
  Node node({.upstream_url = provider.url(), .store = {}, .gateway = {}, .client = {}, .server = {}});
  Socket client = node.Connect();
  client.Send(ChatRequest(ChatBody("q", R"(,"stream":true,"stream_options":{"include_usage":true})")));
  const auto head = ReadMessage(client, true);
  ASSERT_TRUE(head);
  EXPECT_EQ(head->Header("X-Reflex-Status"), "miss");
  for (const std::string& event : AnswerEvents()) {
    go.release();
    const auto got = client.ReceiveUntil("\n\n");
    ASSERT_TRUE(got);
    EXPECT_TRUE(got->ends_with(event)) << *got;
  }
  EXPECT_TRUE(client.ReceiveUntil("0\r\n\r\n"));
  // The same connection goes on: a hit.
  client.Send(ChatRequest(ChatBody("q")));
  EXPECT_EQ(ReadMessage(client)->Header("X-Reflex-Status"), "hit-l1-exact");
}

TEST(GatewayStreams, ManyConnectionsShareOneCall) {
  std::counting_semaphore<> go(0);
  ScriptedServer provider([&](Socket& socket, const Message& request) {
    go.acquire();
    return ServeAnswer(socket, request);
  });
  Node node({.upstream_url = provider.url(), .store = {}, .threads = 2, .gateway = {}, .client = {}, .server = {}});
  std::vector<Socket> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(node.Connect());
    clients.back().Send(ChatRequest(ChatBody("q", i % 2 == 0 ? "" : R"(,"stream":true)")));
  }
  // The first to arrive has asked; the others join it, or come late and find the answer in memory.
  go.release(2);
  int calls_told = 0;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const auto reply = ReadMessage(clients[i]);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status(), 200);
    EXPECT_TRUE(reply->whole);
    const std::string status = reply->Header("Cache-Status");
    if (status.find("fwd=miss") != std::string::npos && status.find("collapsed") == std::string::npos) ++calls_told;
  }
  EXPECT_EQ(calls_told, 1);
  EXPECT_EQ(provider.requests(), 1u);
}

TEST(GatewayStreams, BodiesPassThroughBothWaysAsTheyFlow) {
  ScriptedServer provider([](Socket& socket, const Message& request) {
    EXPECT_TRUE(request.whole);
    EXPECT_EQ(request.Header("content-type"), "multipart/form-data; boundary=x");
    return socket.Send("HTTP/1.1 201 Created\r\nContent-Type: x/y\r\nContent-Encoding: br\r\nTransfer-Encoding: chunked\r\n\r\n" +
                       Chunk(request.body) + "0\r\n\r\n");
  });
  Node node({.upstream_url = provider.url(), .store = {}, .gateway = {}, .client = {}, .server = {}});
  const std::string body(300'000, '\xfe');
  for (const bool chunked : {false, true}) {
    std::string request = "POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n";
    request += chunked ? "Transfer-Encoding: chunked\r\n\r\n" + Chunk(body) + "0\r\n\r\n"
                       : "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    const Message reply = node.Ask(request);
    EXPECT_EQ(reply.status(), 201);
    EXPECT_EQ(reply.Header("content-encoding"), "br");
    EXPECT_EQ(reply.Header("X-Reflex-Status"), "bypass");
    EXPECT_TRUE(reply.whole);
    EXPECT_EQ(reply.body, body);
  }
}

TEST(GatewayStreams, ARepliesCutShowsAtTheClient) {
  ScriptedServer provider([](Socket& socket, const Message&) {
    socket.Send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf");
    return false;
  });
  Node node({.upstream_url = provider.url(), .store = {}, .gateway = {}, .client = {}, .server = {}});
  const Message reply = node.Ask("GET /v1/files/x/content HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(reply.status(), 200);
  EXPECT_FALSE(reply.whole);
}

TEST(GatewayStreams, HeadAndOptionsPassThrough) {
  ScriptedServer provider([](Socket& socket, const Message& request) {
    return socket.Send(request.first_line.starts_with("HEAD") ? "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n"
                                                              : "HTTP/1.1 204 No Content\r\nAllow: GET\r\n\r\n");
  });
  Node node({.upstream_url = provider.url(), .store = {}, .threads = 1, .gateway = {}, .client = {}, .server = {}});
  Socket client = node.Connect();
  for (int round = 0; round < 2; ++round) {  // The connection stays in step.
    client.Send("HEAD /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const auto head = ReadMessage(client, true);
    ASSERT_TRUE(head);
    EXPECT_EQ(head->Header("content-length"), "77");
    client.Send("OPTIONS /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const auto options = ReadMessage(client, true);
    ASSERT_TRUE(options);
    EXPECT_EQ(options->status(), 204);
    EXPECT_EQ(options->Header("allow"), "GET");
  }
}

TEST(GatewayStreams, AnUpgradeIsATunnel) {
  ScriptedServer provider([](Socket& socket, const Message& request) {
    EXPECT_EQ(request.Header("upgrade"), "websocket");
    socket.Send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    for (;;) {
      const std::string bytes = socket.Receive();
      if (bytes.empty()) return false;
      socket.Send("<" + bytes + ">");
    }
  });
  Node node({.upstream_url = provider.url(), .store = {}, .gateway = {}, .client = {}, .server = {}});
  Socket client = node.Connect();
  client.Send("GET /v1/realtime HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  const auto head = ReadMessage(client, true);
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status(), 101);
  for (const std::string word : {"one", "two"}) {
    client.Send(word);
    EXPECT_EQ(client.ReceiveUpTo(word.size() + 2), "<" + word + ">");
  }
  client.Close();
  node.WaitForNoFlights();
}

TEST(GatewayStreams, PipelinedRequestsAreAnsweredInOrder) {
  ScriptedServer provider([](Socket& socket, const Message& request) {
    return socket.Send(JsonReply(200, PlainAnswer(request.body.find("first") != std::string::npos ? "1" : "2")));
  });
  Node node({.upstream_url = provider.url(), .store = {}, .gateway = {}, .client = {}, .server = {}});
  Socket client = node.Connect();
  client.Send(ChatRequest(ChatBody("first")) + ChatRequest(ChatBody("second")) + ChatRequest(ChatBody("first")));
  EXPECT_NE(ReadMessage(client)->body.find(R"("content":"1")"), std::string::npos);
  EXPECT_NE(ReadMessage(client)->body.find(R"("content":"2")"), std::string::npos);
  const auto third = ReadMessage(client);
  EXPECT_NE(third->body.find(R"("content":"1")"), std::string::npos);
  EXPECT_EQ(third->Header("X-Reflex-Status"), "hit-l1-exact");
}

}  // namespace
}  // namespace reflex::integration
