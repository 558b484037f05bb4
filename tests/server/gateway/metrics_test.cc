#include "gateway/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gateway/request_log.h"
#include "server/gateway/test_context.h"

namespace reflex::gateway {
namespace {

using testing::MemoryExchange;
using testing::World;

std::string LineOf(const RequestRecord& record, std::int64_t wall_ms = 0) {
  std::string line;
  FormatRequestLine(record, wall_ms, line);
  return line;
}

TEST(RequestLine, HoldsEverythingThatIsKnown) {
  const RequestRecord record = {.method = "POST",
                                .path = "/v1/chat/completions",
                                .status_name = "miss",
                                .reason = "no-entry",
                                .request_id = "req_1",
                                .upstream_request_id = "req_up",
                                .model = "gpt-4o",
                                .provider = "openai",
                                .peer = "127.0.0.1",
                                .trace_id = "4bf92f3577b34da6a3ce929d0e0e4736",
                                .status = 200,
                                .bytes_in = 611,
                                .bytes_out = 1533,
                                .duration_ns = 812'402'999,
                                .upstream_ns = 640'018'000,
                                .stream = true};
  EXPECT_EQ(LineOf(record, 1'795'631'600'123),
            "2026-11-25T18:33:20.123Z info request status=200 outcome=miss reason=no-entry method=POST path=/v1/chat/completions "
            "stream=1 model=gpt-4o provider=openai ms=812.402 upstream_ms=640.018 in=611 out=1533 peer=127.0.0.1 id=req_1 "
            "upstream_id=req_up trace=4bf92f3577b34da6a3ce929d0e0e4736\n");
}

TEST(RequestLine, LeavesOutWhatIsNot) {
  EXPECT_EQ(LineOf({}), "1970-01-01T00:00:00.000Z info request status=0 ms=0.000 in=0 out=0\n");
}

TEST(RequestLine, AClientCannotForgeLinesOrFields) {
  RequestRecord record;
  record.path = "/v1/a b\"c\\d\n2026 info request status=200\r\t\x1b[31m=\x7f\xff";
  const std::string line = LineOf(record);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_NE(line.find(" path=\"/v1/a b\\\"c\\\\d\\x0a2026 info request status=200\\x0d\\x09\\x1b[31m=\\x7f\\xff\" "),
            std::string::npos)
      << line;
  record.path = "/v1/x=y";
  EXPECT_NE(LineOf(record).find(" path=\"/v1/x=y\" "), std::string::npos);
}

TEST(RequestLine, ALongValueIsCut) {
  RequestRecord record;
  const std::string model(100'000, 'm');
  record.model = model;
  EXPECT_LT(LineOf(record).size(), 400u);
}

TEST(RequestLine, AppendsToWhatIsThere) {
  std::string lines = LineOf({});
  FormatRequestLine({}, 0, lines);
  EXPECT_EQ(lines, LineOf({}) + LineOf({}));
}

class LogOfRecords final : public RequestLog {
 public:
  void Write(const RequestRecord& record) override { FormatRequestLine(record, 0, lines); }
  std::string lines;
};

class MetricsTest : public ::testing::Test {
 protected:
  // The line of that metric, without its name; "" where there is none.
  std::string Value(const std::string& metric) {
    const std::string text = world_.registry.Render();
    const std::size_t at = text.find("\n" + metric + " ");
    if (at == std::string::npos) return "";
    const std::size_t begin = at + metric.size() + 2;
    return text.substr(begin, text.find('\n', begin) - begin);
  }

  World world_;
};

TEST_F(MetricsTest, FinishedRequestsAreCountedByOutcomeAndClass) {
  world_.Start();
  MemoryExchange exchange(world_.io, "POST", "/v1/chat/completions");
  RequestContext context = world_.Context(exchange);
  context.outcome = Outcome::kMiss;
  context.status = 200;
  context.bytes_in = 600;
  exchange.sent = std::string(1500, 'x');
  world_.clock.steady_ns += 20'000'000;
  FinishRequest(context);
  world_.metrics->ObserveStage(Stage::kUpstreamHead, 3'000'000);
  EXPECT_EQ(Value("reflex_requests_total{status=\"miss\"}"), "1");
  EXPECT_EQ(Value("reflex_requests_total{status=\"hit-l1-exact\"}"), "0");
  EXPECT_EQ(Value("reflex_replies_total{class=\"2xx\"}"), "1");
  EXPECT_EQ(Value("reflex_request_seconds_count{status=\"miss\"}"), "1");
  EXPECT_EQ(Value("reflex_request_seconds_sum{status=\"miss\"}"), "0.02");
  EXPECT_EQ(Value("reflex_stage_seconds_sum{stage=\"upstream_head\"}"), "0.003");
  EXPECT_EQ(Value("reflex_request_bytes_total"), "600");
  EXPECT_EQ(Value("reflex_reply_bytes_total"), "1500");
  EXPECT_EQ(Value("reflex_joined_requests_total"), "0");
  world_.metrics->CountJoined();
  EXPECT_EQ(Value("reflex_joined_requests_total"), "1");
}

TEST_F(MetricsTest, AHitSavesItsTokens) {
  world_.Start();
  MemoryExchange exchange(world_.io, "POST", "/v1/chat/completions");
  RequestContext context = world_.Context(exchange);
  context.saved_input_tokens = 12;
  context.saved_output_tokens = 340;
  context.outcome = Outcome::kBypass;
  FinishRequest(context);
  EXPECT_EQ(Value("reflex_saved_tokens_total{kind=\"input\"}"), "0");
  context.outcome = Outcome::kHit;
  FinishRequest(context);
  EXPECT_EQ(Value("reflex_saved_tokens_total{kind=\"input\"}"), "12");
  EXPECT_EQ(Value("reflex_saved_tokens_total{kind=\"output\"}"), "340");
}

TEST_F(MetricsTest, UpstreamErrorsAreCountedByKind) {
  world_.Start();
  GatewayMetrics& metrics = *world_.metrics;
  for (const int status : {200, 302, 400, 404, 429, 500, 503}) metrics.CountUpstreamStatus(status);
  metrics.CountUpstreamError(UpstreamFailure::kUnreachable);
  metrics.CountUpstreamError(UpstreamFailure::kTruncated);
  EXPECT_EQ(Value("reflex_upstream_errors_total{kind=\"status_4xx\"}"), "2");
  EXPECT_EQ(Value("reflex_upstream_errors_total{kind=\"status_429\"}"), "1");
  EXPECT_EQ(Value("reflex_upstream_errors_total{kind=\"status_5xx\"}"), "2");
  EXPECT_EQ(Value("reflex_upstream_errors_total{kind=\"unreachable\"}"), "1");
  EXPECT_EQ(Value("reflex_upstream_errors_total{kind=\"truncated\"}"), "1");
  EXPECT_EQ(Value("reflex_upstream_errors_total{kind=\"timeout\"}"), "0");
}

TEST_F(MetricsTest, ARequestWithoutAReplyIsCountedAsNone) {
  world_.Start();
  world_.metrics->CountRequest(Outcome::kMiss, 0, 0, 0, 0);
  world_.metrics->CountRequest(Outcome::kMiss, 999, 0, 0, 0);
  EXPECT_EQ(Value("reflex_replies_total{class=\"none\"}"), "2");
}

TEST_F(MetricsTest, StoreMetricsNeedAStore) {
  world_.Start();
  EXPECT_EQ(Value("reflex_memory_entries"), "0");
  EXPECT_EQ(Value("reflex_store_entries"), "");
}

TEST_F(MetricsTest, CacheNumbersAreAtMostAMomentOld) {
  world_.Start();
  EXPECT_EQ(Value("reflex_memory_entries"), "0");
  auto entry = std::make_shared<Entry>();
  entry->created_ms = world_.clock.WallMs();
  entry->expires_ms = entry->created_ms + 1000;
  ASSERT_TRUE(world_.cache->Insert(entry, world_.cache->epoch()));
  world_.clock.steady_ns += 1'000'000'000;
  EXPECT_EQ(Value("reflex_memory_entries"), "1");
}

TEST_F(MetricsTest, LabelsComeFromAFixedList) {
  world_.Start();
  MemoryExchange exchange(world_.io, "POST", "/v1/chat/completions");
  RequestContext context = world_.Context(exchange);
  FinishRequest(context);
  const std::string before = world_.registry.Render();
  context.model = "a-model-a-client-made-up";
  context.reason = "made-up";
  FinishRequest(context);
  const std::string after = world_.registry.Render();
  EXPECT_EQ(std::count(before.begin(), before.end(), '\n'), std::count(after.begin(), after.end(), '\n'));
  EXPECT_EQ(after.find("made-up"), std::string::npos);
}

TEST_F(MetricsTest, TheRequestLogGetsOneRecordWithoutQueryOrCredential) {
  LogOfRecords log;
  world_.parts.request_log = &log;
  world_.Start();
  MemoryExchange exchange(world_.io, "POST", "/v1beta/models/g:generateContent?key=secret-key",
                          {{"Authorization", "Bearer secret-token"}}, "secret prompt");
  RequestContext context = world_.Context(exchange);
  context.status = 200;
  context.reason = "path";
  context.request_id = ShortText("req_1");
  FinishRequest(context);
  EXPECT_EQ(std::count(log.lines.begin(), log.lines.end(), '\n'), 1);
  EXPECT_NE(log.lines.find(" status=200 outcome=bypass reason=path method=POST path=/v1beta/models/g:generateContent "),
            std::string::npos)
      << log.lines;
  EXPECT_EQ(log.lines.find("secret"), std::string::npos) << log.lines;
}

}  // namespace
}  // namespace reflex::gateway
