#include "text/respell.h"

#include <gtest/gtest.h>

namespace reflex::text {
namespace {

std::optional<std::string> Mend(std::string_view text, std::string_view other) { return Respell(Read(text), Read(other)); }

TEST(Respell, MendsWhatTheOtherTextSpells) {
  EXPECT_EQ(Mend("Convince my mannager to wait", "Convince my manager to wait"), "Convince my manager to wait");
  EXPECT_EQ(Mend("How do I clean a restuarant kichen", "How do I clean a restaurant kitchen?"),
            "How do I clean a restaurant kitchen");
  EXPECT_EQ(Mend("Headder of a letter", "header of a letter"), "Header of a letter");
}

TEST(Respell, LeavesWordsAndNamesAlone) {
  EXPECT_FALSE(Mend("boiling point of methanol", "boiling point of ethanol"));
  EXPECT_FALSE(Mend("a letter to Mr Jonsson", "a letter to Mr Johnsson"));
  EXPECT_FALSE(Mend("form of the from field", "form of the form field"));
  EXPECT_FALSE(Mend("run sevrer.py", "run server.py"));
  EXPECT_FALSE(Mend("one text", "another one"));
  EXPECT_FALSE(Mend("", "word"));
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
