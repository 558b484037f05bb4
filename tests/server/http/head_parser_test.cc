#include "http/detail/head_parser.h"

#include <gtest/gtest.h>

#include <string>

#include "server/http/corpus.h"
#include "server/http/server_world.h"

namespace reflex::http {
namespace {

using Kind = HeadVerdict::Kind;

class ParserCorpus : public testing::TestWithParam<CorpusCase> {};

// Sent to a real server: the status is the listed one, and after a refusal the connection is closed without a reset.
TEST_P(ParserCorpus, GetsItsVerdict) {
  ServerWorld world([](Exchange& exchange) -> Task<void> {
    const auto body = co_await exchange.ReadBody();
    if (body) co_await Reply(exchange, "accepted");
  });
  RawClient client(world.port());
  ASSERT_TRUE(client.Send(GetParam().raw));
  const auto reply = client.Read();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, GetParam().status) << reply->body;
  if (reply->status == 200) return;
  EXPECT_EQ(reply->Field("Connection"), "close");
  EXPECT_EQ(reply->Field("X-Refused"), "yes");  // The handler's own field.
  EXPECT_TRUE(reply->body.starts_with("refused " + std::to_string(reply->status) + ": ")) << reply->body;
  EXPECT_EQ(client.ReadToEnd(), "");
  EXPECT_FALSE(client.reset());
  EXPECT_EQ(world.Metric("reflex_http_refused_total{status=\"" + std::to_string(reply->status) + "\"}"), 1);
}

INSTANTIATE_TEST_SUITE_P(Http, ParserCorpus, testing::ValuesIn(ReadCorpus(HTTP_CORPUS)),
                         [](const auto& info) { return info.param.name; });

// However a request is cut, the parser asks for more until it is there, or refuses; it never accepts a part.
TEST(HeadParser, SaysTheSameHoweverTheBytesArrive) {
  for (const CorpusCase& one : ReadCorpus(HTTP_CORPUS)) {
    RequestHead whole_head;
    const HeadVerdict whole = ParseRequestHead(one.raw, whole_head);
    for (std::size_t size = 0; size <= one.raw.size(); ++size) {
      RequestHead head;
      const std::string part = one.raw.substr(0, size);
      const HeadVerdict verdict = ParseRequestHead(part, head);
      if (whole.kind == Kind::kDone && size < whole.head_bytes) {
        EXPECT_EQ(verdict.kind, Kind::kIncomplete) << one.name << " at " << size;
      } else if (verdict.kind != Kind::kIncomplete) {
        EXPECT_EQ(verdict.kind, whole.kind) << one.name << " at " << size;
        EXPECT_EQ(verdict.head_bytes, whole.head_bytes) << one.name << " at " << size;
      }
    }
  }
}

TEST(HeadParser, FindsControlCharactersAtEveryPlaceOfAValue) {
  for (int bad = 0; bad < 0x80; ++bad) {
    if ((bad >= 0x20 && bad != 0x7f) || bad == '\t') continue;
    for (std::size_t at = 0; at < 40; ++at) {
      std::string value(40, 'v');
      value[at] = static_cast<char>(bad);
      RequestHead head;
      const std::string raw = "GET / HTTP/1.1\r\nHost: a\r\nX: " + value + "\r\n\r\n";
      EXPECT_EQ(ParseRequestHead(raw, head).kind, Kind::kRefused) << bad << " at " << at;
    }
  }
}

TEST(HeadParser, ReadsWhatTheConnectionFieldsSay) {
  const auto parse = [](const std::string& raw) {
    RequestHead head;
    EXPECT_EQ(ParseRequestHead(raw, head).kind, Kind::kDone) << raw;
    head.headers.clear();
    return head;
  };
  EXPECT_TRUE(parse("GET / HTTP/1.1\r\nHost: a\r\n\r\n").keep_alive);
  EXPECT_FALSE(parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive , close\r\n\r\n").keep_alive);
  EXPECT_FALSE(parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: CLOSE\r\n\r\n").keep_alive);
  EXPECT_FALSE(parse("GET / HTTP/1.0\r\n\r\n").keep_alive);
  EXPECT_TRUE(parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n").upgrade);
  EXPECT_FALSE(parse("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n").upgrade);
  EXPECT_FALSE(parse("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n").expects_continue);
}

TEST(HeadParser, LimitsTheNumberOfFields) {
  std::string raw = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (std::size_t i = 1; i < kHeaderFieldsMax; ++i) raw += "a:\r\n";
  RequestHead head;
  EXPECT_EQ(ParseRequestHead(raw + "\r\n", head).kind, Kind::kDone);
  EXPECT_EQ(ParseRequestHead(raw + "a:\r\n\r\n", head).status, 431);
}

TEST(ResponseHeadParser, ReadsAReply) {
  ResponseHead head;
  const std::string raw = "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 3\r\nRetry-After: 2\r\n\r\nabc";
  const HeadVerdict verdict = ParseResponseHead(raw, head);
  EXPECT_EQ(verdict.kind, Kind::kDone);
  EXPECT_EQ(verdict.head_bytes, raw.size() - 3);
  EXPECT_EQ(head.status, 429);
  EXPECT_EQ(head.reason, "Too Many Requests");
  EXPECT_EQ(head.content_length, 3u);
  EXPECT_EQ(HeaderValue(head.headers, "retry-after"), "2");
  EXPECT_TRUE(head.keep_alive);
  EXPECT_EQ(ParseResponseHead("HTTP/1.1 200\r\n\r\n", head).kind, Kind::kDone);
  EXPECT_EQ(head.reason, "");
  EXPECT_EQ(ParseResponseHead("HTTP/1.0 200 OK\r\n\r\n", head).kind, Kind::kDone);
  EXPECT_FALSE(head.keep_alive);
}

TEST(ResponseHeadParser, RefusesWhatCannotBeTrusted) {
  for (const char* raw :
       {"HTTP/2.0 200 OK\r\n\r\n", "ICY 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.1 200 OK\n\r\n", "HTTP/1.1 200 O\x01K\r\n\r\n",
        "garbage that is no reply\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n"}) {
    ResponseHead head;
    EXPECT_EQ(ParseResponseHead(raw, head).kind, Kind::kRefused) << raw;
  }
  ResponseHead head;
  EXPECT_EQ(ParseResponseHead("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", head).kind, Kind::kDone);
}

}  // namespace
}  // namespace reflex::http
