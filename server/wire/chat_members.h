#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wire/json.h"

namespace reflex::wire {

// JSON members gathered from many chunks, in the order of their first appearance. Null never counts. Not thread-safe.
class ChatMembers {
 public:
  // At most so many different names; bounds the search.
  static constexpr std::size_t kNamesMax = 512;

  // Keeps the last value. False when there are too many names.
  bool Set(std::string_view name, json::Value value);
  // Joins with what is there: strings and arrays append, anything else replaces. False when there are too many names.
  bool Join(std::string_view name, json::Value value);

  bool empty() const { return members_.empty(); }
  std::size_t bytes() const { return bytes_; }
  // Appends `,"name":value` for each.
  void AppendTo(std::string& out) const;

 private:
  enum class Form : std::uint8_t { kJson, kText, kElements };
  struct Stored {
    std::string name;
    Form form = Form::kJson;
    std::string value;  // JSON, a string's content, or the elements of an array with commas between them.
  };

  Stored* Slot(std::string_view name);

  std::vector<Stored> members_;
  std::size_t bytes_ = 0;
};

// Appends the elements of `list` to a text of elements.
void AppendElements(json::Value list, std::string& elements);

}  // namespace reflex::wire
