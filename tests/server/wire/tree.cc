#include "server/wire/tree.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <ostream>
#include <sstream>

#include <gtest/gtest.h>

#include "wire/error_body.h"

namespace reflex::wire::testing {
namespace {

using json::Kind;

void Print(const Tree& tree, bool sorted, std::string& out) {
  switch (tree.kind) {
    case Kind::kNull: out += "null"; return;
    case Kind::kFalse: out += "false"; return;
    case Kind::kTrue: out += "true"; return;
    case Kind::kNumber: out += tree.text; return;
    case Kind::kString: AppendJsonString(tree.text, out); return;
    case Kind::kArray:
      for (std::size_t i = 0; i < tree.elements.size(); ++i) {
        out += i == 0 ? '[' : ',';
        Print(tree.elements[i], sorted, out);
      }
      out += tree.elements.empty() ? "[]" : "]";
      return;
    case Kind::kObject: {
      std::vector<const TreeMember*> members;
      for (const auto& member : tree.members) members.push_back(&member);
      if (sorted) std::sort(members.begin(), members.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
      out += '{';
      for (std::size_t i = 0; i < members.size(); ++i) {
        if (i > 0) out += ',';
        AppendJsonString(members[i]->first, out);
        out += ':';
        Print(members[i]->second, sorted, out);
      }
      out += '}';
      return;
    }
  }
}

}  // namespace

Tree Tree::Parse(std::string_view source) {
  json::Document document;
  const std::string_view refusal = document.Parse(source);
  EXPECT_EQ(refusal, "") << source;
  return refusal.empty() ? Of(document.root()) : Tree();
}

Tree Tree::Of(json::Value value) {
  Tree tree;
  tree.kind = value.kind();
  if (value.IsNumber()) tree.text = value.raw();
  if (value.IsString()) tree.text = value.text();
  for (const json::Value element : value.elements()) tree.elements.push_back(Of(element));
  for (const json::Member member : value.members()) tree.members.push_back({std::string(member.name()), Of(member.value)});
  return tree;
}

Tree Tree::String(std::string text) { return {Kind::kString, std::move(text), {}, {}}; }
Tree Tree::Number(std::string text) { return {Kind::kNumber, std::move(text), {}, {}}; }
Tree Tree::Bool(bool value) { return {value ? Kind::kTrue : Kind::kFalse, {}, {}, {}}; }
Tree Tree::Object(std::vector<TreeMember> members) { return {Kind::kObject, {}, {}, std::move(members)}; }
Tree Tree::List(std::vector<Tree> elements) { return {Kind::kArray, {}, std::move(elements), {}}; }

const Tree* Tree::Find(std::string_view name) const {
  const auto found = std::find_if(members.begin(), members.end(), [&](const auto& member) { return member.first == name; });
  return found == members.end() ? nullptr : &found->second;
}
Tree* Tree::Find(std::string_view name) { return const_cast<Tree*>(std::as_const(*this).Find(name)); }

const Tree& Tree::operator[](std::string_view name) const {
  static const Tree nothing;
  const Tree* const found = Find(name);
  return found == nullptr ? nothing : *found;
}

void Tree::Set(std::string_view name, Tree value) {
  kind = Kind::kObject;
  if (Tree* const found = Find(name)) {
    *found = std::move(value);
  } else {
    members.push_back({std::string(name), std::move(value)});
  }
}

void Tree::Erase(std::string_view name) {
  std::erase_if(members, [&](const auto& member) { return member.first == name; });
}

std::string Tree::Print() const {
  std::string out;
  testing::Print(*this, false, out);
  return out;
}
std::string Tree::PrintSorted() const {
  std::string out;
  testing::Print(*this, true, out);
  return out;
}

bool operator==(const Tree& a, const Tree& b) { return a.PrintSorted() == b.PrintSorted(); }
std::ostream& operator<<(std::ostream& out, const Tree& tree) { return out << tree.PrintSorted(); }

std::string ReadTestFile(std::string_view name) {
  std::ifstream file(std::string(REFLEX_WIRE_TESTDATA) + "/" + std::string(name), std::ios::binary);
  EXPECT_TRUE(file.is_open()) << name;
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

std::size_t Below(Random& random, std::size_t bound) { return static_cast<std::size_t>(random() % bound); }

std::string RandomText(Random& random, std::size_t code_points_max) {
  static constexpr std::array<std::string_view, 24> kAlphabet{
      "a",  "b",    "Z", "0", " ",       " ", ",", "\"", "\\",     "\n", "\r",
      "\t", "\x01", "/", "é", "e\u0301", "ß", "€", "漢", "\u2028", "😀", "👩\u200d👩\u200d👧",
      "🇩🇪", "{"};
  std::string text;
  for (std::size_t left = Below(random, code_points_max + 1); left > 0; --left) text += kAlphabet[Below(random, kAlphabet.size())];
  return text;
}

}  // namespace reflex::wire::testing
