#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "gateway/audit.h"
#include "semantic_world.h"

// Audits of semantic hits.
namespace reflex::gateway::testing {
namespace {

using AuditTest = Semantic;

TEST_F(AuditTest, AuditAsksTheProviderAgain) {
  world_.options.audits = {.share = 1, .per_minute = 100, .judge_model = {}};
  std::vector<std::pair<std::string, std::string>> compared;
  world_.compare_answers = [&](std::string_view served, std::string_view fresh) {
    std::lock_guard lock(mutex_);
    compared.emplace_back(served, fresh);
    return AuditVerdict::kWrong;
  };
  world_.Start();
  Ask("Capital of France?");
  const std::vector<std::string> expected = {"hit-wrong", "hit-wrong", "hit-wrong", "hit-wrong", "control-wrong"};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    Run(StreamChat("capital " + std::to_string(i)));
    for (std::vector<std::string> labels; labels.empty(); world_.Settle()) {
      labels = world_.tier.TakeLabels();
      if (!labels.empty()) EXPECT_EQ(labels, std::vector<std::string>{expected[i]});
    }
  }
  const std::vector<std::string> bodies = Bodies();
  ASSERT_EQ(bodies.size(), 6U);
  EXPECT_EQ(bodies[1], ChatBody("capital 0"));           // Plain, whatever the caller wanted.
  EXPECT_EQ(bodies[5], ChatBody("Capital of France?"));  // The control.
  EXPECT_EQ(credentials_[5], "Bearer sk-test");
  EXPECT_EQ(compared[0], (std::pair<std::string, std::string>("answer 1", "answer 2")));
  EXPECT_EQ(world_.Metric(R"(reflex_audits_total{outcome="wrong",kind="control"})"), 1);
}

TEST_F(AuditTest, JudgeModelDecides) {
  world_.options.audits = {.share = 1, .per_minute = 100, .judge_model = "judge"};
  world_.Start();
  Ask("Capital of France?");
  world_.provider.OnCall([](ProviderCall& call) {
    const bool judge = call.body.find(R"("model":"judge")") != std::string::npos;
    call.Json(200, PlainAnswer(judge ? "**RIGHT**" : "fresh"));
  });
  Ask("capital city");
  for (std::vector<std::string> labels; labels.empty(); world_.Settle()) {
    labels = world_.tier.TakeLabels();
    if (!labels.empty()) EXPECT_EQ(labels, std::vector<std::string>{"hit-right"});
  }
}

TEST_F(AuditTest, AuditsAreOffByDefaultAndBounded) {
  AuditOptions options;
  Audits off(options);
  EXPECT_EQ(off.Begin(0), Audits::Kind::kNone);
  options.share = 0.25;
  options.per_minute = 3;
  Audits some(options);
  std::string kinds;
  for (int i = 0; i < 40; ++i) kinds += some.Begin(i) == Audits::Kind::kNone ? '.' : 'a';
  EXPECT_EQ(kinds, "...a...a...a............................");
  kinds.clear();
  for (int i = 0; i < 8; ++i) kinds += some.Begin(61'000'000'000) == Audits::Kind::kNone ? '.' : 'a';
  EXPECT_EQ(kinds, "...a...a");
}

TEST_F(AuditTest, FailedAuditIsNoLabel) {
  world_.options.audits = {.share = 1, .per_minute = 100, .judge_model = {}};
  world_.compare_answers = [](std::string_view, std::string_view) { return AuditVerdict::kWrong; };
  world_.Start();
  Ask("Capital of France?");
  world_.provider.OnCall([](ProviderCall& call) { call.Json(500, "{}"); });
  Ask("capital city");
  while (world_.Metric(R"(reflex_audits_total{outcome="failed",kind="hit"})") == 0) world_.Settle();
  EXPECT_TRUE(world_.tier.TakeLabels().empty());
}

}  // namespace
}  // namespace reflex::gateway::testing
