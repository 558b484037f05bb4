#include "wire/json.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <string>
#include <string_view>

#include "server/wire/tree.h"
#include "wire/reason.h"

namespace reflex::wire::json {
namespace {

using testing::Below;
using testing::Random;

TEST(Json, WalksValuesAndKeepsTheirSource) {
  Document document;
  ASSERT_EQ(document.Parse(" {\"a\" : [1, 2.50 ,\"x\\ny\"], \"b\":{}, \"c\":null, \"d\":true} "), "");
  const Value root = document.root();
  EXPECT_EQ(root.size(), 4u);
  EXPECT_EQ(root.Find("a").size(), 3u);
  std::vector<std::string> raws;
  for (const Value element : root.Find("a").elements()) raws.emplace_back(element.raw());
  EXPECT_EQ(raws, (std::vector<std::string>{"1", "2.50", "\"x\\ny\""}));
  EXPECT_FALSE(root.Find("e"));
  EXPECT_TRUE(root.Find("e").IsNothing());
  EXPECT_TRUE(root.Find("c").IsNothing());
  EXPECT_TRUE(root.Find("d").IsTrue());
  EXPECT_FALSE(root.Find("d").Find("x"));
  std::string compact;
  root.AppendCompact(compact);
  EXPECT_EQ(compact, R"({"a":[1,2.50,"x\ny"],"b":{},"c":null,"d":true})");
}

TEST(Json, DecodesEveryEscape) {
  Document document;
  ASSERT_EQ(document.Parse(R"("\"\\\/\b\f\n\r\t\u0000\u007f\u07ff\uffff\ud83d\ude00 end of a text longer than sixteen bytes\n")"),
            "");
  EXPECT_EQ(document.root().text(),
            std::string("\"\\/\b\f\n\r\t\0\x7f\xdf\xbf\xef\xbf\xbf\xf0\x9f\x98\x80 end of a text longer than sixteen bytes\n", 60));
}

TEST(Json, CompactsStringsWithEscapedQuotesAndSpaces) {
  Document document;
  ASSERT_EQ(document.Parse("{ \"a b\\\\\" : \"c \\\" d\" , \"e\" : [ ] }"), "");
  std::string compact;
  document.root().AppendCompact(compact);
  EXPECT_EQ(compact, "{\"a b\\\\\":\"c \\\" d\",\"e\":[]}");
}

TEST(Json, ReadsWholeNumbers) {
  Document document;
  ASSERT_EQ(document.Parse("[0,18446744073709551615,18446744073709551616,-1,1.0,\"1\"]"), "");
  std::vector<std::uint64_t> numbers;
  for (const Value element : document.root().elements()) numbers.push_back(element.Whole(7));
  EXPECT_EQ(numbers, (std::vector<std::uint64_t>{0, 18446744073709551615U, 7, 7, 7, 7}));
}

TEST(Json, KnowsWhatIsEmpty) {
  Document document;
  for (const std::string_view text : {"null", "false", "0", R"("")", "[]", "{ }"}) {
    ASSERT_EQ(document.Parse(text), "");
    EXPECT_TRUE(document.root().IsEmpty()) << text;
  }
  for (const std::string_view text : {"true", "1", "-1", R"("0")", "[0]", R"({"a":null})"}) {
    ASSERT_EQ(document.Parse(text), "");
    EXPECT_FALSE(document.root().IsEmpty()) << text;
  }
  EXPECT_TRUE(Value().IsEmpty());
}

TEST(Json, NeverReadsBehindItsEnd) {
  // Every prefix, in a buffer of exactly its size, so that the address sanitizer sees a byte too far.
  const std::string text =
      R"({"model":"gpt","messages":[{"content":"a text of more than sixteen bytes \u00e9 \ud83d\ude00"}],"n":12.5e3,"t":true,"f":false})";
  Document document;
  for (std::size_t size = 0; size < text.size(); ++size) {
    const std::vector<char> exact(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_NE(document.Parse(std::string_view(exact.data(), exact.size())), "") << size;
  }
  EXPECT_EQ(document.Parse(text), "");
}

// simdjson as a second opinion. It takes numbers out of range of a double as errors, and some broken surrogates; both are ours to
// judge.
void Compare(std::string_view text, Document& document, simdjson::dom::parser& other) {
  const std::string_view refusal = document.Parse(text);
  const auto error = other.parse(text.data(), text.size()).error();
  if (refusal.empty()) {
    EXPECT_TRUE(error == simdjson::SUCCESS || error == simdjson::NUMBER_ERROR) << text << ": " << simdjson::error_message(error);
  } else if (refusal == reason::kNotJson) {
    EXPECT_NE(error, simdjson::SUCCESS) << text;
  }
}

TEST(Json, AgreesWithSimdjsonOnDamagedTexts) {
  Random random(3);
  Document document;
  simdjson::dom::parser other;
  const std::string whole = R"({"a":[1,-2.5e+3,{"b":"x\"y\\z\u0041"},[],{}],"cd":null , "e":true,"f":false,"g":"é😀"})";
  for (int round = 0; round < 40000; ++round) {
    std::string text = whole;
    for (std::size_t n = 1 + Below(random, 3); n > 0; --n) {
      static constexpr std::string_view kBytes = "{}[]:,\"\\ \n01-+.eEtfnul\x01\xff";
      const std::size_t at = Below(random, text.size());
      switch (Below(random, 3)) {
        case 0: text.erase(at, 1); break;
        case 1: text.insert(at, 1, kBytes[Below(random, kBytes.size())]); break;
        default: text[at] = kBytes[Below(random, kBytes.size())];
      }
    }
    Compare(text, document, other);
  }
}

}  // namespace
}  // namespace reflex::wire::json
