#include "app/json_page.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "wire/json.h"

namespace reflex::app {
namespace {

namespace json = wire::json;

// Depth is bounded by the reader (json::kDepthMax).
class Page {
 public:
  void Add(json::Value value, std::size_t indent) {
    if (value.IsObject()) {
      for (const json::Member member : value.members()) AddMember(member.name(), member.value, indent);
    } else {
      for (const json::Value element : value.elements()) AddElement(element, indent);
    }
  }
  std::string Take() { return std::move(text_); }

 private:
  static bool IsNested(json::Value value) { return (value.IsObject() || value.IsArray()) && value.size() > 0; }

  void AddMember(std::string_view name, json::Value value, std::size_t indent) {
    Indent(indent);
    AppendText(name);
    text_ += ':';
    if (IsNested(value)) {
      text_ += '\n';
      Add(value, indent + 2);
      return;
    }
    text_ += ' ';
    AppendScalar(value);
    text_ += '\n';
  }

  void AddElement(json::Value value, std::size_t indent) {
    Indent(indent);
    text_ += "- ";
    if (!IsNested(value)) {
      AppendScalar(value);
      text_ += '\n';
      return;
    }
    // The first line of what is inside stands beside the dash.
    const std::size_t at = text_.size();
    Add(value, indent + 2);
    text_.erase(at, std::min(indent + 2, text_.size() - at));
  }

  void AppendScalar(json::Value value) {
    if (value.IsString()) return AppendText(value.text());
    text_ += value.raw();
  }
  // A terminal must not obey what a question holds.
  void AppendText(std::string_view text) {
    for (const char c : text) text_ += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  void Indent(std::size_t indent) { text_.append(indent, ' '); }

  std::string text_;
};

}  // namespace

std::string JsonPage(std::string_view json) {
  json::Document document;
  if (!document.Parse(json).empty()) return std::string(json);
  const json::Value root = document.root();
  if (!root.IsObject() && !root.IsArray()) return std::string(json);
  Page page;
  page.Add(root, 0);
  return page.Take();
}

}  // namespace reflex::app
