#include "app/eval_rows.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "wire/json.h"

namespace reflex::app {
namespace {

namespace json = wire::json;

std::string_view Form(EvalKind kind) {
  switch (kind) {
    case EvalKind::kPairs:
      return R"({"id": …, "a": "question", "b": "question", "same": true or false (optional), "category": "…" (optional)})";
    case EvalKind::kStream: return R"({"id": …, "prompt": "question", "class": … (optional), "phrase": … (optional)})";
    case EvalKind::kRequests: return R"({"id": …, "a": {chat request}, "b": {chat request}, "same": true or false (optional)})";
  }
  return "";
}

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r'; }

class Reader {
 public:
  Reader(EvalKind kind, std::string_view name) : kind_(kind), name_(name) {}

  Result<std::vector<EvalRow>> Read(std::string_view text) {
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    for (std::size_t number = 1; !text.empty(); ++number) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      const std::string_view line = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      if (std::ranges::all_of(line, IsSpace)) continue;
      row_ = EvalRow();
      row_.line = number;
      REFLEX_CHECK(ReadLine(line));
      rows_.push_back(std::move(row_));
    }
    if (rows_.empty()) {
      return Fail(ErrorCode::kInvalidArgument, std::string(name_) + " has no rows; allowed: lines of " + std::string(Form(kind_)));
    }
    REFLEX_CHECK(CheckLabels());
    return std::move(rows_);
  }

 private:
  std::unexpected<Error> Refuse(const std::string& what) const {
    return Fail(ErrorCode::kInvalidArgument, std::string(name_) + ":" + std::to_string(row_.line) + ": " + what +
                                                 "; allowed: a line of " + std::string(Form(kind_)));
  }

  Result<void> ReadLine(std::string_view line) {
    if (const std::string_view problem = document_.Parse(line); !problem.empty()) {
      return Refuse("the line cannot be read as JSON (" + std::string(problem) + ")");
    }
    const json::Value root = document_.root();
    if (!root.IsObject()) return Refuse("the line is no JSON object");
    REFLEX_CHECK(ReadId(root.Find("id")));
    if (kind_ == EvalKind::kStream) {
      REFLEX_CHECK(ReadText(root, "prompt", row_.a));
      REFLEX_CHECK(ReadTag(root, "class", row_.answer_class));
      return ReadTag(root, "phrase", row_.phrase);
    }
    REFLEX_CHECK(ReadSide(root, "a", row_.a));
    REFLEX_CHECK(ReadSide(root, "b", row_.b));
    return ReadPairLabels(root);
  }

  Result<void> ReadId(const json::Value& id) {
    if (!id) return Refuse("\"id\" is missing");
    const bool whole = id.IsNumber() && id.raw().find_first_of(".eE") == std::string_view::npos;
    if (!id.IsString() && !whole) return Refuse("\"id\" is neither a text nor a whole number");
    row_.id = id.raw();
    const std::string same = id.IsString() ? "\"" + std::string(id.text()) : row_.id;
    const auto [first, added] = lines_.emplace(same, row_.line);
    if (!added) return Refuse("\"id\" " + row_.id + " is that of line " + std::to_string(first->second) + " too");
    return {};
  }

  Result<void> ReadText(const json::Value& root, std::string_view name, std::string& out) {
    const json::Value value = root.Find(name);
    const std::string quoted = "\"" + std::string(name) + "\"";
    if (!value) return Refuse(quoted + " is missing");
    if (!value.IsString()) return Refuse(quoted + " is no text");
    out = value.text();
    return {};
  }

  Result<void> ReadSide(const json::Value& root, std::string_view name, std::string& out) {
    if (kind_ == EvalKind::kPairs) return ReadText(root, name, out);
    const json::Value value = root.Find(name);
    const std::string quoted = "\"" + std::string(name) + "\"";
    if (!value) return Refuse(quoted + " is missing");
    if (!value.IsObject()) return Refuse(quoted + " is no object");
    out = value.raw();
    return {};
  }

  // A text or a number that is only ever compared.
  Result<void> ReadTag(const json::Value& root, std::string_view name, std::string& out) {
    const json::Value value = root.Find(name);
    if (value.IsNothing()) return {};
    if (!value.IsString() && !value.IsNumber()) return Refuse("\"" + std::string(name) + "\" is neither a text nor a number");
    out = value.IsString() ? "\"" + std::string(value.text()) + "\"" : std::string(value.raw());
    return {};
  }

  Result<void> ReadPairLabels(const json::Value& root) {
    if (const json::Value same = root.Find("same"); !same.IsNothing()) {
      if (same.kind() != json::Kind::kTrue && same.kind() != json::Kind::kFalse)
        return Refuse("\"same\" is neither true nor false");
      row_.label = same.IsTrue() ? EvalRow::Label::kSame : EvalRow::Label::kDifferent;
    }
    const json::Value category = root.Find("category");
    if (!category.IsNothing() && !category.IsString()) return Refuse("\"category\" is no text");
    row_.category = category.text();
    return {};
  }

  // A report over half of the rows would look like one over all.
  Result<void> CheckLabels() {
    const auto labelled = [](const EvalRow& row) { return row.label != EvalRow::Label::kNone || !row.answer_class.empty(); };
    const bool first = labelled(rows_.front());
    const auto other = std::ranges::find_if(rows_, [&](const EvalRow& row) { return labelled(row) != first; });
    if (other == rows_.end()) return {};
    row_.line = first ? other->line : rows_.front().line;
    const std::string label = kind_ == EvalKind::kStream ? "\"class\"" : "\"same\"";
    return Refuse(label + " is missing here and present in other lines; it is in all of them or in none");
  }

  const EvalKind kind_;
  const std::string_view name_;
  json::Document document_;
  EvalRow row_;
  std::vector<EvalRow> rows_;
  std::unordered_map<std::string, std::size_t> lines_;
};

}  // namespace

std::string_view Name(EvalKind kind) {
  switch (kind) {
    case EvalKind::kPairs: return "pairs";
    case EvalKind::kStream: return "stream";
    case EvalKind::kRequests: return "requests";
  }
  return "";
}

Result<std::vector<EvalRow>> ReadEvalRows(EvalKind kind, std::string_view name, std::string_view text) {
  return Reader(kind, name).Read(text);
}

}  // namespace reflex::app
