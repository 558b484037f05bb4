#include "text/words.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace reflex::text {
namespace {

std::vector<std::string> Lower(std::string_view text) {
  std::vector<std::string> out;
  for (const Word& word : SplitWords(text, 100)) out.push_back(word.lower);
  return out;
}

WordType TypeOf(std::string_view text) { return SplitWords(text, 10).at(0).type; }

TEST(Words, AreCutWhereTheTokensEnd) {
  EXPECT_EQ(Lower("Don't panic: C++ and C# aren't node.js!"),
            (std::vector<std::string>{"don't", "panic", "c++", "and", "c#", "aren't", "node.js"}));
  EXPECT_EQ(Lower("a<=b && src/main.cc foo_bar x-y"),
            (std::vector<std::string>{"a", "<=", "b", "&&", "src/main.cc", "foo_bar", "x-y"}));
  EXPECT_EQ(Lower("Bob's caf\xc3\xa9"), (std::vector<std::string>{"bob", "caf\xc3\xa9"}));
  EXPECT_EQ(Lower("\xe6\x97\xa5\xe6\x9c\xac go"), (std::vector<std::string>{"\xe6\x97\xa5\xe6\x9c\xac", "go"}));
  EXPECT_TRUE(Lower("?! ...").empty());
}

TEST(Words, SpansPointIntoTheText) {
  const std::string text = "How does Kubernetes's   scheduler work?";
  for (const Word& word : SplitWords(text, 100)) {
    ASSERT_LT(word.span.begin, word.span.end);
    ASSERT_LE(word.span.end, text.size());
    if (word.lower == "kubernetes") {
      EXPECT_EQ(text.substr(word.span.begin, word.span.end - word.span.begin), "Kubernetes");
    }
  }
}

TEST(Words, HaveTheMainFormOfTheirName) {
  const auto words = SplitWords("k8s js postgres", 10);
  ASSERT_EQ(words.size(), 3u);
  EXPECT_EQ(words[0].canonical, "kubernetes");
  EXPECT_EQ(words[1].canonical, "javascript");
  EXPECT_EQ(words[2].canonical, "postgresql");
}

TEST(Words, ListedPhrasesAreOneWord) {
  const auto words = SplitWords("Use visual studio code with ruby on rails", 20);
  ASSERT_EQ(words.size(), 4u);
  EXPECT_EQ(words[1].canonical, "vs code");
  EXPECT_EQ(words[1].parts, 3);
  EXPECT_EQ(words[3].canonical, "rails");
}

TEST(Words, HaveTypes) {
  EXPECT_EQ(TypeOf("12"), WordType::kNumber);
  EXPECT_EQ(TypeOf("twelve"), WordType::kNumber);
  EXPECT_EQ(TypeOf("isn't"), WordType::kNegation);
  EXPECT_EQ(TypeOf("k8s"), WordType::kTool);
  EXPECT_EQ(TypeOf("Germany"), WordType::kEntity);
  EXPECT_EQ(TypeOf("user_id2x"), WordType::kNumber);
  EXPECT_EQ(TypeOf("getUser"), WordType::kIdentifier);
  EXPECT_EQ(TypeOf("ascending"), WordType::kAntonym);
  EXPECT_EQ(TypeOf("the"), WordType::kFunction);
  EXPECT_EQ(TypeOf("umbrella"), WordType::kContent);
  EXPECT_EQ(TypeOf("=="), WordType::kOther);
}

TEST(Words, FunctionWordsWeighLittle) {
  const auto words = SplitWords("the umbrella", 10);
  EXPECT_LT(words[0].weight * 5, words[1].weight);
}

TEST(Words, StopAtTheLimit) { EXPECT_EQ(SplitWords("q w x y z", 3).size(), 3u); }

}  // namespace
}  // namespace reflex::text
