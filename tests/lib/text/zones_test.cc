#include "text/zones.h"

#include <gtest/gtest.h>

#include <string>

namespace reflex::text {
namespace {

std::string Verbatim(std::string_view text) {
  std::string out;
  for (const Zone& zone : SplitZones(text)) {
    if (zone.verbatim) out.append("<").append(zone.Of(text)).append(">");
  }
  return out;
}

TEST(Zones, CoverTheTextInOrder) {
  for (const std::string text :
       {"a `b` c", "", "```x", "say \"hi\" to 'Bob' and don't", "one\n  two\nthree", "\xe2\x80\x9cq\xe2\x80\x9d"}) {
    std::size_t at = 0;
    for (const Zone& zone : SplitZones(text)) {
      EXPECT_EQ(zone.begin, at);
      EXPECT_LT(zone.begin, zone.end);
      at = zone.end;
    }
    EXPECT_EQ(at, text.size());
  }
}

TEST(Zones, FindCodeAndQuotes) {
  EXPECT_EQ(Verbatim("use `x y` here"), "<`x y`>");
  EXPECT_EQ(Verbatim("say \"hi there\" to"), "<\"hi there\">");
  EXPECT_EQ(Verbatim("it's Bob's 'own' car"), "<'own'>");
  EXPECT_EQ(Verbatim("fix\n```\nA b\n```\nnow"), "<```\nA b\n```>");
  EXPECT_EQ(Verbatim("rest ```open"), "<```open>");
  EXPECT_EQ(Verbatim("what is\n  int x\nthis"), "<  int x\n>");
  EXPECT_EQ(Verbatim("a 5\" screen or 6\" screen"), "");
  EXPECT_EQ(Verbatim("no quotes at all"), "");
}

TEST(Zones, CodeLinesAreTold) {
  EXPECT_TRUE(LooksLikeCode("x == y", false));
  EXPECT_TRUE(LooksLikeCode("SELECT a FROM b", false));
  EXPECT_TRUE(LooksLikeCode("return a;", false));
  EXPECT_TRUE(LooksLikeCode("import os", true));
  EXPECT_FALSE(LooksLikeCode("import taxes in the EU", false));
  EXPECT_FALSE(LooksLikeCode("How do I sort a list?", true));
}

}  // namespace
}  // namespace reflex::text
