#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "wire/tauq.h"
#include "wire/tauq_lexer.h"
#include "wire/tauq_node.h"
#include "wire/tauq_word.h"

namespace reflex::wire::tauq {
namespace {

struct Field {
  std::string name;
  std::string type;   // A schema's name; "" for any value. One that is defined nowhere is a remark: any value, too.
  bool list = false;  // [Type]
};
using Schema = std::vector<Field>;

// Reads by recursive descent, one token ahead: docs/tauq.md has the grammar. The depth limit bounds the stack.
class Decoder {
 public:
  explicit Decoder(std::string_view text) : text_(text), lexer_(text) {}

  Result<std::string> Run() {
    REFLEX_CHECK(Advance());
    REFLEX_CHECK(Advance());
    while (token_.kind != TokenKind::kEnd) {
      REFLEX_CHECK(TopLevel());
    }
    ClosePending();
    if (results_.size() > 1 && deepest_ >= kDepthMax) return TooDeep(deepest_at_);
    std::string json;
    (results_.size() == 1 ? results_.TakeOnly() : std::move(results_)).AppendJson(json);
    return json;
  }

 private:
  Result<void> Advance() {
    token_ = std::move(next_);
    REFLEX_TRY(next_, lexer_.Next());
    return {};
  }

  std::unexpected<Error> Expected(std::string what) const {
    return FailAt(text_, token_.at, "expected " + std::move(what) + ", found " + Describe(token_));
  }
  std::unexpected<Error> TooDeep(std::size_t at) const {
    return FailAt(text_, at, "lists and objects lie deeper than 100 within each other");
  }

  // Before anything is kept: memory stays within the limits whatever the text says.
  Result<void> Count(std::size_t values, std::size_t name_bytes) {
    values_ += values;
    name_bytes_ += name_bytes;
    if (values_ > kValuesMax) return FailAt(text_, token_.at, "more than 1048576 values and names");
    // A table repeats its names in every row.
    if (name_bytes_ > kBytesMax) return FailAt(text_, token_.at, "the names of all members are longer than 100 MB");
    return {};
  }

  Result<void> Enter(int depth) {
    if (depth > kDepthMax) return TooDeep(token_.at);
    if (depth > deepest_) {
      deepest_ = depth;
      deepest_at_ = token_.at;
    }
    return Count(1, 0);
  }

  Result<void> Keep(Node& object, std::string name, Node value) {
    REFLEX_CHECK(Count(1, name.size()));
    object.Set(std::move(name), std::move(value));
    return {};
  }

  Result<void> TopLevel() {
    switch (token_.kind) {
      case TokenKind::kDirective: ClosePending(); return Directive();
      case TokenKind::kSeparator: return Advance();
      case TokenKind::kDashes: active_ = nullptr; return Advance();
      case TokenKind::kCloseBrace:
      case TokenKind::kCloseList: return FailAt(text_, token_.at, Describe(token_) + " closes nothing");
      default: break;
    }
    if (active_ != nullptr) {
      ClosePending();
      REFLEX_TRY(Node row, Row(*active_, 1));
      results_.Add(std::move(row));
      return {};
    }
    if (token_.kind == TokenKind::kName) {
      if (!pending_) {
        REFLEX_CHECK(Enter(1));
        pending_ = Node::Object();
      }
      return Member(*pending_, 1);
    }
    REFLEX_TRY(Node value, Value(1));
    results_.Add(std::move(value));
    return {};
  }

  void ClosePending() {
    if (!pending_) return;
    results_.Add(std::move(*pending_));
    pending_.reset();
  }

  // name [":"] value, into an object of that depth.
  Result<void> Member(Node& object, int depth) {
    std::string name = std::move(token_.text);
    REFLEX_CHECK(Advance());
    if (token_.kind == TokenKind::kColon) {
      REFLEX_CHECK(Advance());
    }
    REFLEX_TRY(Node value, Value(depth + 1));
    return Keep(object, std::move(name), std::move(value));
  }

  Result<void> Directive() {
    const std::string name = token_.text;
    const std::size_t at = token_.at;
    if (name == "import") return FailAt(text_, at, "!import is refused: no other file is read");
    REFLEX_CHECK(Advance());
    if (name == "schemas" || name == "models") return SchemaBlock();
    if (name == "def") return Definition();
    if (name != "use") return {};  // One of a later version.
    REFLEX_TRY(active_, Use());
    return {};
  }

  // The schema behind !use.
  Result<const Schema*> Use() {
    if (token_.kind != TokenKind::kName) return Expected("the name of a schema behind !use");
    const auto found = schemas_.find(token_.text);
    if (found == schemas_.end()) return FailAt(text_, token_.at, "no schema is named \"" + token_.text + "\"");
    REFLEX_CHECK(Advance());
    return &found->second;
  }

  Result<void> Definition() {
    if (token_.kind != TokenKind::kName) return Expected("the name of a schema behind !def");
    std::string name = std::move(token_.text);
    REFLEX_CHECK(Advance());
    REFLEX_TRY(Schema fields, Fields());
    // The schema keeps its address when it is defined anew.
    active_ = &schemas_.insert_or_assign(std::move(name), std::move(fields)).first->second;
    return {};
  }

  Result<void> SchemaBlock() {
    for (;;) {
      switch (token_.kind) {
        case TokenKind::kDashes: return Advance();
        case TokenKind::kSeparator: {
          REFLEX_CHECK(Advance());
          break;
        }
        case TokenKind::kName: {
          std::string name = std::move(token_.text);
          REFLEX_CHECK(Advance());
          REFLEX_TRY(Schema fields, Fields());
          schemas_.insert_or_assign(std::move(name), std::move(fields));
          break;
        }
        default: return Expected("the name of a schema or '---'");
      }
    }
  }

  // Up to what is no field.
  Result<Schema> Fields() {
    Schema fields;
    while (token_.kind == TokenKind::kName) {
      REFLEX_CHECK(Count(1, token_.text.size()));
      Field& field = fields.emplace_back();
      field.name = std::move(token_.text);
      REFLEX_CHECK(Advance());
      if (token_.kind == TokenKind::kColon) {
        REFLEX_CHECK(Advance());
        REFLEX_CHECK(Type(field));
      }
    }
    return fields;
  }

  Result<void> Type(Field& field) {
    field.list = token_.kind == TokenKind::kOpenList;
    if (field.list) {
      REFLEX_CHECK(Advance());
    }
    if (token_.kind != TokenKind::kName) return Expected("the name of a type");
    field.type = std::move(token_.text);
    REFLEX_CHECK(Advance());
    if (!field.list) return {};
    if (token_.kind != TokenKind::kCloseList) return Expected("']' behind the type");
    return Advance();
  }

  bool RowEnds() const {
    return token_.kind == TokenKind::kEnd || token_.kind == TokenKind::kSeparator || token_.kind == TokenKind::kCloseBrace ||
           token_.kind == TokenKind::kCloseList || token_.kind == TokenKind::kDirective;
  }

  // REQUIRES: a token that does not end a row, or a row in braces, which may be empty.
  Result<Node> Row(const Schema& schema, int depth) {
    REFLEX_CHECK(Enter(depth));
    Node row = Node::Object();
    for (std::size_t place = 0; !RowEnds();) {
      if (token_.kind == TokenKind::kName && next_.kind == TokenKind::kColon) {
        REFLEX_CHECK(NamedValue(row, schema, depth));
      } else if (place < schema.size()) {
        const Field& field = schema[place++];
        REFLEX_TRY(Node value, FieldValue(field, depth));
        REFLEX_CHECK(Keep(row, field.name, std::move(value)));
      } else {
        if (row.size() == 0) return FailAt(text_, token_.at, "a row of a schema without fields");
        break;  // What is left begins the next row.
      }
    }
    return row;
  }

  Result<void> NamedValue(Node& row, const Schema& schema, int depth) {
    std::string name = std::move(token_.text);
    REFLEX_CHECK(Advance());
    REFLEX_CHECK(Advance());
    const Field* field = nullptr;
    for (const Field& known : schema) {
      if (known.name == name) field = &known;
    }
    REFLEX_TRY(Node value, field != nullptr ? FieldValue(*field, depth) : Value(depth + 1));
    return Keep(row, std::move(name), std::move(value));
  }

  Result<Node> FieldValue(const Field& field, int depth) {
    const auto type = field.type.empty() ? schemas_.end() : schemas_.find(field.type);
    if (type == schemas_.end()) return Value(depth + 1);
    const std::string what = " with rows of " + field.type + " for the field " + field.name;
    if (field.list) return token_.kind == TokenKind::kOpenList ? TypedList(type->second, depth + 1) : Expected("'['" + what);
    return token_.kind == TokenKind::kOpenBrace ? BracedRow(type->second, depth + 1) : Expected("'{'" + what);
  }

  Result<void> SkipSeparators() {
    while (token_.kind == TokenKind::kSeparator) {
      REFLEX_CHECK(Advance());
    }
    return {};
  }

  Result<Node> BracedRow(const Schema& schema, int depth) {
    REFLEX_CHECK(Advance());
    REFLEX_CHECK(SkipSeparators());
    REFLEX_TRY(Node row, Row(schema, depth));
    REFLEX_CHECK(SkipSeparators());
    if (token_.kind != TokenKind::kCloseBrace) return Expected("'}' behind the row");
    REFLEX_CHECK(Advance());
    return row;
  }

  Result<Node> TypedList(const Schema& schema, int depth) {
    REFLEX_CHECK(Enter(depth));
    REFLEX_CHECK(Advance());
    Node list = Node::List();
    for (;;) {
      REFLEX_CHECK(SkipSeparators());
      if (token_.kind == TokenKind::kCloseList) break;
      if (RowEnds()) return Expected("a row or ']'");
      REFLEX_TRY(Node row, token_.kind == TokenKind::kOpenBrace ? BracedRow(schema, depth + 1) : Row(schema, depth + 1));
      list.Add(std::move(row));
    }
    REFLEX_CHECK(Advance());
    return list;
  }

  Result<Node> Value(int depth) {
    switch (token_.kind) {
      case TokenKind::kOpenList: return List(depth);
      case TokenKind::kOpenBrace: return Object(depth);
      case TokenKind::kString:
      case TokenKind::kName: return Scalar(Node::String(token_.text));
      case TokenKind::kNumber: return Scalar(Node::Scalar(std::move(token_.text)));
      case TokenKind::kNull: return Scalar(Node::Scalar("null"));
      case TokenKind::kFalse: return Scalar(Node::Scalar("false"));
      case TokenKind::kTrue: return Scalar(Node::Scalar("true"));
      default: return Expected("a value");
    }
  }

  Result<Node> Scalar(Node node) {
    REFLEX_CHECK(Count(1, 0));
    REFLEX_CHECK(Advance());
    return node;
  }

  Result<Node> List(int depth) {
    REFLEX_CHECK(Enter(depth));
    const std::size_t begin = token_.at;
    REFLEX_CHECK(Advance());
    Node list = Node::List();
    const Schema* schema = nullptr;
    while (token_.kind != TokenKind::kCloseList) {
      if (token_.kind == TokenKind::kSeparator || token_.kind == TokenKind::kColon) {
        REFLEX_CHECK(Advance());
      } else if (token_.kind == TokenKind::kDirective) {
        if (token_.text != "use") return Expected("a value or ']'; of the directives only !use stands in a list");
        REFLEX_CHECK(Advance());
        REFLEX_TRY(schema, Use());
      } else if (token_.kind == TokenKind::kEnd) {
        return FailAt(text_, begin, "the list that begins here has no closing ']'");
      } else if (token_.kind == TokenKind::kCloseBrace) {
        return Expected("a value or ']'");
      } else {
        REFLEX_TRY(Node element, schema != nullptr ? Row(*schema, depth + 1) : Value(depth + 1));
        list.Add(std::move(element));
      }
    }
    REFLEX_CHECK(Advance());
    return list;
  }

  Result<Node> Object(int depth) {
    REFLEX_CHECK(Enter(depth));
    const std::size_t begin = token_.at;
    REFLEX_CHECK(Advance());
    Node object = Node::Object();
    while (token_.kind != TokenKind::kCloseBrace) {
      if (token_.kind == TokenKind::kSeparator) {
        REFLEX_CHECK(Advance());
      } else if (token_.kind == TokenKind::kEnd) {
        return FailAt(text_, begin, "the object that begins here has no closing '}'");
      } else if (token_.kind == TokenKind::kName || token_.kind == TokenKind::kString) {
        REFLEX_CHECK(Member(object, depth));
      } else {
        return Expected("a member's name or '}'");
      }
    }
    REFLEX_CHECK(Advance());
    return object;
  }

  std::string_view text_;
  Lexer lexer_;
  Token token_, next_;
  std::map<std::string, Schema> schemas_;
  const Schema* active_ = nullptr;
  std::optional<Node> pending_;
  Node results_ = Node::List();
  std::size_t values_ = 0, name_bytes_ = 0;
  int deepest_ = 0;
  std::size_t deepest_at_ = 0;
};

}  // namespace

Result<std::string> Decode(std::string_view text) {
  REFLEX_CHECK(CheckText(text));
  return Decoder(text).Run();
}

}  // namespace reflex::wire::tauq
