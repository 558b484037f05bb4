#include <gtest/gtest.h>

#include "inference/gguf_embedder.h"

namespace reflex::inference {
namespace {

using namespace std::chrono_literals;

Result<float> Score(const std::string& file, std::string_view a, std::string_view b, GgufOptions options = {}) {
  auto scorer = OpenGgufPairScorer(std::string(FIXTURES "/") + file + ".gguf", options);
  if (!scorer) return std::unexpected(scorer.error());
  return (*scorer)->Score(a, b, 10s);
}

TEST(GgufPairScorer, GivesTheScoresOfAnIndependentForwardPass) {
  // Recorded from a forward pass in double precision over the same file, mean of both orders.
  GgufOptions one;
  one.segments = false;
  const std::string_view a = "reset password", b = "please help me change my password";
  EXPECT_NEAR(Score("bert-rerank", a, b).value(), -1.35577f, 5e-3f);
  EXPECT_NEAR(Score("bert-rerank", a, b, one).value(), -1.53194f, 5e-3f);
  EXPECT_NEAR(Score("bert-rerank", "refund", "order").value(), -0.37053f, 5e-3f);
  EXPECT_NEAR(Score("bert-rerank", "refund", "order", one).value(), -0.45501f, 5e-3f);
}

TEST(GgufPairScorer, OrderDoesNotMatter) {
  for (const char* file : {"bert-rerank", "xlmr-rerank", "qwen3-rerank"}) {
    const auto forward = Score(file, "reset password", "weather in paris"),
               backward = Score(file, "weather in paris", "reset password");
    ASSERT_TRUE(forward && backward) << file << ": " << forward.error().message;
    EXPECT_NEAR(*forward, *backward, 5e-3f) << file;
  }
}

TEST(GgufPairScorer, WhatIsNoSuchModelIsRefused) {
  EXPECT_NE(Score("bert-embed", "a", "b").error().message.find("no rank head"), std::string::npos);
  EXPECT_NE(Score("bert-rerank3", "a", "b").error().message.find("several scores"), std::string::npos);
  GgufOptions options;
  options.prefix = "query: ";
  EXPECT_EQ(Score("bert-rerank", "a", "b", options).error().code, ErrorCode::kInvalidArgument);
}

TEST(GgufPairScorer, NothingIsCutAndNothingOddIsTaken) {
  std::string text = "a";
  for (int i = 0; i < 60; ++i) text += " a";
  EXPECT_EQ(Score("bert-rerank", text, "reset").error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(Score("bert-rerank", "a", "\xf4\x90\x80\x80").error().code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(Score("bert-rerank", "", ""));
}

}  // namespace
}  // namespace reflex::inference
