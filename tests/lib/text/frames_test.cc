#include "text/frames.h"

#include <gtest/gtest.h>

#include <string>

namespace reflex::text {
namespace {

std::string KindOf(std::string_view text) {
  auto words = SplitWords(text, 100);
  return std::string(FrameName(MarkFrame(words)));
}

TEST(Frames, NameTheKindOfAQuestion) {
  EXPECT_EQ(KindOf("How do I clean a kettle?"), "how");
  EXPECT_EQ(KindOf("What's the best way to clean a kettle?"), "how");
  EXPECT_EQ(KindOf("Why does my kettle leak?"), "why");
  EXPECT_EQ(KindOf("What is the reason that my kettle leaks?"), "why");
  EXPECT_EQ(KindOf("How long does it take to boil an egg?"), "howlong");
  EXPECT_EQ(KindOf("Difference between tea and coffee"), "compare");
  EXPECT_EQ(KindOf("kettle limescale"), "");
}

TEST(Frames, TheLongestPhraseWins) { EXPECT_EQ(KindOf("Can you explain how to fix it?"), "how"); }

TEST(Frames, TheirWordsWeighLittleThereAndOnlyThere) {
  auto words = SplitWords("What is the easiest way to win the easiest game?", 100);
  MarkFrame(words);
  const Word *in_frame = nullptr, *outside = nullptr;
  for (const Word& word : words) {
    if (!word.lower.starts_with("easiest")) continue;
    (in_frame ? outside : in_frame) = &word;
  }
  ASSERT_TRUE(in_frame && outside);
  EXPECT_EQ(in_frame->type, WordType::kFunction);
  EXPECT_NE(outside->type, WordType::kFunction);
  EXPECT_LT(in_frame->weight, outside->weight);
}

TEST(Frames, OfNothingIsNone) {
  std::vector<Word> none;
  EXPECT_EQ(MarkFrame(none), 0);
  EXPECT_EQ(FrameName(0), "");
  EXPECT_EQ(FrameName(255), "");
}

}  // namespace
}  // namespace reflex::text
