#pragma once

#include <cstddef>
#include <string_view>

namespace reflex::wire {

// Where the piece of `text` that starts at `begin` ends: 8 to `bytes` bytes further (bytes >= 16), before a space if one is near,
// else where a reader sees a border between characters: combining marks, joined emoji, flags and CRLF stay whole, and a piece grows
// to twice `bytes` for them before it ends between any two code points. The last piece may be shorter. REQUIRES: valid UTF-8, begin
// < text.size().
std::size_t PieceEnd(std::string_view text, std::size_t begin, std::size_t bytes);

// True where no code point is cut in two at `offset`.
inline bool IsCodePointBorder(std::string_view text, std::size_t offset) {
  return offset >= text.size() || (static_cast<unsigned char>(text[offset]) & 0xc0) != 0x80;
}

}  // namespace reflex::wire
