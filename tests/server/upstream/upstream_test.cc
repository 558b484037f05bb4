// Calls to providers, end to end over loopback.
#include "upstream/upstream.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fakes/client_thread.h"
#include "fakes/manual_clock.h"
#include "fakes/provider.h"

namespace reflex::upstream {
namespace {

using fakes::Always;
using fakes::Ok;
using fakes::Peer;

std::string Gzip(std::string_view text) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
  std::string out(text.size() + 1000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

struct Outcome {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::optional<std::uint64_t> length;
  std::string body;
  std::optional<Error> send_error, read_error;
};

class UpstreamTest : public testing::Test {
 protected:
  void Use(const fakes::Provider& provider) {
    table_.openai = http::ParseBaseUrl(provider.url() + "/v1").value();
    upstream_ = NewUpstream(thread_.client(), table_, thread_.metrics());
  }

  Outcome Send(Call call) {
    if (call.method.empty()) call.method = "POST";
    if (call.target.empty()) call.target = "/v1/chat/completions";
    return thread_.Run([&]() -> http::Task<Outcome> {
      Outcome outcome;
      auto reply = co_await upstream_->Send(call, nullptr);
      if (!reply) {
        outcome.send_error = reply.error();
        co_return outcome;
      }
      outcome.status = (*reply)->status();
      outcome.length = (*reply)->content_length();
      for (const http::Header& header : (*reply)->headers()) outcome.headers.emplace_back(header.name, header.value);
      for (;;) {
        auto piece = co_await (*reply)->Read();
        if (!piece) outcome.read_error = piece.error();
        if (!piece || piece->empty()) break;
        outcome.body += *piece;
      }
      co_return outcome;
    });
  }

  Call Decoding() {
    Call call;
    call.decode = true;
    return call;
  }

  bool HasMetric(const std::string& line) { return thread_.metrics().Render().find("\n" + line + "\n") != std::string::npos; }

  fakes::ClientThread thread_;
  ProviderTable table_;
  std::unique_ptr<Upstream> upstream_;
};

TEST_F(UpstreamTest, SendsTheBodyByteForByteAndPassesTheReplyOn) {
  fakes::Provider provider([](Peer& peer) {
    while (auto request = peer.ReadRequest()) {
      peer.Send(
          "HTTP/1.1 200 OK\r\nX-Request-Id: r\r\nConnection: keep-alive, x-hop\r\nX-Hop: 1\r\nKeep-Alive: "
          "timeout=60\r\nSet-Cookie: a\r\n"
          "Set-Cookie: b\r\nContent-Length: " +
          std::to_string(request->body.size()) + "\r\n\r\n" + request->body);
    }
  });
  Use(provider);
  const std::string_view body[] = {"{ \"model\" :\"m\",", "\"x\": 1e400}\n"};
  Call call;
  call.body = body;
  call.has_body = true;
  const auto outcome = Send(call);
  EXPECT_EQ(outcome.status, 200);
  EXPECT_EQ(outcome.body, "{ \"model\" :\"m\",\"x\": 1e400}\n");
  EXPECT_EQ(outcome.length, outcome.body.size());
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"X-Request-Id", "r"}, {"Set-Cookie", "a"}, {"Set-Cookie", "b"}, {"Content-Length", std::to_string(outcome.body.size())}};
  EXPECT_EQ(outcome.headers, expected);
  EXPECT_TRUE(HasMetric("reflex_upstream_requests_total{provider=\"openai\",outcome=\"ok\"} 1"));
  EXPECT_TRUE(HasMetric("reflex_upstream_head_seconds_count{provider=\"openai\"} 1"));
}

TEST_F(UpstreamTest, PassesErrorsAndRedirectsOnAsTheyAre) {
  struct {
    const char* first_line;
    const char* outcome;
  } const cases[] = {{"429 Too Many Requests", "rate_limited"},
                     {"500 Internal Server Error", "server_error"},
                     {"401 Unauthorized", "client_error"},
                     {"307 Temporary Redirect", "ok"}};
  for (const auto& item : cases) {
    fakes::Provider provider(
        Always(std::string("HTTP/1.1 ") + item.first_line +
               "\r\nRetry-After-Ms: 7\r\nx-should-retry: false\r\nLocation: http://other/\r\nContent-Length: 5\r\n\r\nerror"));
    Use(provider);
    const auto outcome = Send({});
    EXPECT_EQ(outcome.status, std::atoi(item.first_line));
    EXPECT_EQ(outcome.body, "error");
    EXPECT_EQ(outcome.headers[0].second, "7");
    EXPECT_EQ(provider.connections(), 1);
    EXPECT_TRUE(HasMetric(std::string("reflex_upstream_requests_total{provider=\"openai\",outcome=\"") + item.outcome + "\"} 1"));
  }
}

TEST_F(UpstreamTest, DecodesWhatItAskedFor) {
  const std::string text = "{\"choices\":[" + std::string(50000, '7') + "]}";
  const std::string packed = Gzip(text);
  fakes::Provider provider(Always(Ok(packed, "Content-Encoding: gzip\r\nContent-Type: application/json\r\n")));
  Use(provider);
  const auto decoded = Send(Decoding());
  EXPECT_EQ(decoded.body, text);
  EXPECT_FALSE(decoded.length);
  EXPECT_EQ(decoded.headers, (std::vector<std::pair<std::string, std::string>>{{"Content-Type", "application/json"}}));
  const auto relayed = Send({});
  EXPECT_EQ(relayed.body, packed);
  EXPECT_EQ(relayed.length, packed.size());
  EXPECT_EQ(relayed.headers[0].second, "gzip");
}

TEST_F(UpstreamTest, LeavesAnEncodingThatItDidNotAskForAlone) {
  fakes::Provider provider(Always(Ok("brotli?", "Content-Encoding: br\r\n")));
  Use(provider);
  const auto outcome = Send(Decoding());
  EXPECT_EQ(outcome.body, "brotli?");
  EXPECT_EQ(outcome.headers[0].second, "br");
}

TEST_F(UpstreamTest, ABrokenOrCutEncodingIsAnError) {
  std::string packed = Gzip("{\"choices\":[1,2,3]}"), damaged = packed;
  damaged[damaged.size() - 7] ^= 0x55;
  struct {
    std::string body;
    ErrorCode code;
  } const cases[] = {{damaged, ErrorCode::kProtocol},
                     {"plain text", ErrorCode::kProtocol},
                     {packed + "x", ErrorCode::kProtocol},
                     {packed.substr(0, packed.size() - 1), ErrorCode::kClosed}};
  for (const auto& item : cases) {
    fakes::Provider provider(Always(Ok(item.body, "Content-Encoding: gzip\r\n")));
    Use(provider);
    const auto outcome = Send(Decoding());
    ASSERT_TRUE(outcome.read_error);
    EXPECT_EQ(outcome.read_error->code, item.code) << outcome.read_error->message;
  }
}

TEST_F(UpstreamTest, ACutEncodingStaysAnErrorHoweverOftenItIsRead) {
  const std::string packed = Gzip("{\"choices\":[1,2,3]}");
  fakes::Provider provider(Always(Ok(packed.substr(0, packed.size() - 1), "Content-Encoding: gzip\r\n")));
  Use(provider);
  Call call = Decoding();
  call.method = "POST";
  call.target = "/v1/chat/completions";
  const auto codes = thread_.Run([&]() -> http::Task<std::vector<ErrorCode>> {
    std::vector<ErrorCode> failed;
    auto reply = co_await upstream_->Send(call, nullptr);
    for (int reads = 0; reads < 5 && failed.size() < 2; ++reads) {
      const auto piece = co_await (*reply)->Read();
      if (!piece) failed.push_back(piece.error().code);
    }
    co_return failed;
  });
  EXPECT_EQ(codes, (std::vector<ErrorCode>{ErrorCode::kClosed, ErrorCode::kClosed}));
}

TEST_F(UpstreamTest, AStreamIsDecodedEventByEvent) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
  std::atomic<int> seen{0};
  fakes::Provider provider([&](Peer& peer) {
    peer.ReadRequest();
    peer.Send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n");
    for (int i = 0; i < 3; ++i) {
      std::string event = "data: " + std::to_string(i) + "\n\n", out(200, '\0');
      stream.next_in = reinterpret_cast<Bytef*>(event.data());
      stream.avail_in = static_cast<uInt>(event.size());
      stream.next_out = reinterpret_cast<Bytef*>(out.data());
      stream.avail_out = static_cast<uInt>(out.size());
      deflate(&stream, i == 2 ? Z_FINISH : Z_SYNC_FLUSH);
      peer.Send(std::string_view(out).substr(0, out.size() - stream.avail_out));
      while (seen <= i) std::this_thread::yield();
    }
  });
  Use(provider);
  Call call = Decoding();
  call.method = "POST";
  call.target = "/v1/chat/completions";
  const auto events = thread_.Run([&]() -> http::Task<std::vector<std::string>> {
    std::vector<std::string> read;
    auto reply = co_await upstream_->Send(call, nullptr);
    for (auto piece = co_await (*reply)->Read(); piece && !piece->empty(); piece = co_await (*reply)->Read()) {
      read.emplace_back(*piece);
      ++seen;
    }
    co_return read;
  });
  deflateEnd(&stream);
  EXPECT_EQ(events, (std::vector<std::string>{"data: 0\n\n", "data: 1\n\n", "data: 2\n\n"}));
}

TEST_F(UpstreamTest, ASwitchedOffProviderIsNotFound) {
  fakes::Provider provider(Always(Ok("hi")));
  Use(provider);
  Call call;
  call.provider = Provider::kAnthropic;
  const auto outcome = Send(call);
  ASSERT_TRUE(outcome.send_error);
  EXPECT_EQ(outcome.send_error->code, ErrorCode::kNotFound);
  EXPECT_NE(outcome.send_error->message.find("anthropic"), std::string::npos);
}

TEST_F(UpstreamTest, CountsHowCallsFail) {
  fakes::Provider provider([](Peer& peer) { peer.ReadRequest(); });
  Use(provider);
  EXPECT_EQ(Send({}).send_error->code, ErrorCode::kClosed);
  table_.openai->origin.port = fakes::UnusedPort();
  EXPECT_EQ(Send({}).send_error->code, ErrorCode::kUnavailable);
  EXPECT_TRUE(HasMetric("reflex_upstream_requests_total{provider=\"openai\",outcome=\"closed\"} 1"));
  EXPECT_TRUE(HasMetric("reflex_upstream_requests_total{provider=\"openai\",outcome=\"unreachable\"} 1"));
}

TEST_F(UpstreamTest, AHeadReplyHasTheFieldsOfABodyAndNone) {
  fakes::Provider provider(Always("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 100\r\n\r\n"));
  Use(provider);
  Call call = Decoding();
  call.method = "HEAD";
  const auto outcome = Send(call);
  EXPECT_FALSE(outcome.read_error);
  EXPECT_EQ(outcome.body, "");
  EXPECT_EQ(outcome.headers.size(), 2u);
}

}  // namespace
}  // namespace reflex::upstream
