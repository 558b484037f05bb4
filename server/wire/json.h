#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// A strict JSON reader (RFC 8259) that keeps the source text of every value.
//
// A cache key may not lose what a value-level parser drops: the digits of a number, the order and spelling inside a schema, a name
// given twice, half of a surrogate pair. simdjson loses all four (numbers become double, a lone low surrogate passes), so it only
// checks UTF-8 here; in the tests and the fuzzer its verdict is compared with this reader's.
namespace reflex::wire::json {

// Arrays and objects within each other. Structured-output schemas of the documented ten levels need about 60.
inline constexpr int kDepthMax = 128;
// Values and names in one text: bounds the reader's memory to 28 bytes each.
inline constexpr std::size_t kNodesMax = 1 << 20;

enum class Kind : std::uint8_t { kNull, kFalse, kTrue, kNumber, kString, kArray, kObject };

struct Node {
  std::uint32_t begin = 0;  // Source bytes of the value, quotes and brackets included.
  std::uint32_t end = 0;
  std::uint32_t next = 0;   // Index of the node behind this value and all it holds.
  std::uint32_t count = 0;  // Elements or members.
  std::uint32_t text = 0;   // A string's content without escapes: offset in the source, or in the decoded text.
  std::uint32_t text_size = 0;
  Kind kind = Kind::kNull;
  bool decoded = false;  // The content had escapes.
};

class Document;
struct Member;

// One value of a document, or none (false). Cheap to copy; lives as long as its document and the parsed source.
class Value {
 public:
  Value() = default;
  Value(const Document* document, std::uint32_t index) : document_(document), index_(index) {}

  explicit operator bool() const { return document_ != nullptr; }
  Kind kind() const;
  bool IsString() const { return document_ != nullptr && kind() == Kind::kString; }
  bool IsObject() const { return document_ != nullptr && kind() == Kind::kObject; }
  bool IsArray() const { return document_ != nullptr && kind() == Kind::kArray; }
  bool IsNumber() const { return document_ != nullptr && kind() == Kind::kNumber; }
  bool IsTrue() const { return document_ != nullptr && kind() == Kind::kTrue; }
  // Absent or null.
  bool IsNothing() const { return document_ == nullptr || kind() == Kind::kNull; }
  // Nothing, false, 0, or a string, array or object without content.
  bool IsEmpty() const;
  // Elements of an array or members of an object; 0 for others.
  std::size_t size() const;
  // The source text.
  std::string_view raw() const;
  // A string's content, "" for others.
  std::string_view text() const;
  std::uint32_t begin() const;
  std::uint32_t end() const;
  // A non-negative whole number that fits, or `otherwise`.
  std::uint64_t Whole(std::uint64_t otherwise) const;
  // The member of that name; absent if there is none or this is no object.
  Value Find(std::string_view name) const;
  // Appends the source text without the white space between tokens.
  void AppendCompact(std::string& out) const;

  template <bool kMembers>
  class Range;
  Range<false> elements() const;  // Empty unless this is an array.
  Range<true> members() const;    // Empty unless this is an object.

 private:
  friend class Document;
  const Document* document_ = nullptr;
  std::uint32_t index_ = 0;
};

struct Member {
  Value key;
  Value value;
  std::string_view name() const { return key.text(); }
};

// Keeps its buffers between texts. Not thread-safe.
class Document {
 public:
  // Reads `source`, which must stay as it is while values are used. Returns "" or one of wire/reason.h: kNotJson, kDuplicateName,
  // kBadText, kTooDeep, kTooLarge, kTooManyValues.
  std::string_view Parse(std::string_view source);
  // After a Parse that refused: the byte where it stopped reading. A name given twice is noticed where its object ends.
  std::size_t stopped_at() const { return stopped_at_; }
  // After a successful Parse.
  Value root() const { return Value(this, 0); }
  bool has_space() const { return has_space_; }
  // Gives back what an unusually large text made it hold.
  void Trim();

 private:
  friend class Value;
  friend class Parser;
  std::string_view source_;
  std::vector<Node> nodes_;
  std::string decoded_;
  std::vector<std::string_view> names_;
  bool has_space_ = false;
  std::size_t stopped_at_ = 0;
};

// For loops over elements (Value) or members (Member).
template <bool kMembers>
class Value::Range {
 public:
  class Iterator {
   public:
    Iterator(const Document* document, std::uint32_t index, std::uint32_t left) : document_(document), index_(index), left_(left) {}
    auto operator*() const {
      if constexpr (kMembers) {
        return Member{Value(document_, index_), Value(document_, index_ + 1)};
      } else {
        return Value(document_, index_);
      }
    }
    Iterator& operator++();
    bool operator!=(const Iterator& other) const { return left_ != other.left_; }

   private:
    const Document* document_;
    std::uint32_t index_;
    std::uint32_t left_;
  };

  Range(const Document* document, std::uint32_t first, std::uint32_t count) : document_(document), first_(first), count_(count) {}
  Iterator begin() const { return Iterator(document_, first_, count_); }
  Iterator end() const { return Iterator(document_, 0, 0); }

 private:
  const Document* document_;
  std::uint32_t first_;
  std::uint32_t count_;
};

inline Kind Value::kind() const { return document_->nodes_[index_].kind; }
inline std::uint32_t Value::begin() const { return document_->nodes_[index_].begin; }
inline std::uint32_t Value::end() const { return document_->nodes_[index_].end; }
inline std::size_t Value::size() const { return document_ == nullptr ? 0 : document_->nodes_[index_].count; }

inline std::string_view Value::raw() const {
  const Node& node = document_->nodes_[index_];
  return std::string_view(document_->source_.data() + node.begin, node.end - node.begin);
}

inline std::string_view Value::text() const {
  if (!IsString()) return {};
  const Node& node = document_->nodes_[index_];
  return std::string_view((node.decoded ? document_->decoded_.data() : document_->source_.data()) + node.text, node.text_size);
}

inline Value::Range<false> Value::elements() const {
  return Range<false>(document_, index_ + 1, IsArray() ? document_->nodes_[index_].count : 0);
}
inline Value::Range<true> Value::members() const {
  return Range<true>(document_, index_ + 1, IsObject() ? document_->nodes_[index_].count : 0);
}

template <bool kMembers>
typename Value::Range<kMembers>::Iterator& Value::Range<kMembers>::Iterator::operator++() {
  index_ = document_->nodes_[kMembers ? index_ + 1 : index_].next;
  --left_;
  return *this;
}

}  // namespace reflex::wire::json
