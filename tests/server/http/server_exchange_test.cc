// Requests and replies as they should be: keep-alive, pipelining, bodies, and the forms of a reply.
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <functional>
#include <future>
#include <string>

#include "server/http/server_world.h"

namespace reflex::http {
namespace {

// Shows what it was asked: method, target and body.
Task<void> Echo(Exchange& exchange) {
  const RequestHead& head = exchange.request();
  std::string text = std::string(head.method) + " " + std::string(head.target) + " ";
  const auto body = co_await exchange.ReadBody();
  if (!body) co_return;
  text += *body;
  co_await Reply(exchange, text);
}

TEST(HttpServer, AnswersSeveralRequestsOnOneConnection) {
  ServerWorld world(Echo);
  RawClient client(world.port());
  for (const std::string path : {"/a", "/b?c=d", "/e"}) {
    const auto reply = client.Ask(Get(path));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(reply->body, "GET " + path + " ");
    EXPECT_EQ(reply->Field("Connection"), "");
    EXPECT_EQ(reply->Field("Date").size(), 29u);
  }
  EXPECT_EQ(world.Metric("reflex_http_connections_accepted_total"), 1);
  EXPECT_EQ(world.Metric("reflex_http_connections"), 1);
  EXPECT_EQ(world.Metric("reflex_http_received_bytes_total"), Get("/a").size() + Get("/b?c=d").size() + Get("/e").size());
  EXPECT_TRUE(Eventually([&] { return world.Metric("reflex_http_sent_bytes_total") > 300; }));  // Counted after they left.
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  ServerWorld world(Echo);
  RawClient client(world.port());
  std::string requests;
  for (int i = 0; i < 200; ++i) requests += i % 2 == 0 ? Get("/" + std::to_string(i)) : Post("body " + std::to_string(i));
  ASSERT_TRUE(client.Send(requests));
  for (int i = 0; i < 200; ++i) {
    const auto reply = client.Read();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->body, i % 2 == 0 ? "GET /" + std::to_string(i) + " " : "POST /echo body " + std::to_string(i));
  }
}

TEST(HttpServer, ReadsARequestThatArrivesByteByByte) {
  ServerWorld world(Echo);
  RawClient client(world.port());
  for (const char c :
       Post("slow") +
           "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;a=\"b\"\r\nab\r\n1\r\nc\r\n0\r\nX: y\r\n\r\n") {
    ASSERT_TRUE(client.Send({&c, 1}));
  }
  EXPECT_EQ(client.Read()->body, "POST /echo slow");
  EXPECT_EQ(client.Read()->body, "POST /c abc");
}

TEST(HttpServer, ReadsLargeBodiesOfBothCodings) {
  ServerWorld world(Echo);
  RawClient client(world.port());
  std::string body(3'000'000, 'x');
  for (std::size_t i = 0; i < body.size(); i += 1000) body[i] = static_cast<char>('a' + i / 1000 % 26);
  EXPECT_EQ(client.Ask(Post(body))->body, "POST /echo " + body);
  std::string chunked = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n";
  for (std::size_t at = 0; at < body.size(); at += 500'000) chunked += "7A120\r\n" + body.substr(at, 500'000) + "\r\n";
  EXPECT_EQ(client.Ask(chunked + "0\r\n\r\n")->body, "POST /echo " + body);
  EXPECT_TRUE(Eventually([&] { return world.Metric("reflex_http_bodies_bytes") == 0; }));
}

TEST(HttpServer, LeavesReadableBytesBehindEveryBody) {
  ServerWorld world([](Exchange& exchange) -> Task<void> {
    const auto body = co_await exchange.ReadBody();
    if (!body) co_return;
    std::string copy(body->size() + Exchange::kBodyPadding, '\0');
    std::memcpy(copy.data(), body->data(), copy.size());  // The address sanitizer is the judge.
    co_await Reply(exchange, copy.substr(0, body->size()));
  });
  RawClient client(world.port());
  for (const std::size_t size : {0u, 1u, 4000u, 4096u, 16384u, 16385u, 100'000u}) {
    EXPECT_EQ(client.Ask(Post(std::string(size, 'b')))->body.size(), size);
    EXPECT_EQ(client.Ask("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")->body, "");
  }
}

TEST(HttpServer, SendsContinueOnlyWhenTheBodyIsAwaited) {
  ServerWorld world(Echo);
  RawClient client(world.port());
  const std::string head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
  ASSERT_TRUE(client.Send(head));
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(client.Ask("body")->body, "POST /echo body");
  EXPECT_EQ(client.Ask(head + "here")->status, 200);  // It came along: no 100 before the 200.
}

TEST(HttpServer, ClosesWhenAnExpectedBodyIsNotWanted) {
  ServerWorld world([](Exchange& exchange) { return Reply(exchange, "no"); });
  RawClient client(world.port());
  const auto reply = client.Ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(reply->body, "no");
  EXPECT_EQ(reply->Field("Connection"), "close");
  EXPECT_EQ(client.ReadToEnd(), "");
}

TEST(HttpServer, DropsAnUnreadBodyAndGoesOn) {
  ServerWorld world([](Exchange& exchange) { return Reply(exchange, std::string(exchange.request().path)); });
  RawClient client(world.port());
  EXPECT_EQ(client.Ask(Post(std::string(100'000, 'x')) + Get("/next"))->body, "/echo");
  EXPECT_EQ(client.Read()->body, "/next");
  EXPECT_EQ(
      client.Ask("PUT /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + Get("/last"))->body,
      "/c");
  EXPECT_EQ(client.Read()->body, "/last");
}

TEST(HttpServer, ClosesAfterTheReplyWhenMuchIsLeftUnread) {
  ServerWorld world([](Exchange& exchange) { return Reply(exchange, "enough"); });
  RawClient client(world.port());
  const auto reply = client.Ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 600000\r\n\r\n" + std::string(300'000, 'x'));
  EXPECT_EQ(reply->body, "enough");
  EXPECT_EQ(reply->Field("Connection"), "close");
  EXPECT_EQ(client.ReadToEnd(), "");
  EXPECT_FALSE(client.reset());
}

TEST(HttpServer, PassesBodiesThroughInPiecesBeyondTheSizeLimit) {
  ServerOptions options;
  options.body_bytes_max = 1000;
  ServerWorld world(
      [](Exchange& exchange) -> Task<void> {
        std::size_t size = 0;
        for (;;) {
          const auto piece = co_await exchange.ReadSome();
          if (!piece) co_return;
          if (piece->empty()) break;
          size += piece->size();
        }
        co_await Reply(exchange, std::to_string(size));
      },
      options);
  RawClient client(world.port());
  EXPECT_EQ(client.Ask(Post(std::string(2'000'000, 'x')))->body, "2000000");
  std::string chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 100; ++i) chunked += "2710\r\n" + std::string(10'000, 'y') + "\r\n";
  EXPECT_EQ(client.Ask(chunked + "0\r\n\r\n" + Get("/"))->body, "1000000");
  EXPECT_EQ(client.Read()->body, "0");
}

TEST(HttpServer, CountsButDoesNotSendTheBodyForHead) {
  ServerWorld world([](Exchange& exchange) { return Reply(exchange, "12345"); });
  RawClient client(world.port());
  ASSERT_TRUE(client.Send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + Get("/")));
  EXPECT_EQ(client.Read(true)->Field("Content-Length"), "5");
  EXPECT_EQ(client.Read()->body, "12345");
}

TEST(HttpServer, SendsNoBodyWithStatusesThatHaveNone) {
  ServerWorld world([](Exchange& exchange) -> Task<void> {
    const int status = exchange.request().path == "/304" ? 304 : 204;
    const std::array<std::string_view, 1> pieces = {"never"};
    const Result<void> sent = co_await exchange.Send({status, {}}, pieces);
    EXPECT_TRUE(sent.has_value());
  });
  RawClient client(world.port());
  ASSERT_TRUE(client.Send(Get("/204") + Get("/304") + Get("/204")));
  EXPECT_EQ(client.Read()->Field("Content-Length"), "");
  EXPECT_EQ(client.Read()->status, 304);
  EXPECT_EQ(client.Read()->status, 204);
}

TEST(HttpServer, SpeaksHttp10) {
  ServerWorld world(Echo);
  RawClient once(world.port());
  EXPECT_EQ(once.Ask("GET /a HTTP/1.0\r\n\r\n")->Field("Connection"), "close");
  EXPECT_EQ(once.ReadToEnd(), "");
  RawClient kept(world.port());
  EXPECT_EQ(kept.Ask("GET /a HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")->Field("Connection"), "keep-alive");
  EXPECT_EQ(kept.Ask(Get("/b"))->body, "GET /b ");
}

TEST(HttpServer, ClosesWhenTheClientAsksForIt) {
  ServerWorld world(Echo);
  RawClient client(world.port());
  const auto reply = client.Ask("GET /a HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n");
  EXPECT_EQ(reply->Field("Connection"), "close");
  EXPECT_EQ(client.ReadToEnd(), "");
}

TEST(HttpServer, TakesAbsoluteFormAndOptionsAsterisk) {
  ServerWorld world([](Exchange& exchange) -> Task<void> {
    const RequestHead& head = exchange.request();
    const std::string text = std::string(head.host) + " " + std::string(head.path) + " " + std::string(head.query);
    co_await Reply(exchange, text);
  });
  RawClient client(world.port());
  EXPECT_EQ(client.Ask("GET http://other:81/p?q=1 HTTP/1.1\r\nHost: a\r\n\r\n")->body, "other:81 /p q=1");
  EXPECT_EQ(client.Ask("GET HTTPS://other HTTP/1.1\r\nHost: a\r\n\r\n")->body, "other / ");
  EXPECT_EQ(client.Ask("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")->body, "a * ");
  EXPECT_EQ(client.Ask("OPTIONS http://other HTTP/1.1\r\nHost: a\r\n\r\n")->body, "other * ");
}

// Streams two pieces; where it is held, the second only after the client has read the first.
TEST(HttpServer, StreamsPiecesAtOnceAsChunks) {
  std::promise<std::function<void()>> held;
  ServerWorld world([&](Exchange& exchange) -> Task<void> {
    const bool holds = exchange.request().path == "/held";
    if (!holds && exchange.request().path != "/stream") co_return co_await Reply(exchange, "later");
    const std::array<Header, 1> headers = {{{"Content-Type", "text/event-stream"}}};
    EXPECT_TRUE((co_await exchange.Begin({200, headers}, std::nullopt)).has_value());
    EXPECT_TRUE((co_await exchange.Flush()).has_value());
    Signal go_on(exchange.io());
    if (holds) held.set_value(go_on.Notifier());
    for (const std::string text : {"one", "", "two"}) {
      const std::array<std::string_view, 2> pieces = {text, text};
      EXPECT_TRUE((co_await exchange.Write(pieces)).has_value());
      if (holds && text == "one") co_await go_on.Wait();
    }
    EXPECT_EQ(exchange.bytes_sent(), 12u);
    EXPECT_TRUE((co_await exchange.End()).has_value());
  });
  RawClient client(world.port());
  ASSERT_TRUE(client.Send(Get("/held") + Get("/")));
  EXPECT_EQ(client.ReadUntil("\r\n\r\n").substr(0, 15), "HTTP/1.1 200 OK");
  EXPECT_EQ(client.ReadUntil("oneone\r\n"), "6\r\noneone\r\n");
  held.get_future().get()();
  EXPECT_EQ(client.ReadUntil("0\r\n\r\n"), "6\r\ntwotwo\r\n0\r\n\r\n");
  EXPECT_EQ(client.Read()->body, "later");
  const auto reply = client.Ask(Get("/stream"));
  EXPECT_EQ(reply->body, "oneonetwotwo");
}

TEST(HttpServer, EndsAnUnmeasuredReplyToHttp10ByClosing) {
  ServerWorld world([](Exchange& exchange) -> Task<void> {
    const std::array<std::string_view, 1> pieces = {"to the end"};
    EXPECT_TRUE((co_await exchange.Begin({200, {}}, std::nullopt)).has_value());
    EXPECT_TRUE((co_await exchange.Write(pieces)).has_value());
    EXPECT_TRUE((co_await exchange.End()).has_value());
  });
  RawClient client(world.port());
  const auto reply = client.Ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(reply->body, "to the end");
  EXPECT_EQ(reply->Field("Transfer-Encoding"), "");
}

TEST(HttpServer, CutsAnAbortedReplyVisibly) {
  ServerWorld world([](Exchange& exchange) -> Task<void> {
    const std::array<std::string_view, 1> pieces = {"half"};
    EXPECT_TRUE((co_await exchange.Begin({200, {}}, std::nullopt)).has_value());
    EXPECT_TRUE((co_await exchange.Write(pieces)).has_value());
    exchange.Abort();
  });
  RawClient client(world.port());
  ASSERT_TRUE(client.Send(Get("/")));
  const std::string all = client.ReadToEnd();
  EXPECT_TRUE(all.ends_with("4\r\nhalf\r\n")) << all;
}

TEST(HttpServer, CutsAReplyThatBreaksItsAnnouncedLength) {
  ServerWorld world([](Exchange& exchange) -> Task<void> {
    const std::array<std::string_view, 1> pieces = {"12345"};
    EXPECT_TRUE((co_await exchange.Begin({200, {}}, exchange.request().path == "/short" ? 6 : 4)).has_value());
    const Result<void> written = co_await exchange.Write(pieces);
    EXPECT_EQ(written.has_value(), exchange.request().path == "/short");
    EXPECT_FALSE((co_await exchange.End()).has_value());
  });
  RawClient first(world.port());
  ASSERT_TRUE(first.Send(Get("/short")));
  EXPECT_TRUE(first.ReadToEnd().ends_with("\r\n\r\n12345"));
  RawClient second(world.port());
  ASSERT_TRUE(second.Send(Get("/long")));
  EXPECT_EQ(second.ReadToEnd(), "");
}

TEST(HttpServer, SendsAReplyLargerThanTheSocketTakes) {
  const std::string half(8 << 20, 'x');
  ServerWorld world([&half](Exchange& exchange) -> Task<void> {
    const std::vector<std::string_view> pieces(exchange.request().path == "/many" ? 40 : 2, half.substr(0, 0));
    std::vector<std::string_view> body(pieces);
    body.front() = half;
    body.back() = half;
    const Result<void> sent = co_await exchange.Send({200, {}}, body);
    EXPECT_TRUE(sent.has_value());
    EXPECT_EQ(exchange.bytes_sent(), half.size() * 2);
  });
  RawClient client(world.port());
  EXPECT_EQ(client.Ask(Get("/two"))->body.size(), half.size() * 2);
  EXPECT_EQ(client.Ask(Get("/many"))->body.size(), half.size() * 2);
}

TEST(HttpServer, AnswersForAHandlerThatDoesNot) {
  ServerWorld world([](Exchange& exchange) -> Task<void> {
    if (exchange.request().path == "/throw") throw std::runtime_error("broken");
    co_return;
  });
  RawClient silent(world.port());
  EXPECT_EQ(silent.Ask(Get("/"))->body, "refused 500: The server failed to answer.");
  EXPECT_EQ(silent.ReadToEnd(), "");
  RawClient thrown(world.port());
  EXPECT_EQ(thrown.Ask(Get("/throw"))->status, 500);
  EXPECT_TRUE(world.log().Saw("handler-failed error=\"broken\""));
}

}  // namespace
}  // namespace reflex::http
