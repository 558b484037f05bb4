#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "wire/json.h"
#include "wire/reason.h"
#include "wire/tauq.h"
#include "wire/tauq_word.h"

namespace reflex::wire::tauq {
namespace {

using json::Kind;
using json::Value;

// Fewer are no shorter as a table.
constexpr std::size_t kRowsMin = 2;

std::string_view Sentence(std::string_view reason) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kSentences = {{
      {reason::kDuplicateName, "the object that ends here has a member name twice"},
      {reason::kBadText, "half a surrogate pair, which is no text"},
      {reason::kTooDeep, "lists and objects lie deeper than 100 within each other"},
      {reason::kTooLarge, "the text is too long"},
      {reason::kTooManyValues, "more than 1048576 values and names"},
  }};
  for (const auto& [known, sentence] : kSentences) {
    if (reason == known) return sentence;
  }
  return "this is no JSON";
}

// The tables of one document: one schema for all lists whose objects have the same members in the same order.
class Schemas {
 public:
  // The name of the schema of these fields; `member` names the list, "" for none.
  const std::string& NameFor(Value row, std::string_view member) {
    std::string fields;
    for (const json::Member field : row.members()) fields.append(" ").append(field.name());
    const auto [found, is_new] = names_.try_emplace(std::move(fields));
    if (is_new) {
      found->second = Unused(member.empty() ? Guess(row) : Singular(member));
      definitions_.append("!def ").append(found->second).append(found->first).append("\n");
    }
    return found->second;
  }
  const std::string& definitions() const { return definitions_; }

 private:
  // As a person would call a row: users holds Users, entries Entrys no more.
  static std::string Singular(std::string_view member) {
    std::string_view stem = member;
    std::string end;
    if (stem.ends_with("ies")) {
      stem.remove_suffix(3);
      end = "y";
    } else if (stem.ends_with('s') && !stem.ends_with("ss")) {
      stem.remove_suffix(1);
    }
    std::string name;
    bool upper = true;
    for (const char c : stem) {
      if (c == '_' || c == '-') {
        upper = true;
        continue;
      }
      const bool lower_letter = c >= 'a' && c <= 'z';
      name += upper && lower_letter ? static_cast<char>(c - 'a' + 'A') : c;
      upper = false;
    }
    name += end;
    return IsPlainName(name) ? name : "Row";
  }

  static std::string Guess(Value row) {
    const bool has_id = static_cast<bool>(row.Find("id"));
    const bool has_name = static_cast<bool>(row.Find("name"));
    return has_id && has_name ? "Record" : has_id ? "Item" : has_name ? "Entry" : "Row";
  }

  std::string Unused(const std::string& base) {
    std::string name = base;
    for (std::size_t& n = numbers_[base]; !used_.insert(name).second;) name = base + std::to_string(++n + 1);
    return name;
  }

  std::unordered_map<std::string, std::string> names_;
  std::unordered_map<std::string, std::size_t> numbers_;
  std::unordered_set<std::string> used_;
  std::string definitions_;
};

class Encoder {
 public:
  std::string Run(Value root) {
    if (root.IsArray() && IsTable(root)) {
      schemas_.NameFor(*root.elements().begin(), {});
      Rows(root, 0);
      out_.insert(0, schemas_.definitions());
    } else {
      Top(root);
      if (!schemas_.definitions().empty()) out_.insert(0, schemas_.definitions() + "---\n");
    }
    if (out_.ends_with('\n')) out_.pop_back();
    return std::move(out_);
  }

 private:
  void Top(Value root) {
    if (root.IsObject() && root.size() > 0 && AllPlain(root)) {
      Lines(root, 0);
    } else if (root.IsString()) {
      Quoted(root.text());  // A name alone would be a member without a value.
    } else {
      Block(root, 0, {});
    }
  }

  static bool AllPlain(Value object) {
    const auto members = object.members();
    for (const json::Member member : members) {
      if (!IsPlainName(member.name())) return false;
    }
    return true;
  }

  static bool SameNames(Value a, Value b) {
    if (a.size() != b.size()) return false;
    auto other = b.members().begin();
    for (const json::Member member : a.members()) {
      if (member.name() != (*other).name()) return false;
      ++other;
    }
    return true;
  }

  static bool IsTable(Value list) {
    if (list.size() < kRowsMin) return false;
    const Value first = *list.elements().begin();
    if (!first.IsObject() || first.size() == 0 || !AllPlain(first)) return false;
    for (const Value row : list.elements()) {
      if (!row.IsObject() || !SameNames(first, row)) return false;
    }
    return true;
  }

  static bool AllObjects(Value list) {
    for (const Value element : list.elements()) {
      if (!element.IsObject()) return false;
    }
    return true;
  }

  void Indent(int depth) { out_.append(static_cast<std::size_t>(depth) * 2, ' '); }

  // Each member on its line.
  void Lines(Value object, int depth) {
    for (const json::Member member : object.members()) {
      Indent(depth);
      Name(member.name());
      out_ += ' ';
      Block(member.value, depth, member.name());
      out_ += '\n';
    }
  }

  // A value that may take several lines; the caller has begun the first.
  void Block(Value value, int depth, std::string_view member) {
    if (value.IsObject() && value.size() > 0) {
      out_ += "{\n";
      Lines(value, depth + 1);
      Indent(depth);
      out_ += '}';
    } else if (value.IsArray() && value.size() > 0 && AllObjects(value)) {
      out_ += "[\n";
      if (IsTable(value)) {
        Indent(depth + 1);
        out_.append("!use ").append(schemas_.NameFor(*value.elements().begin(), member)).append("\n");
        Rows(value, depth + 1);
      } else {
        for (const Value element : value.elements()) {
          Indent(depth + 1);
          Inline(element);
          out_ += '\n';
        }
      }
      Indent(depth);
      out_ += ']';
    } else {
      Inline(value);
    }
  }

  void Rows(Value list, int depth) {
    for (const Value row : list.elements()) {
      Indent(depth);
      std::string_view space;
      for (const json::Member member : row.members()) {
        out_ += std::exchange(space, " ");
        Inline(member.value);
      }
      out_ += '\n';
    }
  }

  // A value within a line. Recursive: the reader of JSON bounds the depth.
  void Inline(Value value) {
    switch (value.kind()) {
      case Kind::kString: return String(value.text());
      case Kind::kArray: return InlineList(value);
      case Kind::kObject: return InlineObject(value);
      default: out_.append(value.raw());
    }
  }

  void InlineList(Value list) {
    std::string_view space;
    out_ += '[';
    for (const Value element : list.elements()) {
      out_ += std::exchange(space, " ");
      Inline(element);
    }
    out_ += ']';
  }

  void InlineObject(Value object) {
    if (object.size() == 0) {
      out_ += "{}";
      return;
    }
    out_ += '{';
    for (const json::Member member : object.members()) {
      out_ += ' ';
      Name(member.name());
      out_ += ' ';
      Inline(member.value);
    }
    out_ += " }";
  }

  void Name(std::string_view name) {
    if (IsPlainName(name)) {
      out_.append(name);
    } else {
      Quoted(name);
    }
  }

  void String(std::string_view text) {
    if (IsBareString(text)) {
      out_.append(text);
    } else {
      Quoted(text);
    }
  }

  void Quoted(std::string_view text) {
    out_ += '"';
    for (const char c : text) {
      switch (c) {
        case '"': out_ += "\\\""; break;
        case '\\': out_ += "\\\\"; break;
        case '\n': out_ += "\\n"; break;
        case '\r': out_ += "\\r"; break;
        case '\t': out_ += "\\t"; break;
        default: out_ += c;
      }
    }
    out_ += '"';
  }

  Schemas schemas_;
  std::string out_;
};

// The start of the first list or object that lies too deep, or null.
const char* TooDeep(Value value, int depth) {
  if (!value.IsArray() && !value.IsObject()) return nullptr;
  if (depth > kDepthMax) return value.raw().data();
  for (const Value element : value.elements()) {
    if (const char* at = TooDeep(element, depth + 1)) return at;
  }
  for (const json::Member member : value.members()) {
    if (const char* at = TooDeep(member.value, depth + 1)) return at;
  }
  return nullptr;
}

}  // namespace

Result<std::string> Encode(std::string_view text) {
  REFLEX_CHECK(CheckText(text));
  json::Document document;
  if (const std::string_view refusal = document.Parse(text); !refusal.empty()) {
    return FailAt(text, document.stopped_at(), std::string(Sentence(refusal)));
  }
  if (const char* at = TooDeep(document.root(), 1)) {
    return FailAt(text, static_cast<std::size_t>(at - text.data()), std::string(Sentence(reason::kTooDeep)));
  }
  return Encoder().Run(document.root());
}

}  // namespace reflex::wire::tauq
