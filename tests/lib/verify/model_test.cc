#include "verify/model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "verify/measures.h"

namespace reflex::verify {
namespace {

const std::string kSmall =
    "reflex-verifier 1\n# a comment\nembedder test-1\nfeature cos 0.5 0.25 2\nfeature jacc 0 1 -1\nintercept 0.5\n"
    "tree 3\nnode cos 0.7 1 2\nleaf -1\nleaf 1.5\nthreshold 0.8 0.02\nthreshold 0.9 0.01\nthreshold 0.95 0.001\nend\n";

std::string ModelRefusal(const std::string& text) {
  const auto model = Model::Parse(text);
  return model ? "" : model.error().message;
}

std::string Replaced(std::string_view from, std::string_view to) {
  std::string text = kSmall;
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos);
  return text.replace(at, from.size(), to);
}

TEST(Model, ScoresByRegressionAndTrees) {
  const auto model = Model::Parse(kSmall);
  ASSERT_TRUE(model) << model.error().message;
  Features features{};
  features[kFeature<"cos">] = 1;
  features[kFeature<"jacc">] = 0.5f;
  const double logit = 0.5 + (1 - 0.5) / 0.25 * 2 - 0.5 + 1.5;
  EXPECT_NEAR(model->Score(features), 1 / (1 + std::exp(-logit)), 1e-12);
  features[kFeature<"cos">] = 0.7f;
  EXPECT_EQ(model->embedder(), "test-1");
  EXPECT_EQ(model->tree_count(), 1u);
}

TEST(Model, AKindOfQuestionBendsTheScore) {
  const auto plain = Model::Parse(kSmall),
             bent = Model::Parse(Replaced("intercept 0.5\n", "intercept 0.5\nbend technical 0.25 0.5\n"));
  ASSERT_TRUE(plain);
  ASSERT_TRUE(bent) << bent.error().message;
  Features features{};
  features[kFeature<"cos">] = 0.6f;
  EXPECT_EQ(plain->Score(features), bent->Score(features));
  const double score = plain->Score(features), logit = std::log(score / (1 - score));
  features[kFeature<"technical">] = 1;
  EXPECT_NEAR(bent->Score(features), 1 / (1 + std::exp(-(1.25 * logit + 0.5))), 1e-9);
}

TEST(Model, ListensToTheBuiltInOneWhereItSaysSo) {
  const auto alone = Model::Parse(kSmall),
             joined = Model::Parse(Replaced("intercept 0.5\n", "intercept 0.5\njoin 0.5 1\nbuiltin 0.25\n"));
  ASSERT_TRUE(alone);
  ASSERT_TRUE(joined) << joined.error().message;
  EXPECT_FALSE(alone->listens_to_builtin());
  EXPECT_FALSE(joined->listens_to_net());
  ASSERT_TRUE(joined->listens_to_builtin());
  const double logit = 0.5 * std::log(0.8 / 0.2) + 0.25 * std::log(0.3 / 0.7) + 1;
  EXPECT_NEAR(joined->Join(0.8, 0.3, 9), 1 / (1 + std::exp(-logit)), 1e-9);
  for (const double score : {0.0, 1.0}) {
    EXPECT_GT(joined->Join(score, score, 0), 0);
    EXPECT_LT(joined->Join(score, score, 0), 1);
  }
}

TEST(Model, ListensToAPairNetAsWell) {
  const auto model = Model::Parse(Replaced("intercept 0.5\n", "intercept 0.5\njoin 0.5 1\nbuiltin 0.25\nnet 0.5\n"));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_TRUE(model->listens_to_net());
  const double logit = 0.5 * std::log(0.8 / 0.2) + 0.25 * std::log(0.3 / 0.7) + 1 + 0.5 * 3;
  EXPECT_NEAR(model->Join(0.8, 0.3, 3), 1 / (1 + std::exp(-logit)), 1e-9);
  EXPECT_EQ(ModelRefusal(Replaced("intercept 0.5\n", "intercept 0.5\nnet 0.5\n")),
            "verifier model, line 7: net needs a WEIGHT above 0, once, after the line join");
  EXPECT_NE(ModelRefusal(Replaced("intercept 0.5\n", "intercept 0.5\njoin 1 0\nnet 0\n")), "");
  EXPECT_NE(ModelRefusal(Replaced("intercept 0.5\n", "intercept 0.5\njoin 1 0\nnet 1\nnet 1\n")), "");
}

TEST(Model, ThresholdKeepsThePromiseOfItsRow) {
  const auto model = Model::Parse(kSmall);
  ASSERT_TRUE(model);
  EXPECT_EQ(model->ThresholdFor(0.02), 0.8);
  EXPECT_EQ(model->ThresholdFor(0.015), 0.9);
  EXPECT_EQ(model->ThresholdFor(0.001), 0.95);
  EXPECT_GT(model->ThresholdFor(0.0005), 1);
  EXPECT_GT(model->ThresholdFor(0), 1);
}

TEST(Model, ScoresStayBetweenZeroAndOne) {
  const auto model = Model::Parse(kSmall);
  ASSERT_TRUE(model);
  Features features{};
  for (const float value : {-1e30f, 1e30f, 0.f}) {
    features[kFeature<"cos">] = value;
    EXPECT_GE(model->Score(features), 0);
    EXPECT_LE(model->Score(features), 1);
  }
}

TEST(Model, SaysWhichLineIsWrong) {
  EXPECT_NE(ModelRefusal("").find("reflex-verifier 1"), std::string::npos);
  EXPECT_NE(ModelRefusal("hello\n").find("line 1"), std::string::npos);
  EXPECT_EQ(Model::Parse("reflex-verifier 2\nend\n").error().code, ErrorCode::kNewerFormat);
  EXPECT_NE(ModelRefusal(Replaced("feature cos", "feature cosine")).find("line 4"), std::string::npos);
  EXPECT_NE(ModelRefusal(Replaced("feature jacc", "feature cos")).find("twice"), std::string::npos);
  EXPECT_NE(ModelRefusal(Replaced("0.5 0.25 2", "0.5 0 2")).find("scale"), std::string::npos);
  EXPECT_NE(ModelRefusal(Replaced("0.5 0.25 2", "nan 0.25 2")).find("finite"), std::string::npos);
  EXPECT_NE(ModelRefusal(Replaced("0.5 0.25 2", "0.5 0.25 inf")).find("finite"), std::string::npos);
  EXPECT_NE(ModelRefusal(Replaced("0.5 0.25 2", "0.5 0.25")).find("line 4"), std::string::npos);
  EXPECT_NE(ModelRefusal(Replaced("intercept 0.5\n", "")).find("intercept"), std::string::npos);
  EXPECT_NE(ModelRefusal(Replaced("intercept 0.5", "bend nothing 1 1")).find("\"nothing\", which this program does not know"),
            std::string::npos);
  EXPECT_NE(ModelRefusal(Replaced("intercept 0.5", "bend cos 1")).find("bend needs FEATURE SLOPE OFFSET"), std::string::npos);
  EXPECT_NE(ModelRefusal(Replaced("intercept 0.5", "bend cos -1 1")).find("above -1"), std::string::npos);
  EXPECT_NE(ModelRefusal(Replaced("intercept 0.5", "join 1")).find("join needs SCALE OFFSET"), std::string::npos);
  EXPECT_NE(ModelRefusal(Replaced("intercept 0.5", "join 1 0\nbuiltin 0")).find("above 0"), std::string::npos);
  EXPECT_NE(ModelRefusal(Replaced("intercept 0.5", "join 1 0\njoin 1 0")).find("once"), std::string::npos);
  EXPECT_NE(ModelRefusal(Replaced("leaf 1.5", "leaf x")).find("line 10"), std::string::npos);
  EXPECT_NE(ModelRefusal(Replaced("0.7 1 2", "0.7 0 2")).find("behind"), std::string::npos);
  EXPECT_NE(ModelRefusal(Replaced("0.7 1 2", "0.7 1 3")).find("behind"), std::string::npos);
  EXPECT_NE(ModelRefusal(Replaced("threshold 0.9 0.01", "threshold 0.7 0.01")).find("ascend"), std::string::npos);
  EXPECT_NE(ModelRefusal(Replaced("threshold 0.9 0.01", "threshold 0.9 1.5")).find("between"), std::string::npos);
  EXPECT_NE(ModelRefusal(Replaced("end\n", "")).find("end"), std::string::npos);
  EXPECT_NE(ModelRefusal(kSmall + "more\n").find("follow"), std::string::npos);
  EXPECT_NE(ModelRefusal(Replaced("tree 3", "tree 30")).find("line"), std::string::npos);
  EXPECT_NE(ModelRefusal(Replaced("tree 3", "tree 4294967295")).find("nodes"), std::string::npos);
  EXPECT_NE(ModelRefusal(Replaced("embedder test-1", "embedder")).find("name"), std::string::npos);
}

TEST(Model, TheBuiltInOneIsWhole) {
  const auto& model = Model::Builtin();
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_FALSE(model->table().empty());
  EXPECT_FALSE(model->embedder().empty());
}

}  // namespace
}  // namespace reflex::verify
