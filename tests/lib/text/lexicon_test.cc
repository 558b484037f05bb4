#include "text/lexicon.h"

#include <gtest/gtest.h>

#include <string>

namespace reflex::text {
namespace {

TEST(Lexicon, KnowsOtherNamesOfOneThing) {
  const Lexicon& lexicon = Lexicon::Get();
  for (const auto& [word, main] :
       {std::pair{"k8s", "kubernetes"}, {"js", "javascript"}, {"postgres", "postgresql"}, {"repo", "repository"}}) {
    const LexiconEntry* entry = lexicon.Find(word);
    ASSERT_NE(entry, nullptr) << word;
    EXPECT_EQ(entry->canonical, main);
  }
  EXPECT_EQ(lexicon.Find("surely-no-word"), nullptr);
}

TEST(Lexicon, NeverTakesAFunctionWordForAName) {
  for (const char* word : {"it", "us", "i", "me", "you", "is", "the"}) {
    const LexiconEntry* entry = Lexicon::Get().Find(word);
    if (entry) {
      EXPECT_EQ(entry->canonical, word);
    }
  }
}

TEST(Lexicon, FlagsKindsOfWords) {
  const auto has = [](std::string_view word, LexiconEntry::Flag flag) {
    const LexiconEntry* entry = Lexicon::Get().Find(word);
    return entry && entry->Has(flag);
  };
  EXPECT_TRUE(has("python", LexiconEntry::kTool));
  EXPECT_TRUE(has("france", LexiconEntry::kEntity));
  EXPECT_TRUE(has("without", LexiconEntry::kNegation));
  EXPECT_TRUE(has("the", LexiconEntry::kFunction));
  EXPECT_TRUE(has("thanks", LexiconEntry::kCourtesy));
  EXPECT_TRUE(has("ascending", LexiconEntry::kAntonym));
  EXPECT_FALSE(has("thanks", LexiconEntry::kTool));
}

TEST(Lexicon, RelatesStems) {
  const Lexicon& lexicon = Lexicon::Get();
  const Kin up = lexicon.FindKin(Stem("ascending")), down = lexicon.FindKin(Stem("descending")), other = lexicon.FindKin("encrypt");
  EXPECT_TRUE(up.antonyms.SharesWith(down.antonyms));
  EXPECT_FALSE(up.antonyms.SharesWith(other.antonyms));
  EXPECT_TRUE(lexicon.FindKin("surely-no-word").contrasts.empty());
}

TEST(Lexicon, KnowsEnglishWordsForSpelling) {
  const Lexicon& lexicon = Lexicon::Get();
  for (const char* word : {"channel", "water", "zones", "abandon"}) EXPECT_TRUE(lexicon.Known(word)) << word;
  // Regular forms and words written as one.
  for (const char* word :
       {"permissions", "planned", "headers", "bravely", "unpaid", "codebase", "endpoints", "downtime", "sandbox"})
    EXPECT_TRUE(lexicon.Known(word)) << word;
  for (const char* word :
       {"permissioons", "headder", "dolllars", "slowwer", "acess", "sould", "custommer", "reease", "codebsae", "coontainer"})
    EXPECT_FALSE(lexicon.Known(word)) << word;
  for (const char* word : {"chanel0", "watre", "", "zzzzzz", "a"}) EXPECT_FALSE(lexicon.Known(word)) << word;
}

TEST(Lexicon, KnowsWordsOfComputing) {
  const Lexicon& lexicon = Lexicon::Get();
  for (const char* word : {"regex", "array", "commit"}) {
    ASSERT_NE(lexicon.Find(word), nullptr) << word;
    EXPECT_TRUE(lexicon.Find(word)->Has(LexiconEntry::kTechnical)) << word;
  }
  const LexiconEntry* other = lexicon.Find("ascending");
  ASSERT_NE(other, nullptr);
  EXPECT_FALSE(other->Has(LexiconEntry::kTechnical));
}

TEST(Lexicon, CutsEndingsOnlyWhereAStemStays) {
  EXPECT_EQ(Stem("sorting"), "sort");
  EXPECT_EQ(Stem("queries"), "quer");
  EXPECT_EQ(Stem("boxes"), "box");
  EXPECT_EQ(Stem("red"), "red");
  EXPECT_EQ(Stem("this"), "this");
}

TEST(Lexicon, KnowsRareWordsFromTheFirstToTheLast) {
  for (const char* word : {"abalone", "nitrite", "sturgeon", "zygotes"}) EXPECT_TRUE(Lexicon::Get().Known(word)) << word;
  for (const char* word : {"aaaaa", "nitrote", "zzzzz"}) EXPECT_FALSE(Lexicon::Get().Known(word)) << word;
}

}  // namespace
}  // namespace reflex::text
