// Random requests: the key is the same exactly when a slow, obvious rendering of docs/key.md says so.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "server/wire/tree.h"
#include "wire/chat_request.h"
#include "wire/error_body.h"

namespace reflex::wire {
namespace {

using json::Kind;
using testing::Below;
using testing::Random;
using testing::RandomText;
using testing::Tree;

// ---- The slow reference ----

// A number in fixed notation, 400 digits on each side of the point; the exponents used here stay below that.
std::string Fixed(std::string number) {
  const bool negative = number.starts_with('-');
  if (negative) number.erase(0, 1);
  int exponent = 0;
  if (const std::size_t e = number.find_first_of("eE"); e != std::string::npos) {
    exponent = std::stoi(number.substr(e + 1));
    number.resize(e);
  }
  std::size_t point = number.find('.');
  if (point == std::string::npos) point = number.size();
  std::string digits = number.substr(0, point) + (point < number.size() ? number.substr(point + 1) : "");
  std::string fixed(800, '0');
  for (std::size_t i = 0; i < digits.size(); ++i) fixed[400 - point + i - static_cast<std::size_t>(exponent)] = digits[i];
  return (negative && fixed.find_first_not_of('0') != std::string::npos ? "-" : "+") + fixed;
}

std::string Quote(std::string_view text) {
  std::string out;
  AppendJsonString(text, out);
  return out;
}

std::string Plain(const Tree& value) {
  if (value.kind == Kind::kNumber) return Fixed(value.text);
  if (value.IsObject() || value.IsList()) return "as received: " + value.Print();
  return value.Print();
}

const std::set<std::string> kIgnored{"stream",
                                     "stream_options",
                                     "user",
                                     "safety_identifier",
                                     "metadata",
                                     "prompt_cache_key",
                                     "prompt_cache_retention",
                                     "prompt_cache_options",
                                     "service_tier",
                                     "store"};

std::string Sorted(const Tree& object, const std::string& what);

std::string Member(const std::string& what, const std::string& name, const Tree& value) {
  const auto list_of = [&](const std::string& inner) {
    std::string out = "list(";
    for (const Tree& element : value.elements) out += (element.IsObject() ? Sorted(element, inner) : Plain(element)) + ";";
    return out + ")";
  };
  if (what == "message" && name == "content" && value.IsList()) return list_of("part");
  if (what == "message" && name == "tool_calls" && value.IsList()) return list_of("call");
  static const std::set<std::string> kObjects{
      "message.function_call", "message.audio", "part.image_url", "part.input_audio", "part.file", "call.function", "call.custom"};
  if (value.IsObject() && kObjects.contains(what + "." + name)) return Sorted(value, "flat");
  return Plain(value);
}

std::string Sorted(const Tree& object, const std::string& what) {
  std::map<std::string, std::string> members;
  for (const auto& [name, value] : object.members) {
    if (what == "part" && name == "prompt_cache_breakpoint") continue;
    members[name] = Member(what, name, value);
  }
  std::string out = "object(";
  for (const auto& [name, value] : members) out += Quote(name) + "=" + value + ";";
  return out + ")";
}

std::string Reference(const Tree& body) {
  std::map<std::string, std::string> members;
  for (const auto& [name, value] : body.members) {
    if (value.IsNothing() || kIgnored.contains(name)) continue;
    if (name == "n" && Fixed(value.text) == Fixed("1")) continue;
    if (name == "logprobs" && value.kind == Kind::kFalse) continue;
    std::string text;
    if (name == "messages") {
      for (const Tree& message : value.elements) text += Sorted(message, "message") + ";";
    } else if (name == "stop") {
      text = "stop:";
      for (const Tree& element : value.IsList() ? value.elements : std::vector<Tree>{value}) text += Plain(element) + ";";
    } else {
      text = Plain(value);
    }
    members[name] = text;
  }
  std::string out;
  for (const auto& [name, text] : members) out += Quote(name) + "=" + text + "\n";
  return out;
}

// ---- Random requests ----

std::string RandomNumber(Random& random) {
  std::string number = Below(random, 4) == 0 ? "-" : "";
  number += std::to_string(Below(random, 12));
  if (Below(random, 2) == 0) number += "." + std::to_string(Below(random, 30));
  if (Below(random, 3) == 0) number += (Below(random, 2) == 0 ? "e" : "E") + std::to_string(static_cast<int>(Below(random, 9)) - 4);
  return number;
}

Tree RandomValue(Random& random, int depth) {
  switch (Below(random, depth > 0 ? 7 : 5)) {
    case 0: return Tree();
    case 1: return Tree::Bool(Below(random, 2) == 0);
    case 2: return Tree::Number(RandomNumber(random));
    case 3:
    case 4: return Tree::String(RandomText(random, 4));
    case 5: {
      Tree list = Tree::List({});
      for (std::size_t n = Below(random, 4); n > 0; --n) list.elements.push_back(RandomValue(random, depth - 1));
      return list;
    }
    default: {
      Tree object = Tree::Object({});
      for (std::size_t n = Below(random, 4); n > 0; --n) object.Set(RandomText(random, 2), RandomValue(random, depth - 1));
      return object;
    }
  }
}

template <std::size_t kSize>
std::string OneOf(Random& random, const std::array<std::string_view, kSize>& names) {
  return std::string(names[Below(random, kSize)]);
}

constexpr std::array<std::string_view, 6> kPartNames{"type", "text", "image_url", "input_audio", "prompt_cache_breakpoint", "x"};
constexpr std::array<std::string_view, 5> kCallNames{"id", "type", "function", "custom", "x"};
constexpr std::array<std::string_view, 7> kMessageNames{"role", "content", "name", "tool_calls", "function_call", "audio", "x"};
constexpr std::array<std::string_view, 9> kBodyNames{"temperature", "seed",  "tools", "response_format", "user",
                                                     "metadata",    "top_k", "stop",  "logprobs"};

template <std::size_t kSize>
Tree RandomObject(Random& random, const std::array<std::string_view, kSize>& names) {
  Tree object = Tree::Object({});
  for (std::size_t n = Below(random, 4); n > 0; --n) object.Set(OneOf(random, names), RandomValue(random, 2));
  return object;
}

Tree RandomMessage(Random& random) {
  Tree message = RandomObject(random, kMessageNames);
  if (Below(random, 3) == 0) {
    message.Set("content", Tree::List({}));
    for (std::size_t n = Below(random, 3); n > 0; --n)
      message.Find("content")->elements.push_back(RandomObject(random, kPartNames));
  }
  if (Below(random, 4) == 0) message.Set("tool_calls", Tree::List({RandomObject(random, kCallNames)}));
  return message;
}

Tree RandomBody(Random& random) {
  Tree body = Tree::Object({{"model", Tree::String(RandomText(random, 3))}, {"messages", Tree::List({})}});
  for (std::size_t n = Below(random, 4); n > 0; --n) body.Find("messages")->elements.push_back(RandomMessage(random));
  for (std::size_t n = Below(random, 5); n > 0; --n) {
    const std::string name = OneOf(random, kBodyNames);
    body.Set(name, name == "tools" ? Tree::List({RandomValue(random, 3)}) : RandomValue(random, 2));
  }
  if (Below(random, 4) == 0) body.Set("n", Tree::Number(Below(random, 2) == 0 ? "1" : "2"));
  return body;
}

// Changes one thing somewhere below `tree`; often something that does not count.
void Mutate(Random& random, Tree& tree) {
  if (tree.IsObject() && !tree.members.empty() && Below(random, 4) != 0) {
    auto& [name, value] = tree.members[Below(random, tree.members.size())];
    return Mutate(random, value);
  }
  if (tree.IsList() && !tree.elements.empty() && Below(random, 4) != 0)
    return Mutate(random, tree.elements[Below(random, tree.elements.size())]);
  if (tree.IsObject() && tree.members.size() > 1 && Below(random, 2) == 0)
    return std::swap(tree.members.front(), tree.members.back());
  if (tree.IsList() && tree.elements.size() > 1) return std::swap(tree.elements.front(), tree.elements.back());
  if (tree.kind == Kind::kNumber && Below(random, 2) == 0) {
    if (tree.text.find_first_of(".eE") == std::string::npos) tree.text += Below(random, 2) == 0 ? ".0" : "e0";
    return;
  }
  if (tree.IsString() && Below(random, 2) == 0) {
    tree.text += RandomText(random, 1);
    return;
  }
  if (!tree.IsObject()) tree = RandomValue(random, 1);
}

// ---- Spelling a request at random where spelling does not count ----

class Speller {
 public:
  explicit Speller(Random& random) : random_(random) {}

  std::string Body(const Tree& body) {
    out_.clear();
    Object(body, "body");
    Space();
    return out_;
  }

 private:
  void Space() {
    static constexpr std::string_view kSpaces = " \n\t\r";
    while (Below(random_, 4) == 0) out_ += kSpaces[Below(random_, kSpaces.size())];
  }

  void Text(std::string_view text, bool free) {
    std::string quoted = Quote(text);
    for (const char c : quoted) {
      const bool letter = static_cast<unsigned char>(c) < 0x80 && (std::isalnum(c) != 0 || c == ' ');
      const bool escaped = !out_.empty() && quoted.find('\\') != std::string::npos;  // Leave texts with escapes as they are.
      if (free && letter && !escaped && Below(random_, 5) == 0) {
        static constexpr std::string_view kDigits = "0123456789aBcDeF";
        out_ += "\\u00";
        out_ += kDigits[static_cast<std::size_t>(c) >> 4];
        out_ += kDigits[static_cast<std::size_t>(c) & 15];
      } else {
        out_ += c;
      }
    }
  }

  void Object(const Tree& object, const std::string& what) {
    std::vector<const testing::TreeMember*> members;
    for (const auto& member : object.members) members.push_back(&member);
    if (what != "raw") std::shuffle(members.begin(), members.end(), random_);
    out_ += '{';
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (i > 0) out_ += ',';
      Space();
      Text(members[i]->first, what != "raw");
      Space();
      out_ += ':';
      Value(members[i]->second, Inner(what, members[i]->first, members[i]->second));
      Space();
    }
    Space();
    out_ += '}';
  }

  static std::string Inner(const std::string& what, const std::string& name, const Tree& value) {
    if (what == "raw") return "raw";
    if (what == "body" && name == "messages") return "message";
    if (what == "body" && name == "stop" && value.IsList()) return "stop";
    if (what == "message" && name == "content" && value.IsList()) return "part";
    if (what == "message" && name == "tool_calls" && value.IsList()) return "call";
    static const std::set<std::string> kFlat{
        "message.function_call", "message.audio", "part.image_url", "part.input_audio", "part.file",
        "call.function",         "call.custom"};
    if (value.IsObject()) return kFlat.contains(what + "." + name) ? "flat" : "raw";
    return value.IsList() ? "raw" : "scalar";
  }

  void Value(const Tree& value, const std::string& what) {
    Space();
    if (value.IsString()) return Text(value.text, what != "raw");
    if (value.IsObject()) return Object(value, what);
    if (!value.IsList()) {
      out_ += value.Print();
      return;
    }
    out_ += '[';
    for (std::size_t i = 0; i < value.elements.size(); ++i) {
      if (i > 0) out_ += ',';
      const Tree& element = value.elements[i];
      const bool keeps = what == "stop" ? !element.IsObject() && !element.IsList() : element.IsObject() || element.IsString();
      Value(element, what == "raw" || !keeps ? "raw" : what);
      Space();
    }
    out_ += ']';
  }

  Random& random_;
  std::string out_;
};

TEST(KeyProperty, EqualExactlyWhenTheReferenceSaysSo) {
  Random random(20261125);
  ChatRequestReader reader;
  Speller speller(random);
  int same = 0, different = 0;
  for (int round = 0; round < 6000; ++round) {
    const Tree first = RandomBody(random);
    Tree second = first;
    for (std::size_t n = Below(random, 3); n > 0; --n) Mutate(random, second);
    const std::string a = speller.Body(first), b = speller.Body(second);
    const auto first_key = reader.Read(a), second_key = reader.Read(b);
    if (!first_key || !second_key) continue;  // A field that decides got another type.
    const bool equal = Reference(first) == Reference(second);
    ++(equal ? same : different);
    ASSERT_EQ(first_key->canonical == second_key->canonical, equal) << a << "\n"
                                                                    << b << "\n"
                                                                    << Reference(first) << "\n"
                                                                    << Reference(second);
  }
  EXPECT_GT(same, 500);
  EXPECT_GT(different, 500);
}

TEST(KeyProperty, NoTwoOfManyDifferentRequestsCollide) {
  Random random(7);
  ChatRequestReader reader;
  std::map<std::string, std::string> by_key;
  for (int round = 0; round < 6000; ++round) {
    const Tree body = RandomBody(random);
    const auto request = reader.Read(body.Print());
    if (!request) continue;
    const std::string key(request->canonical.bytes.begin(), request->canonical.bytes.end());
    const auto [at, fresh] = by_key.emplace(key, Reference(body));
    ASSERT_EQ(at->second, Reference(body));
  }
  EXPECT_GT(by_key.size(), 2000u);
}

}  // namespace
}  // namespace reflex::wire
