#include "verify/verifier.h"

#include <gtest/gtest.h>

#include <string>

#include "hashed_embedder.h"

namespace reflex::verify {
namespace {

Verdict Judge(std::string_view a, std::string_view b) {
  HashedEmbedder embedder;
  const Reading x = Read(a), y = Read(b);
  const auto& model = Model::Builtin();
  EXPECT_TRUE(model);
  return Verifier(*model).Judge(x, y, *embedder.Embed(x.prepared, WordSpans(x), {}), *embedder.Embed(y.prepared, WordSpans(y), {}));
}

TEST(Verifier, AcceptsANearRepeatAndNothingElse) {
  const double near = Judge("How do I rename a git branch?", "how do i rename a git branch").score;
  EXPECT_GT(near, 0.8);
  EXPECT_LT(Judge("How do I rename a git branch?", "What is the tallest tree in Europe?").score, near / 2);
}

TEST(Verifier, AConflictIsAVeto) {
  const Verdict verdict = Judge("Round to 2 decimals in Python", "Round to 3 decimals in Python");
  ASSERT_FALSE(verdict.conflicts.empty());
  EXPECT_EQ(verdict.conflicts.front().guard, "numbers");
  EXPECT_EQ(verdict.conflicts.front().a, "2");
  EXPECT_EQ(verdict.conflicts.front().b, "3");
  EXPECT_EQ(verdict.score, 0);
  EXPECT_FALSE(verdict.Accepts(0));
}

TEST(Verifier, IsNotCompetentForWhatTheListsCannotRead) {
  EXPECT_FALSE(Judge("Wie sortiere ich eine Liste und gebe sie aus?", "Wie sortiere ich eine Liste und gebe sie aus?").competent);
  EXPECT_FALSE(Judge("", "").competent);
  EXPECT_FALSE(Judge("caf\xe9", "caf\xe9").competent);
  std::string words;
  for (int i = 0; i < 700; ++i) words += "word" + std::to_string(i) + " ";
  EXPECT_FALSE(Judge(words, words).competent);
  EXPECT_FALSE(Judge(words, words).Accepts(0));
  EXPECT_TRUE(Judge("Sort a list", "Sort an array").competent);
}

TEST(Verifier, WordSpansFollowTheWords) {
  const Reading reading = Read("Please sort a list!");
  const auto spans = WordSpans(reading);
  ASSERT_EQ(spans.size(), reading.words.size());
  for (std::size_t i = 1; i < spans.size(); ++i) EXPECT_LE(spans[i - 1].end, spans[i].begin);
  EXPECT_EQ(reading.prepared, "sort a list!");
}

}  // namespace
}  // namespace reflex::verify
