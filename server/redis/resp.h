#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reflex/result.h"

namespace reflex::redis {

// One reply in RESP3, the protocol of Redis 6 and later, RESP2 included. Maps become
// arrays of keys and values in turn, sets become arrays, big numbers and verbatim strings become strings; attributes are dropped.
struct Value {
  enum class Kind : std::uint8_t { kNull, kString, kError, kInteger, kDouble, kBoolean, kArray, kPush };

  Kind kind = Kind::kNull;
  std::string text = {};          // kString, kError, kDouble.
  std::int64_t integer = 0;       // kInteger, kBoolean.
  std::vector<Value> items = {};  // kArray, kPush.

  bool is_null() const { return kind == Kind::kNull; }
  bool is_string() const { return kind == Kind::kString; }
  bool is_error() const { return kind == Kind::kError; }
  bool is_integer() const { return kind == Kind::kInteger; }
  bool is_array() const { return kind == Kind::kArray; }
  // True for an error that begins with this word, such as "MOVED".
  bool IsError(std::string_view word) const { return is_error() && text.starts_with(word); }
  friend bool operator==(const Value&, const Value&) = default;
};

// What a reply may be at most; more is a protocol error, so that a wrong length cannot take the memory.
constexpr std::size_t kBulkBytesMax = 512u << 20;
constexpr std::size_t kItemsMax = 1u << 20;
constexpr int kDepthMax = 8;

// Reads replies from bytes as they come. Not thread-safe.
class ReplyParser {
 public:
  // Adds received bytes.
  void Append(std::string_view bytes) { buffer_.append(bytes); }
  // The next whole reply, or nothing while bytes are missing. Returns: kProtocol, and from then on only that.
  Result<std::optional<Value>> Next();
  // Bytes received and not yet returned as a reply.
  std::size_t pending() const { return buffer_.size() - start_; }

 private:
  std::string buffer_;
  std::size_t start_ = 0;   // Of the reply that comes next.
  std::size_t needed_ = 0;  // Bytes from start_ below which looking again is in vain.
};

// Appends a command as an array of bulk strings.
void AppendCommand(std::initializer_list<std::string_view> arguments, std::string& out);

}  // namespace reflex::redis
