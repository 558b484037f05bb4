#include "inference/piece_spans.h"

#include <string>

#include <gtest/gtest.h>

namespace reflex::inference {
namespace {

std::vector<std::string> Cut(std::string_view text, const std::vector<std::string_view>& pieces,
                             UnknownPiece unknown = UnknownPiece::kWord) {
  std::vector<std::string> cut;
  for (const TextSpan& span : AlignPieces(text, pieces, unknown)) cut.emplace_back(text.substr(span.begin, span.end - span.begin));
  return cut;
}
using Words = std::vector<std::string>;

TEST(AlignPieces, FollowsCaseSpacesAndWordMarks) {
  EXPECT_EQ(Cut("How  Do I\nreset", {"▁how", "▁do", "▁i", "▁re", "set"}), (Words{"How", "Do", "I", "re", "set"}));
}

TEST(AlignPieces, FollowsAccents) {
  EXPECT_EQ(Cut("Été à Paris", {"▁ete", "▁a", "▁paris"}), (Words{"Été", "à", "Paris"}));
  EXPECT_EQ(Cut("e\u0301te\u0301 x", {"▁ete", "▁x"}), (Words{"e\u0301te", "x"}));
}

TEST(AlignPieces, AnUnknownWordIsPassedWhole) {
  EXPECT_EQ(Cut("zzz 中 reset", {"", "", "▁reset"}), (Words{"zzz", "中", "reset"}));
  EXPECT_EQ(Cut("aaa, a", {"", "▁,", "▁a"}), (Words{"aaa", ",", "a"}));
}

TEST(AlignPieces, UnknownCharactersEndWhereTheNextPieceBegins) {
  EXPECT_EQ(Cut("☃☃reset", {"", "reset"}, UnknownPiece::kCharacters), (Words{"☃☃", "reset"}));
}

TEST(AlignPieces, WhatIsNotThereIsEmptyAndHarmless) {
  EXPECT_EQ(Cut("reset my password", {"▁reset", "▁xyz", "▁password"}), (Words{"reset", "", "password"}));
  EXPECT_EQ(Cut("", {"▁a", ""}), (Words{"", ""}));
  EXPECT_EQ(Cut("a", {"\xff", "▁"}), (Words{"", ""}));
}

TEST(AlignPieces, EveryByteOfALongTextIsReachedInLinearTime) {
  std::string text;
  std::vector<std::string_view> pieces;
  for (int i = 0; i < 50'000; ++i) {
    text += "reset ";
    pieces.emplace_back("▁reset");
  }
  const auto spans = AlignPieces(text, pieces, UnknownPiece::kWord);
  EXPECT_EQ(spans.back(), (TextSpan{299'994, 299'999}));
}

}  // namespace
}  // namespace reflex::inference
