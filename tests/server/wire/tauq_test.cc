#include "wire/tauq.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tree.h"
#include "wire/tauq_word.h"

namespace reflex::wire::tauq {
namespace {

using testing::Below;
using testing::Random;
using testing::Tree;
using testing::TreeMember;

std::string Encoded(std::string_view json) {
  const Result<std::string> text = Encode(json);
  EXPECT_TRUE(text.has_value()) << json << ": " << (text ? "" : text.error().message);
  return text.value_or("");
}

std::string Decoded(std::string_view text) {
  const Result<std::string> json = Decode(text);
  EXPECT_TRUE(json.has_value()) << text << ": " << (json ? "" : json.error().message);
  return json.value_or("");
}

std::string DecodeError(std::string_view text) {
  const Result<std::string> json = Decode(text);
  EXPECT_FALSE(json.has_value()) << text << " is " << *json;
  return json ? "" : json.error().message;
}

std::string EncodeError(std::string_view json) {
  const Result<std::string> text = Encode(json);
  EXPECT_FALSE(text.has_value()) << json << " is " << *text;
  return text ? "" : text.error().message;
}

// Equal as JSON values; members in the same order, numbers by value.
bool SameValue(const Tree& a, const Tree& b) {
  if (a.kind != b.kind || a.elements.size() != b.elements.size() || a.members.size() != b.members.size()) return false;
  if (a.kind == json::Kind::kNumber) return std::strtod(a.text.c_str(), nullptr) == std::strtod(b.text.c_str(), nullptr);
  if (a.text != b.text) return false;
  for (std::size_t i = 0; i < a.elements.size(); ++i) {
    if (!SameValue(a.elements[i], b.elements[i])) return false;
  }
  for (std::size_t i = 0; i < a.members.size(); ++i) {
    if (a.members[i].first != b.members[i].first || !SameValue(a.members[i].second, b.members[i].second)) return false;
  }
  return true;
}

void ExpectReads(std::string_view text, const Tree& expected) {
  EXPECT_TRUE(SameValue(Tree::Parse(Decoded(text)), expected)) << text << "\nis  " << Decoded(text) << "\nnot " << expected.Print();
}

void CheckRow(const Tree& row) {
  if (row["op"].text == "decode") {
    if (row["error"].kind == json::Kind::kTrue) {
      EXPECT_TRUE(DecodeError(row["tauq"].text).starts_with("line ")) << row.Print();
    } else {
      ExpectReads(row["tauq"].text, row["json"]);
    }
    return;
  }
  ASSERT_EQ(row["op"].text, "encode") << row.Print();
  const std::string json = row["json"].Print();
  EXPECT_EQ(Decoded(Encoded(json)), json) << Encoded(json);
  ExpectReads(row["safe"].text, row["json"]);
  if (row["original_lossless"].kind == json::Kind::kTrue) ExpectReads(row["original"].text, row["json"]);
}

TEST(TauqKit, EveryRowHolds) {
  const std::string file = testing::ReadTestFile("tauq.jsonl");
  std::size_t rows = 0;
  for (std::size_t at = 0; at < file.size(); ++rows) {
    const std::size_t end = std::min(file.find('\n', at), file.size());
    CheckRow(Tree::Parse(file.substr(at, end - at)));
    at = end + 1;
  }
  EXPECT_EQ(rows, 64u);
}

struct Example {
  const char* json;
  const char* tauq;
};

TEST(TauqEncode, LinesListsAndObjects) {
  for (const Example& example : std::vector<Example>{
           {R"({"name":"Alice","age":30})", "name Alice\nage 30"},
           {R"({"ids":[1,2,3],"tags":["web","machine learning"]})", "ids [1 2 3]\ntags [web \"machine learning\"]"},
           {R"({"database":{"host":"localhost","port":5432}})", "database {\n  host localhost\n  port 5432\n}"},
           {R"({"q":"He said \"hello\"","p":"path\\to","n":"l1\nl2"})",
            "q \"He said \\\"hello\\\"\"\np \"path\\\\to\"\nn \"l1\\nl2\""},
           {R"({"matrix":[[1,2],[3]],"mixed":[1,"two",true,null]})", "matrix [[1 2] [3]]\nmixed [1 two true null]"},
           {R"({"zip":"10001","t":"true","e":""})", "zip \"10001\"\nt \"true\"\ne \"\""},
           {R"([{"id":1},{"id":2,"x":"c d"}])", "[\n  { id 1 }\n  { id 2 x \"c d\" }\n]"},
           {R"({})", "{}"},
           {R"([])", "[]"},
           {R"("hello")", "\"hello\""},
           {R"({"inf":1,"b":{}})", "{\n  \"inf\" 1\n  b {}\n}"},
       }) {
    EXPECT_EQ(Encoded(example.json), example.tauq);
    EXPECT_EQ(Decoded(example.tauq), example.json);
  }
}

TEST(TauqEncode, EqualObjectsBecomeATable) {
  for (const Example& example : std::vector<Example>{
           {R"([{"id":1,"name":"Alice"},{"id":2,"name":"Bob"}])", "!def Record id name\n1 Alice\n2 Bob"},
           {R"({"users":[{"id":1,"name":"Alice"},{"id":2,"name":"Bob"}]})",
            "!def User id name\n---\nusers [\n  !use User\n  1 Alice\n  2 Bob\n]"},
           {R"({"a":{"entries":[{"k":1},{"k":2}],"more":[{"k":3},{"k":4}]}})",
            "!def Entry k\n---\na {\n  entries [\n    !use Entry\n    1\n    2\n  ]\n  more [\n    !use Entry\n    3\n    4\n  "
            "]\n}"},
           {R"({"rows":[{"a":1},{"a":2}],"row":[{"b":1},{"b":2}]})",
            "!def Row a\n!def Row2 b\n---\nrows [\n  !use Row\n  1\n  2\n]\nrow [\n  !use Row2\n  1\n  2\n]"},
           {R"({"x":[{"a":1,"b":2},{"b":3,"a":4}]})", "x [\n  { a 1 b 2 }\n  { b 3 a 4 }\n]"},
           {R"({"infs":[{"a":1},{"a":2}]})", "!def Row a\n---\ninfs [\n  !use Row\n  1\n  2\n]"},
       }) {
    EXPECT_EQ(Encoded(example.json), example.tauq);
    EXPECT_EQ(Decoded(example.tauq), example.json);
  }
}

TEST(TauqEncode, NumbersKeepTheirSpelling) {
  const std::string json =
      R"([0,-0,-0.0,1E5,1e+5,1e400,0.10,18446744073709551616,-9223372036854775809,123456789012345678901234567890.5e-7])";
  EXPECT_EQ(Decoded(Encoded(json)), json);
}

TEST(TauqEncode, ErrorsNameLineAndColumn) {
  EXPECT_EQ(EncodeError("{\"a\":1,\n \"\xc3\xa4\" 2}"), "line 2, column 6: this is no JSON");
  EXPECT_EQ(EncodeError(""), "line 1, column 1: this is no JSON");
  EXPECT_EQ(EncodeError("{\"a\":1,\"a\":2}"), "line 1, column 14: the object that ends here has a member name twice");
  EXPECT_EQ(EncodeError("[\"a\xff\"]"), "line 1, column 4: bytes that are no UTF-8");
  EXPECT_EQ(EncodeError("[\"\\ud800\"]"), "line 1, column 9: half a surrogate pair, which is no text");
}

TEST(TauqDecode, ErrorsNameLineAndColumn) {
  EXPECT_EQ(DecodeError("a 1\nkey }"), "line 2, column 5: expected a value, found '}'");
  EXPECT_EQ(DecodeError("hello"), "line 1, column 6: expected a value, found the end of the text");
  EXPECT_EQ(DecodeError("!def"), "line 1, column 5: expected the name of a schema behind !def, found the end of the text");
  EXPECT_EQ(DecodeError("a 1\n!use Nope"), "line 2, column 6: no schema is named \"Nope\"");
  EXPECT_EQ(DecodeError("\xc3\xa4 1\nk \"open\nx"), "line 2, column 3: the string that begins here has no closing quote");
  EXPECT_EQ(DecodeError("!import \"/etc/passwd\""), "line 1, column 1: !import is refused: no other file is read");
  EXPECT_EQ(DecodeError("k [1\n2"), "line 1, column 3: the list that begins here has no closing ']'");
  EXPECT_EQ(DecodeError("k {a 1"), "line 1, column 3: the object that begins here has no closing '}'");
  EXPECT_EQ(DecodeError("{ 1 2 }"), "line 1, column 3: expected a member's name or '}', found a number");
  EXPECT_EQ(DecodeError("]"), "line 1, column 1: ']' closes nothing");
  EXPECT_EQ(DecodeError("k \xff"), "line 1, column 3: bytes that are no UTF-8");
  EXPECT_EQ(DecodeError("!def T\n1"), "line 2, column 1: a row of a schema without fields");
  EXPECT_EQ(DecodeError("!def A x\n!def B a:A as:[A]\n1"),
            "line 3, column 1: expected '{' with rows of A for the field a, found a number");
  EXPECT_EQ(DecodeError("!def A x\n!def B as:[A]\n1"),
            "line 3, column 1: expected '[' with rows of A for the field as, found a number");
  EXPECT_EQ(DecodeError("!def A x:5"), "line 1, column 10: expected the name of a type, found a number");
  EXPECT_EQ(DecodeError("!schemas\nA x"), "line 2, column 4: expected the name of a schema or '---', found the end of the text");
  EXPECT_EQ(DecodeError("a [ !def ]"),
            "line 1, column 5: expected a value or ']'; of the directives only !use stands in a list, found !def");
  EXPECT_EQ(DecodeError("a !"), "line 1, column 3: '!' begins a directive and needs its name; a string with it needs quotes");
}

TEST(TauqDecode, ReadsWhatPeopleWrite) {
  for (const Example& example : std::vector<Example>{
           {R"([{"id":1,"name":"A"},{"name":"B","id":2}])", "!def U id name\nid:1 name:A\nname:B id:2"},
           {R"([{"a":1},{"a":2,"b":3}])", "!def T a b\n1\n2 3"},
           {R"({"n":"x","at":{"street":"1 Main","city":"NYC"}})", "!def A street city; !def P n at:A; x { \"1 Main\" NYC }"},
           {R"({"n":"x","l":[{"a":1},{"a":2},{"a":3}]})", "!def A a\n!def P n l:[A]\nx [\n 1\n {2}\n {\n 3\n }\n]"},
           {R"({"age":3})", "!def P age:int\n3"},
           {R"([5,{"a":1,"b":2}])", "a 1\n5\nb 2"},
           {R"([{"a":1},{"b":2}])", "a 1\n!later\nb 2"},
           {R"({"a":2})", "{ a 1; a:2 }"},
           {R"([{"x":1},{"k":"v"}])", "!def T x\n1\n---\nk v"},
           {R"({"s":"a\\xb\\u0041c"})", "s \"a\\xb\\u0041c\""},
           {R"({"a":"x"})",
            "\xc2\xa0"
            "a\xe3\x80\x80x"},
           {R"(["a","b"])", "[a, b,]"},
           {R"([7,0.5,5,-0.25,7,2e3,0,0,0])", "[+7 .5 5. -.25 007 2.e3 inf -Infinity NaN]"},
       }) {
    EXPECT_EQ(Decoded(example.tauq), example.json);
  }
}

std::string Nested(const char* open, const char* close, int depth) {
  std::string text;
  for (int i = 0; i < depth; ++i) text += open;
  for (int i = 0; i < depth; ++i) text += close;
  return text;
}

TEST(TauqLimits, DepthIsBoundedBothWays) {
  const std::string lists = Nested("[", "]", kDepthMax);
  EXPECT_EQ(Decoded(Encoded(lists)), lists);
  EXPECT_EQ(EncodeError("[" + lists + "]"), "line 1, column 101: lists and objects lie deeper than 100 within each other");
  EXPECT_EQ(DecodeError("[" + lists + "]"), "line 1, column 101: lists and objects lie deeper than 100 within each other");
  EXPECT_TRUE(DecodeError(lists + " 1").ends_with("lists and objects lie deeper than 100 within each other"));
  EXPECT_TRUE(EncodeError(Nested("[", "]", 100'000)).ends_with("lists and objects lie deeper than 100 within each other"));
  EXPECT_TRUE(DecodeError(Nested("{a ", "}", 100'000)).ends_with("lists and objects lie deeper than 100 within each other"));
  // Typed fields hold each other as well.
  EXPECT_TRUE(DecodeError("!def T t:T\n" + Nested("{", "}", 100'000)).ends_with("deeper than 100 within each other"));
}

TEST(TauqLimits, SizeAndValuesAreBounded) {
  EXPECT_TRUE(DecodeError(std::string(kBytesMax + 1, ' ')).ends_with("the text is longer than 100 MB"));
  std::string many = "[";
  for (std::size_t i = 0; i < kValuesMax; ++i) many += "1 ";
  EXPECT_TRUE(DecodeError(many + "]").ends_with("more than 1048576 values and names"));
  // A short text that would become a long one.
  std::string rows = "!def T " + std::string(1 << 20, 'x') + "\n";
  for (int i = 0; i < 200; ++i) rows += "1\n";
  EXPECT_TRUE(DecodeError(rows).ends_with("the names of all members are longer than 100 MB"));
}

TEST(TauqWord, OnlyWhatReadsBackStandsWithoutQuotes) {
  for (const char* bare : {"a", "_", "a.b", "x@y", "a/b+c-d", "Jos\xc3\xa9", "e5", "True"}) EXPECT_TRUE(IsBareString(bare)) << bare;
  for (const char* quoted : {"", "true", "null", "inf", "NaN", "Infinity", "5a", "-", "---", "a b", "a:b", "a#", "!a",
                             "a\xc2\xa0"
                             "b",
                             "\xe4\xb8\x96", "a\xc3\x97"}) {
    EXPECT_FALSE(IsBareString(quoted)) << quoted;
  }
  for (const char* name : {"a", "_a-1", "A0"}) EXPECT_TRUE(IsPlainName(name)) << name;
  for (const char* name : {"", "a.b", "1", "-a", "iNf", "nan", "false", "\xc3\xa9"}) EXPECT_FALSE(IsPlainName(name)) << name;
}

// Documents made of what is awkward in the notation: words that look like something else, names that need quotes, tables that are
// nearly tables.
class Documents {
 public:
  explicit Documents(std::uint64_t seed) : random_(seed) {}

  Tree Any(int depth) {
    const std::size_t kind = Below(random_, depth > 4 ? 6 : 10);
    switch (kind) {
      case 0: return Tree();
      case 1: return Tree::Bool(Below(random_, 2) == 0);
      case 2:
      case 3: return Tree::Number(Number());
      case 4:
      case 5: return Tree::String(Text());
      case 6: return List(depth);
      case 7: return Rows(depth);
      default: return Object(depth);
    }
  }

 private:
  const char* Pick(const std::vector<const char*>& choices) { return choices[Below(random_, choices.size())]; }

  std::string Number() {
    if (Below(random_, 3) == 0) {
      return Pick({"0", "-0", "-0.0", "1E5", "1e-7", "1e400", "18446744073709551615", "0.1", "-12.50e+3", "9007199254740993"});
    }
    std::string number = Below(random_, 2) == 0 ? "-" : "";
    number += std::to_string(Below(random_, 1'000'000));
    if (Below(random_, 3) == 0) number += "." + std::to_string(Below(random_, 1000));
    if (Below(random_, 4) == 0) number += "e" + std::to_string(Below(random_, 30));
    return number;
  }

  std::string Text() {
    switch (Below(random_, 4)) {
      case 0:
        return Pick({"",
                     "true",
                     "null",
                     "inf",
                     "NaN",
                     "-inf",
                     "1e5",
                     ".5",
                     "5.",
                     "+7",
                     "0x10",
                     "1_000",
                     "---",
                     "-",
                     "!use",
                     "!def",
                     "#x",
                     "a#b",
                     "a:b",
                     "a,b",
                     "a;b",
                     "[x]",
                     "{}",
                     "\"",
                     "\\",
                     "\\n",
                     "\\\\\"",
                     "a\nb",
                     "\r\n",
                     "\t",
                     " lead",
                     "trail ",
                     "a  b",
                     "Infinity",
                     "i",
                     "e5",
                     "True",
                     "a.b/c",
                     "x@y.org",
                     "--x",
                     "_",
                     "1",
                     "007",
                     "Record",
                     "User",
                     "id",
                     "\x01",
                     "\x7f",
                     "C:\\",
                     "\\u0041",
                     "\xc2\xa0",
                     "a\xc2\x85"
                     "b",
                     "\xe2\x80\xa8",
                     "\xe3\x80\x80x",
                     "Jos\xc3\xa9",
                     "\xf0\x9f\x9a\x80"});
      case 1: return testing::RandomText(random_, 12);
      case 2: {
        std::string bytes;
        for (std::size_t n = Below(random_, 8); n > 0; --n) bytes += static_cast<char>(Below(random_, 128));
        return bytes;
      }
      default: {
        std::string word;
        for (std::size_t n = 1 + Below(random_, 8); n > 0; --n)
          word += Pick({"a", "b", "Z", "_", "-", ".", "0", "9", "@", "/", "+", "e"});
        return word;
      }
    }
  }

  std::string Name() {
    if (Below(random_, 3) == 0) return Text();
    return Pick(
        {"id", "name", "users", "entries", "rows", "Row", "user_id", "s", "ss", "ies", "a-b", "_", "nulls", "infs", "x1", "e5"});
  }

  Tree List(int depth) {
    std::vector<Tree> elements;
    for (std::size_t n = Below(random_, 5); n > 0; --n) elements.push_back(Any(depth + 1));
    return Tree::List(std::move(elements));
  }

  Tree Object(int depth) {
    Tree object = Tree::Object({});
    for (std::size_t n = Below(random_, 6); n > 0; --n) object.Set(Name(), Any(depth + 1));
    return object;
  }

  // Objects with the same names; sometimes one of them differs in order or in number.
  Tree Rows(int depth) {
    const Tree first = Object(depth + 1);
    std::vector<Tree> rows = {first};
    for (std::size_t n = Below(random_, 4); n > 0; --n) {
      Tree row = first;
      for (TreeMember& member : row.members) member.second = Any(depth + 2);
      if (Below(random_, 6) == 0 && row.members.size() > 1) std::swap(row.members[0], row.members[1]);
      if (Below(random_, 8) == 0 && !row.members.empty()) row.members.pop_back();
      rows.push_back(std::move(row));
    }
    return Tree::List(std::move(rows));
  }

  Random random_;
};

TEST(TauqProperty, AHundredThousandRandomDocumentsLoseNothing) {
  Documents documents(20251);
  std::size_t tables = 0;
  for (int i = 0; i < 100'000; ++i) {
    const std::string json = documents.Any(i % 4).Print();
    const Result<std::string> text = Encode(json);
    ASSERT_TRUE(text.has_value()) << json << ": " << text.error().message;
    const Result<std::string> back = Decode(*text);
    ASSERT_TRUE(back.has_value()) << json << "\n" << *text << "\n" << back.error().message;
    ASSERT_EQ(*back, json) << *text;
    tables += text->starts_with("!def ") ? 1 : 0;
  }
  EXPECT_GT(tables, 2'000u) << "the documents are to hold tables";
}

}  // namespace
}  // namespace reflex::wire::tauq
