#include "gateway/reply_fields.h"

#include <charconv>
#include <cstdint>
#include <cstring>

namespace reflex::gateway {

std::string_view ReplyFields::Join(std::initializer_list<std::string_view> pieces) {
  std::size_t size = 0;
  for (std::string_view piece : pieces) size += piece.size();
  if (size == 0) return {};
  char* const begin = static_cast<char*>(memory_.allocate(size, 1));
  char* out = begin;
  for (std::string_view piece : pieces) {
    if (piece.empty()) continue;
    std::memcpy(out, piece.data(), piece.size());
    out += piece.size();
  }
  return {begin, size};
}

std::string_view ReplyFields::Decimal(std::uint64_t number) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  return Join({std::string_view(digits, static_cast<std::size_t>(end - digits))});
}

http::Header* ReplyFields::Find(std::string_view name) {
  for (http::Header& field : fields_) {
    if (http::EqualsIgnoringCase(field.name, name)) return &field;
  }
  return nullptr;
}

}  // namespace reflex::gateway
