#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory_resource>
#include <span>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace reflex::gateway {

// The header fields of one reply and the text they point to, without a heap for the usual sizes. Not thread-safe, never moves;
// lives until the reply's head was sent.
class ReplyFields {
 public:
  ReplyFields() { fields_.reserve(kReserve); }
  ReplyFields(const ReplyFields&) = delete;
  ReplyFields& operator=(const ReplyFields&) = delete;

  // `name` and `value` outlive this object.
  void Add(std::string_view name, std::string_view value) { fields_.push_back({name, value}); }
  // Keeps the joined pieces as the value.
  void AddJoined(std::string_view name, std::initializer_list<std::string_view> pieces) { Add(name, Join(pieces)); }
  // Copies the joined pieces; the view lives as long as this object.
  std::string_view Join(std::initializer_list<std::string_view> pieces);
  std::string_view Decimal(std::uint64_t number);

  // The first field of that name, or null; valid until the next Add.
  http::Header* Find(std::string_view name);

  std::span<const http::Header> view() const { return fields_; }

 private:
  static constexpr std::size_t kReserve = 24;
  alignas(std::max_align_t) std::array<std::byte, 1536> inline_;
  std::pmr::monotonic_buffer_resource memory_{inline_.data(), inline_.size()};
  std::pmr::vector<http::Header> fields_{&memory_};
};

}  // namespace reflex::gateway
