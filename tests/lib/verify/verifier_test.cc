#include "verify/verifier.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

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

std::vector<std::string> Tokens(std::string_view text) {
  const Reading reading = Read(text);
  std::vector<std::string> tokens;
  for (const TextSpan span : TokenSpans(reading)) tokens.push_back(reading.prepared.substr(span.begin, span.end - span.begin));
  return tokens;
}

TEST(Verifier, TokensAreCutAtSpacesSignsAndWords) {
  using Strings = std::vector<std::string>;
  EXPECT_EQ(Tokens("sort a list!"), (Strings{"sort", "a", "list", "!"}));
  EXPECT_EQ(Tokens("how much is a_b==3.5"), (Strings{"how", "much", "is", "a", "_", "b", "=", "=", "3", ".", "5"}));
  EXPECT_EQ(Tokens("isn't caf\u00e9\u00a0na\u00efve"), (Strings{"isn", "'", "t", "caf\u00e9", "na\u00efve"}));
  EXPECT_EQ(Tokens(""), Strings());
}

// A word is the mean of its tokens, whatever stands between words.
TEST(Verifier, RowsOfWordsComeFromThoseOfTokens) {
  const Reading reading = Read("tell me, don't (ever) ask C++ for machine learning");
  const auto tokens = TokenSpans(reading);
  std::vector<float> rows;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const float angle = 0.3f * static_cast<float>(i);
    rows.insert(rows.end(), {std::cos(angle), std::sin(angle)});
  }
  const std::vector<float> words = WordRows(reading, tokens, rows);
  ASSERT_EQ(words.size(), 2 * reading.words.size());
  for (std::size_t w = 0; w < reading.words.size(); ++w) {
    double x = 0, y = 0;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i].begin < reading.words[w].span.begin || tokens[i].end > reading.words[w].span.end) continue;
      x += static_cast<double>(rows[2 * i]);
      y += static_cast<double>(rows[2 * i + 1]);
    }
    ASSERT_GT(std::hypot(x, y), 0) << reading.words[w].lower;
    EXPECT_NEAR(words[2 * w], x / std::hypot(x, y), 1e-5);
    EXPECT_NEAR(words[2 * w + 1], y / std::hypot(x, y), 1e-5);
  }
}

}  // namespace
}  // namespace reflex::verify
