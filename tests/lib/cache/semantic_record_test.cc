#include "cache/semantic_record.h"

#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace reflex::cache {
namespace {

constexpr std::uint32_t kDimension = 16;
const std::vector<TextSpan> kSpans = {{0, 3}, {4, 9}, {10, 12}};

Embedding MakeEmbedding() {
  Embedding embedding;
  const auto fill = [](std::vector<float>& out, std::size_t rows, float seed) {
    for (std::size_t row = 0; row < rows; ++row) {
      std::vector<float> values(kDimension);
      float squares = 0;
      for (std::size_t i = 0; i < kDimension; ++i) {
        values[i] = std::sin(seed + static_cast<float>(row * kDimension + i) * 1.7f);
        squares += values[i] * values[i];
      }
      for (const float value : values) out.push_back(value / std::sqrt(squares));
    }
  };
  fill(embedding.text, 1, 0.3f);
  fill(embedding.words, kSpans.size(), 2.1f);
  for (std::size_t i = 0; i < kDimension; ++i) embedding.words[kDimension + i] = 0;  // A word without a known piece.
  return embedding;
}

TEST(SemanticRecord, GivesBackWhatWasWritten) {
  const VectorMaker maker = VectorMaker::Of("model", kDimension);
  const Embedding written = MakeEmbedding();
  const auto read = ReadRecord(WriteRecord(maker, written, kSpans, true), maker, kSpans);
  ASSERT_TRUE(read);
  for (std::size_t i = 0; i < written.text.size(); ++i) EXPECT_NEAR(read->text[i], written.text[i], 0.0005);
  ASSERT_EQ(read->words.size(), written.words.size());
  for (std::size_t i = 0; i < written.words.size(); ++i) EXPECT_NEAR(read->words[i], written.words[i], 0.004);
}

TEST(SemanticRecord, WithoutWordsIsOnlyAText) {
  const VectorMaker maker = VectorMaker::Of("model", kDimension);
  const std::string bytes = WriteRecord(maker, MakeEmbedding(), kSpans, false);
  EXPECT_EQ(bytes.size(), 64u + 2 * kDimension);
  std::vector<float> text(kDimension);
  EXPECT_TRUE(ReadText(bytes, maker, text));
  EXPECT_FALSE(ReadRecord(bytes, maker, kSpans));
}

TEST(SemanticRecord, AnotherModelDimensionOrSplitDoesNotFit) {
  const VectorMaker maker = VectorMaker::Of("model", kDimension);
  const std::string bytes = WriteRecord(maker, MakeEmbedding(), kSpans, true);
  std::vector<float> text(kDimension), longer(kDimension + 1);
  EXPECT_TRUE(ReadText(bytes, maker, text));
  EXPECT_FALSE(ReadText(bytes, VectorMaker::Of("model 2", kDimension), text));
  EXPECT_FALSE(ReadText(bytes, VectorMaker::Of("model", kDimension + 1), longer));
  EXPECT_FALSE(ReadText(bytes, maker, longer));
  EXPECT_FALSE(ReadRecord(bytes, maker, std::vector<TextSpan>{{0, 3}, {4, 9}, {10, 13}}));
  EXPECT_FALSE(ReadRecord(bytes, maker, std::vector<TextSpan>{{0, 3}, {4, 9}}));
}

TEST(SemanticRecord, NoChangedByteAndNoOtherLengthIsTaken) {
  const VectorMaker maker = VectorMaker::Of("model", kDimension);
  const std::string good = WriteRecord(maker, MakeEmbedding(), kSpans, true);
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const int bit : {0, 3, 7}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ 1 << bit);
      EXPECT_FALSE(ReadRecord(bad, maker, kSpans)) << "byte " << i;
    }
    EXPECT_FALSE(ReadRecord(std::string_view(good).substr(0, i), maker, kSpans)) << "length " << i;
  }
  EXPECT_FALSE(ReadRecord(good + 'x', maker, kSpans));
}

}  // namespace
}  // namespace reflex::cache
