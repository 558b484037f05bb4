#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace reflex::base {

// Well-formed UTF-8 (RFC 3629): no surrogates, nothing above U+10FFFF, no overlong forms.
bool IsUtf8(std::string_view text);

// A code point and the bytes it takes; length 0 at the end of the text.
struct CodePoint {
  std::uint32_t value = 0;
  std::size_t length = 0;
};

// The code point that begins at byte `at`. REQUIRES: `text` is UTF-8 and a code point begins there; else the value means nothing,
// but no byte outside the text is read.
CodePoint DecodeAt(std::string_view text, std::size_t at);

}  // namespace reflex::base
