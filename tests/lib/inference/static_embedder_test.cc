#include "inference/static_embedder.h"

#include <cmath>

#include <gtest/gtest.h>

#include "base/digest.h"
#include "base/files.h"

namespace reflex::inference {
namespace {

using namespace std::chrono_literals;

float Dot(std::span<const float> a, std::span<const float> b) {
  float sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// A table of two dimensions over four pieces, the rows made so that means can be told by hand.
std::string Table() {
  std::string table("RSTV1\0\0\0", 8);
  table += std::string("\4\0\0\0\2\0\0\0", 8);
  for (int row = 0; row < 4; ++row) table += std::string("\0\x3c", 2);  // 1.0
  table += std::string("\0\0\3\0\0\4\4\3", 8);                          // [UNK] 0 0, cat 3 0, dog 0 4, ##s 4 3
  return table;
}
constexpr std::string_view kVocabulary = "[UNK]\ncat\ndog\n##s\n";

TEST(StaticEmbedder, ItsNameBelongsToItsBytes) {
  // Vectors in stores carry the name. Another table or vocabulary gets another name, here and in static_embedder.cc.
  const StaticEmbedder embedder;
  EXPECT_EQ(embedder.model_id(), "static-minilm-128-v1");
  const auto digest = [](const char* file) {
    return base::ToHex(base::HashBytes(base::ReadFile(std::string(BUILTIN "/") + file, 8 << 20).value()));
  };
  EXPECT_EQ(digest("static128.bin"), "d704ae75f3e4be527438a77601db29d9cd0557e122d842df071e7bddcd7f85db");
  EXPECT_EQ(digest("input256.bin"), "ee4949e3cd49730b816479677f8c150001268cedd58ec1e661c9b2fbefd1d948");
  EXPECT_EQ(digest("vocab.txt"), "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3");
}

TEST(StaticEmbedder, AVectorIsTheMeanOfItsPieces) {
  const std::string table = Table();
  const auto embedder = StaticEmbedder::Open(table, kVocabulary);
  ASSERT_TRUE(embedder) << embedder.error().message;
  const std::vector<TextSpan> words{{0, 4}, {5, 8}};
  const auto embedding = (*embedder)->Embed("Cats dog", words, 1s);
  ASSERT_TRUE(embedding);
  // cats: (3,0) + (4,3) = (7,3); dog: (0,4); all: (7,7).
  const float length = std::sqrt(58.0f);
  EXPECT_NEAR(embedding->words[0], 7 / length, 1e-6f);
  EXPECT_NEAR(embedding->words[1], 3 / length, 1e-6f);
  EXPECT_NEAR(embedding->words[2], 0, 1e-6f);
  EXPECT_NEAR(embedding->words[3], 1, 1e-6f);
  EXPECT_NEAR(embedding->text[0], std::sqrt(0.5f), 1e-6f);
  EXPECT_NEAR(embedding->text[1], std::sqrt(0.5f), 1e-6f);
}

TEST(StaticEmbedder, InputRowsAreOfTheSecondTable) {
  StaticEmbedder embedder;
  ASSERT_EQ(embedder.input_dimension(), 256u);
  const std::string_view text = "cats sleep, cats";
  const std::vector<TextSpan> words{{0, 4}, {5, 10}, {10, 11}, {12, 16}};
  const std::vector<float> rows = embedder.InputRows(text, words);
  ASSERT_EQ(rows.size(), 4 * 256u);
  const auto row = [&](std::size_t i) { return std::span(rows).subspan(256 * i, 256); };
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(Dot(row(i), row(i)), 1, 1e-5);
  EXPECT_NEAR(Dot(row(0), row(3)), 1, 1e-5);
  EXPECT_LT(Dot(row(0), row(1)), 0.8);
  EXPECT_TRUE(embedder.InputRows("\xff", {}).empty());
  const std::string table = Table();
  const auto opened = StaticEmbedder::Open(table, kVocabulary);
  ASSERT_TRUE(opened);
  EXPECT_EQ((*opened)->input_dimension(), 0u);
}

TEST(StaticEmbedder, RefusesTablesThatDoNotFit) {
  std::string table = Table();
  EXPECT_FALSE(StaticEmbedder::Open(table.substr(1), kVocabulary));
  EXPECT_FALSE(StaticEmbedder::Open(table + "x", kVocabulary));
  EXPECT_FALSE(StaticEmbedder::Open(table, "[UNK]\ncat\n"));
  EXPECT_FALSE(StaticEmbedder::Open("", ""));
}

TEST(StaticEmbedder, RelatedWordsAreNear) {
  StaticEmbedder embedder;
  const std::string text = "password passphrase banana";
  const std::vector<TextSpan> words{{0, 8}, {9, 19}, {20, 26}};
  const auto embedding = embedder.Embed(text, words, 1s);
  ASSERT_TRUE(embedding);
  const std::span<const float> rows = embedding->words;
  EXPECT_NEAR(Dot(rows.first(128), rows.first(128)), 1, 1e-4f);
  EXPECT_GT(Dot(rows.subspan(0, 128), rows.subspan(128, 128)), Dot(rows.subspan(0, 128), rows.subspan(256, 128)) + 0.1f);
}

TEST(StaticEmbedder, OddTexts) {
  StaticEmbedder embedder;
  const auto empty = embedder.Embed("", {}, 1s);
  ASSERT_TRUE(empty);
  EXPECT_EQ(Dot(empty->text, empty->text), 0);
  EXPECT_EQ(embedder.Embed("a\xff", {}, 1s).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(embedder.Embed("\xf4\x90\x80\x80", {}, 1s).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(embedder.Embed(std::string(StaticEmbedder::kTextBytesMax + 1, 'a'), {}, 1s).error().code, ErrorCode::kTooLarge);
  EXPECT_TRUE(embedder.Embed(std::string(100'000, 'a'), {}, 1s));
}

}  // namespace
}  // namespace reflex::inference
