// Trials: the same decisions as in serving, over a store in memory.
#include "app/eval_run.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "reflex/logger.h"

namespace reflex::app {
namespace {

using Layer = EvalFound::Layer;

class EvalTrial : public testing::Test {
 protected:
  void SetUp() override { Open(SemanticOptions(), true); }
  void Open(const SemanticOptions& options, bool semantic) {
    auto tier = EvalTier::Create(options, semantic, models_, 100, logger_);
    ASSERT_TRUE(tier) << tier.error().message;
    tier_ = std::move(*tier);
  }
  std::vector<EvalRow> Rows(EvalKind kind, const std::string& text) {
    auto rows = ReadEvalRows(kind, "test", text);
    EXPECT_TRUE(rows) << rows.error().message;
    return std::move(*rows);
  }
  // Keeps the rows that the decisions point to.
  std::vector<EvalDecision> Run(EvalKind kind, const std::string& text) {
    rows_ = Rows(kind, text);
    switch (kind) {
      case EvalKind::kPairs: return EvalPairs(*tier_, rows_, {});
      case EvalKind::kStream: return EvalStream(*tier_, rows_, {});
      case EvalKind::kRequests: return EvalRequests(*tier_, rows_, {});
    }
    return {};
  }

  NullLogger logger_;
  Models models_;
  std::vector<EvalRow> rows_;
  std::unique_ptr<EvalTier> tier_;
};

TEST_F(EvalTrial, PairsAreDecidedEachForItself) {
  const auto decisions =
      Run(EvalKind::kPairs, R"({"id":1,"a":"What is the capital of France?","b":"hi, what is the capital of France"})"
                            "\n"
                            R"({"id":2,"a":"Boil two eggs","b":"What is the capital of France?"})"
                            "\n"
                            R"({"id":3,"a":"How long do I boil 2 eggs?","b":"How long do I boil 3 eggs?"})"
                            "\n"
                            R"({"id":4,"a":"Boil two eggs","b":"Boil two eggs"})");
  ASSERT_EQ(decisions.size(), 4u);
  EXPECT_EQ(decisions[0].found.layer, Layer::kCanonical);
  EXPECT_EQ(decisions[0].found.source, "1");
  EXPECT_EQ(decisions[0].score, 1);
  // The first row holds that question; no other row may see it.
  EXPECT_EQ(decisions[1].found.layer, Layer::kMiss);
  EXPECT_EQ(decisions[2].found.reason, "guard-numbers");
  EXPECT_LT(decisions[2].score, 0.5);
  EXPECT_EQ(decisions[3].found.layer, Layer::kExact);
}

TEST_F(EvalTrial, LabelsReachNoDecision) {
  const auto run = [&](const std::string& label) {
    Open(SemanticOptions(), true);
    auto decisions =
        Run(EvalKind::kPairs, R"({"id":1,"a":"How do I sort a list in Python?","b":"sort a list in python","same":)" + label +
                                  "}\n"
                                  R"({"id":2,"a":"Increase the limit","b":"Decrease the limit","same":)" +
                                  label + "}");
    return std::pair(decisions[0].score, decisions[1].score);
  };
  EXPECT_EQ(run("true"), run("false"));
}

TEST_F(EvalTrial, AStreamServesWhatItMissedBefore) {
  const auto decisions = Run(EvalKind::kStream, R"({"id":"a","prompt":"What is the capital of France?","class":"f"})"
                                                "\n"
                                                R"({"id":"b","prompt":"What is the capital of Norway?","class":"n"})"
                                                "\n"
                                                R"({"id":"c","prompt":"what is the capital of norway","class":"n"})"
                                                "\n"
                                                R"({"id":"d","prompt":"What is the capital of France?","class":"f"})");
  ASSERT_EQ(decisions.size(), 4u);
  EXPECT_FALSE(decisions[0].found.hit());
  EXPECT_FALSE(decisions[1].found.hit());
  EXPECT_TRUE(decisions[2].found.hit());
  EXPECT_EQ(decisions[2].found.source, "\"b\"");
  EXPECT_TRUE(decisions[2].right);
  EXPECT_EQ(decisions[3].found.layer, Layer::kExact);
  EXPECT_EQ(decisions[3].found.source, "\"a\"");
}

TEST_F(EvalTrial, AStreamGivesTheSameTwice) {
  std::string text;
  for (int i = 0; i < 60; ++i) {
    text += "{\"id\":" + std::to_string(i) + ",\"prompt\":\"How do I bake bread with " + std::to_string(i % 40) +
            " grams of salt?\"}\n";
  }
  std::vector<std::string> first, second;
  for (const auto& decision : Run(EvalKind::kStream, text)) first.push_back(decision.found.source + decision.found.reason);
  Open(SemanticOptions(), true);
  for (const auto& decision : Run(EvalKind::kStream, text)) second.push_back(decision.found.source + decision.found.reason);
  EXPECT_EQ(first, second);
}

TEST_F(EvalTrial, RequestsCountWhole) {
  const auto body = [](const std::string& system, const std::string& question) {
    return R"({"model":"m","messages":[{"role":"system","content":")" + system + R"("},{"role":"user","content":")" + question +
           R"("}]})";
  };
  const auto row = [](int id, const std::string& a, const std::string& b) {
    return "{\"id\":" + std::to_string(id) + ",\"a\":" + a + ",\"b\":" + b + "}\n";
  };
  const auto decisions = Run(EvalKind::kRequests, row(1, body("s", "Explain ARP"), body("s", "explain ARP.")) +
                                                      row(2, body("s", "Explain ARP"), body("t", "explain ARP.")) +
                                                      row(3, body("s", "Explain ARP"), body("s", "Explain ARP")) +
                                                      row(4, R"({"model":1})", body("s", "Explain ARP")));
  ASSERT_EQ(decisions.size(), 4u);
  EXPECT_EQ(decisions[0].found.layer, Layer::kCanonical);
  EXPECT_EQ(decisions[1].found.layer, Layer::kMiss);
  EXPECT_EQ(decisions[2].found.layer, Layer::kExact);
  EXPECT_EQ(decisions[3].found.layer, Layer::kMiss);
  EXPECT_EQ(decisions[3].found.reason, "field-type");
}

TEST_F(EvalTrial, WithoutSemanticTierOnlyTheSameHits) {
  Open(SemanticOptions(), false);
  const auto decisions = Run(EvalKind::kPairs, R"({"id":1,"a":"Explain ARP","b":"explain ARP"})"
                                               "\n"
                                               R"({"id":2,"a":"x","b":"x"})");
  EXPECT_EQ(decisions[0].found.layer, Layer::kMiss);
  EXPECT_EQ(decisions[1].found.layer, Layer::kExact);
}

TEST(EvalScore, ExactlyTheHitsReachHalf) {
  EvalFound miss, hit;
  hit.layer = Layer::kVerified;
  double last = -1;
  for (const double score : {0.0, 0.2, 0.5, 0.79, 0.8, 0.9, 1.0}) {
    (score >= 0.8 ? hit : miss).score = score;
    const double moved = ScoreForFile(score >= 0.8 ? hit : miss, 0.8);
    EXPECT_EQ(moved >= 0.5, score >= 0.8) << score;
    EXPECT_GT(moved, last);
    EXPECT_LE(moved, 1);
    last = moved;
  }
  // What another judge decided against the score.
  miss.score = 0.95;
  EXPECT_LT(ScoreForFile(miss, 0.8), 0.5);
  hit.score = 0.1;
  EXPECT_GE(ScoreForFile(hit, 0.8), 0.5);
  // A tier that is off.
  miss.score = 0.99;
  EXPECT_LT(ScoreForFile(miss, 2), 0.5);
}

}  // namespace
}  // namespace reflex::app
