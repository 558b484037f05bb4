#include "redis/resp.h"

#include <charconv>
#include <utility>

namespace reflex::redis {
namespace {

// Attributes in front of a value are skipped; so many in a row no server sends.
constexpr int kAttributesMax = 16;

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  // Nothing when bytes are missing; then needed() says up to where.
  Result<std::optional<Value>> Read(int depth);
  std::size_t position() const { return at_; }
  std::size_t needed() const { return needed_; }

 private:
  std::optional<std::string_view> Line();
  Result<std::optional<Value>> Bulk(std::string_view line, Value::Kind kind, bool verbatim);
  Result<std::optional<Value>> Items(std::string_view line, Value::Kind kind, std::size_t each, int depth);
  Result<std::optional<Value>> ReadTyped(char type, std::string_view line, int depth);

  std::string_view bytes_;
  std::size_t at_ = 0;
  std::size_t needed_ = 0;
};

std::unexpected<Error> Broken(std::string what) { return Fail(ErrorCode::kProtocol, "the Redis server sent " + std::move(what)); }

std::optional<std::int64_t> Number(std::string_view text) {
  std::int64_t value = 0;
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::optional<std::string_view> Reader::Line() {
  const std::size_t end = bytes_.find("\r\n", at_);
  if (end == std::string_view::npos) {
    needed_ = bytes_.size() + 1;
    return std::nullopt;
  }
  const std::string_view line = bytes_.substr(at_, end - at_);
  at_ = end + 2;
  return line;
}

Result<std::optional<Value>> Reader::Bulk(std::string_view line, Value::Kind kind, bool verbatim) {
  const auto size = Number(line);
  if (size == -1) return Value{};
  if (!size || *size < 0 || static_cast<std::uint64_t>(*size) > kBulkBytesMax) return Broken("a string of an impossible length");
  const auto length = static_cast<std::size_t>(*size);
  if (bytes_.size() - at_ < length + 2) {
    needed_ = at_ + length + 2;
    return std::optional<Value>();
  }
  if (bytes_.substr(at_ + length, 2) != "\r\n") return Broken("a string that does not end where it says");
  std::string_view text = bytes_.substr(at_, length);
  at_ += length + 2;
  // "txt:" stands before a verbatim string.
  if (verbatim) text.remove_prefix(text.size() < 4 ? text.size() : 4);
  return Value{.kind = kind, .text = std::string(text)};
}

Result<std::optional<Value>> Reader::Items(std::string_view line, Value::Kind kind, std::size_t each, int depth) {
  const auto count = Number(line);
  if (count == -1) return Value{};
  if (!count || *count < 0 || static_cast<std::uint64_t>(*count) > kItemsMax) return Broken("an array of an impossible length");
  if (depth >= kDepthMax) return Broken("arrays nested too deeply");
  Value value{.kind = kind};
  for (std::size_t i = 0; i < static_cast<std::size_t>(*count) * each; ++i) {
    auto item = Read(depth + 1);
    if (!item || !*item) return item;
    value.items.push_back(std::move(**item));
  }
  return value;
}

Result<std::optional<Value>> Reader::ReadTyped(char type, std::string_view line, int depth) {
  switch (type) {
    case '+':
    case '(': return Value{.kind = Value::Kind::kString, .text = std::string(line)};
    case '-': return Value{.kind = Value::Kind::kError, .text = std::string(line)};
    case ',': return Value{.kind = Value::Kind::kDouble, .text = std::string(line)};
    case '_': return Value{};
    case ':': {
      const auto number = Number(line);
      if (!number) return Broken("an integer that is none");
      return Value{.kind = Value::Kind::kInteger, .integer = *number};
    }
    case '#':
      if (line != "t" && line != "f") return Broken("a boolean that is none");
      return Value{.kind = Value::Kind::kBoolean, .integer = line == "t" ? 1 : 0};
    case '$': return Bulk(line, Value::Kind::kString, false);
    case '=': return Bulk(line, Value::Kind::kString, true);
    case '!': return Bulk(line, Value::Kind::kError, false);
    case '*':
    case '~': return Items(line, Value::Kind::kArray, 1, depth);
    case '>': return Items(line, Value::Kind::kPush, 1, depth);
    case '%': return Items(line, Value::Kind::kArray, 2, depth);
    default: return Broken("a reply of an unknown type");
  }
}

Result<std::optional<Value>> Reader::Read(int depth) {
  for (int attributes = 0; attributes <= kAttributesMax; ++attributes) {
    if (at_ >= bytes_.size()) {
      needed_ = at_ + 1;
      return std::optional<Value>();
    }
    const char type = bytes_[at_++];
    const auto line = Line();
    if (!line) return std::optional<Value>();
    if (type != '|') return ReadTyped(type, *line, depth);
    auto dropped = Items(*line, Value::Kind::kArray, 2, depth);
    if (!dropped || !*dropped) return dropped;
  }
  return Broken("too many attributes before a value");
}

}  // namespace

Result<std::optional<Value>> ReplyParser::Next() {
  if (pending() < needed_) return std::optional<Value>();
  Reader reader(std::string_view(buffer_).substr(start_));
  auto value = reader.Read(0);
  if (!value) return value;
  if (!*value) {
    needed_ = reader.needed();
    return value;
  }
  needed_ = 0;
  start_ += reader.position();
  // Moved to the front only when it pays, so that a pipeline of many replies costs no more than its bytes.
  if (start_ == buffer_.size()) {
    buffer_.clear();
    start_ = 0;
  } else if (start_ > (1u << 20)) {
    buffer_.erase(0, start_);
    start_ = 0;
  }
  return value;
}

void AppendCommand(std::initializer_list<std::string_view> arguments, std::string& out) {
  out.append("*").append(std::to_string(arguments.size())).append("\r\n");
  for (const std::string_view argument : arguments) {
    out.append("$").append(std::to_string(argument.size())).append("\r\n").append(argument).append("\r\n");
  }
}

}  // namespace reflex::redis
