#pragma once

#include <cstddef>
#include <string_view>

namespace reflex::gateway {

// Optional white space in a header field (RFC 9110, 5.6.3), and in a line of the client keys.
inline constexpr std::string_view kBlanks = " \t";

// Without those at both ends.
constexpr std::string_view Trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

}  // namespace reflex::gateway
