#include "text/respell.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace reflex::text {
namespace {

std::optional<std::string> Mend(std::string_view text, std::string_view other) { return Respell(Read(text), Read(other)); }

TEST(Respell, MendsWhatTheOtherTextSpells) {
  EXPECT_EQ(Mend("Convince my mannager to wait", "Convince my manager to wait"), "Convince my manager to wait");
  EXPECT_EQ(Mend("How do I clean a restuarant kichen", "How do I clean a restaurant kitchen?"),
            "How do I clean a restaurant kitchen");
  EXPECT_EQ(Mend("Headder of a letter", "header of a letter"), "Header of a letter");
}

// Both texts mended, each by the other.
std::pair<std::string, std::string> MendBoth(std::string_view a, std::string_view b) {
  return {Mend(a, b).value_or(std::string(a)), Mend(b, a).value_or(std::string(b))};
}

TEST(Respell, TakesTwoSpellingsForTheOneWordThatBothAreMeantFor) {
  for (const auto& [a, b] : {std::pair("remove a global pakcage", "remove a global packaage"),
                             std::pair("Deploy a coontainer to the cloud", "Deploy a conntainer to the cloud"),
                             std::pair("is it single-threaaded or not", "is it single-threaed or not"),
                             // No list has these.
                             std::pair("reduce my lexicographhic order", "reduce my lexicographic order"),
                             std::pair("the debonuce function", "the debounce function")}) {
    const auto [mended_a, mended_b] = MendBoth(a, b);
    EXPECT_EQ(mended_a, mended_b);
  }
}

TEST(Respell, DoesNotTakeTwoUnknownThingsForOne) {
  for (const auto& [a, b] : {std::pair("uses of natrium benzoxate", "uses of natrium benzoxite"),  // Another letter.
                             std::pair("a letter to Mr Torvalsen", "a letter to Mr Torvaldsen"),   // Names.
                             std::pair("the town of Quillby", "the town of Quilby"), std::pair("what is zorb", "what is zrob"),
                             std::pair("run --no-verfy here", "run --no-verify here")}) {
    const auto [mended_a, mended_b] = MendBoth(a, b);
    EXPECT_NE(mended_a, mended_b);
  }
}

TEST(Respell, LeavesWordsAndNamesAlone) {
  EXPECT_FALSE(Mend("boiling point of methanol", "boiling point of ethanol"));
  EXPECT_FALSE(Mend("a letter to Mr Jonsson", "a letter to Mr Johnsson"));
  EXPECT_FALSE(Mend("form of the from field", "form of the form field"));
  EXPECT_FALSE(Mend("run sevrer.py", "run server.py"));
  EXPECT_FALSE(Mend("one text", "another one"));
  EXPECT_FALSE(Mend("", "word"));
}

// Rare words and unlisted names, each a letter away from a common word.
TEST(Respell, DoesNotTakeARealWordForAnother) {
  for (const auto& [a, b] :
       {std::pair("Is sodium nitrite safe to eat?", "Is sodium nitrate safe to eat?"),
        std::pair("What does a sturgeon eat?", "What does a surgeon eat?"), std::pair("how to bake hake", "how to bake hare"),
        std::pair("the formula of sodium sulfite", "the formula of sodium sulfate"),
        std::pair("a letter to Lord Neilson", "a letter to Lord Nelson"), std::pair("facts about renin", "facts about resin"),
        std::pair("a turbot in the kitchen", "a turbo in the kitchen"),
        std::pair("where to buy stationery", "where to buy stationary"), std::pair("how to install nuxt", "how to install next")}) {
    const auto [mended_a, mended_b] = MendBoth(a, b);
    EXPECT_NE(mended_a, mended_b);
  }
}

TEST(Respell, FindsUnknownWordsOutsideCode) {
  const std::string lower = "the sevrer of src/sevrer.cc has a kichen";
  const auto unknown = FindUnknown(lower);
  ASSERT_EQ(unknown.size(), 2u);
  EXPECT_EQ(lower.substr(unknown[0].begin, unknown[0].size), "sevrer");
  EXPECT_EQ(lower.substr(unknown[1].begin, unknown[1].size), "kichen");
}

}  // namespace
}  // namespace reflex::text
