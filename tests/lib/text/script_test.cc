#include "text/script.h"

#include <gtest/gtest.h>

#include <string>

namespace reflex::text {
namespace {

TEST(Script, EnglishIsRead) {
  for (const std::string text :
       {"How do I sort a list in Python?", "vim delete whole line", "What does \"por favor\" mean?", "SELECT dept FROM emp",
        "jq sum", "Who painted Guernica and where does the painting hang now?", "Translate 'guten Morgen' into English"}) {
    EXPECT_TRUE(ReadScript(text).english) << text;
  }
}

TEST(Script, OtherLanguagesAreNot) {
  for (const std::string text :
       {"Wie sortiere ich eine Liste in Python und gebe sie aus?",
        "\xc2\xbf"
        "C\xc3\xb3mo ordeno una lista en Python por el nombre?",
        "Comment trier une liste dans Python avec une fonction ?",
        "\xd0\x9a\xd0\xb0\xd0\xba "
        "\xd0\xbe\xd1\x82\xd1\x81\xd0\xbe\xd1\x80\xd1\x82\xd0\xb8\xd1\x80\xd0\xbe\xd0\xb2\xd0\xb0\xd1\x82\xd1\x8c Python",
        "\xe5\xa6\x82\xe4\xbd\x95\xe5\x9c\xa8 Python \xe4\xb8\xad\xe5\xaf\xb9\xe5\x88\x97\xe8\xa1\xa8\xe6\x8e\x92\xe5\xba\x8f"}) {
    EXPECT_FALSE(ReadScript(text).english) << text;
  }
}

TEST(Script, SharesAreShares) {
  const ScriptShare none = ReadScript("123 !!");
  EXPECT_EQ(none.foreign, 0);
  EXPECT_EQ(none.words, 0u);
  EXPECT_EQ(ReadScript("\xd0\xba\xd0\xb0\xd0\xba").foreign, 1);
}

}  // namespace
}  // namespace reflex::text
