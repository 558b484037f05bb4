#pragma once

#include <algorithm>
#include <string_view>

#include "text/chars.h"

// How the word lists are cut into lines and members.
namespace reflex::text {

inline std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

// Calls `take` for each line that is neither empty nor a comment.
template <class Take>
void ForEachLine(std::string_view bytes, const Take& take) {
  while (!bytes.empty()) {
    const std::size_t end = std::min(bytes.find('\n'), bytes.size());
    const std::string_view line = Trim(bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
    if (!line.empty() && !line.starts_with("# ") && line != "#") take(line);
  }
}

// Calls `take` for each member of a line, separated by ", ", that has at most `words_max` words.
template <class Take>
void ForEachMember(std::string_view line, std::size_t words_max, const Take& take) {
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(", "), line.size());
    const std::string_view member = Trim(line.substr(0, end));
    line.remove_prefix(std::min(end + 2, line.size()));
    if (!member.empty() && static_cast<std::size_t>(std::ranges::count(member, ' ')) < words_max) take(member);
  }
}

}  // namespace reflex::text
