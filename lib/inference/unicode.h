#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace reflex::inference {

// A code point and the bytes it takes in the text.
struct CodePoint {
  std::uint32_t value = 0;
  std::uint32_t length = 0;
};

// The code point that begins at byte `at`. REQUIRES: `text` is UTF-8 and `at` is the beginning of a code point in it.
CodePoint DecodeAt(std::string_view text, std::size_t at);

// True for well-formed UTF-8 (RFC 3629): no surrogates, nothing above U+10FFFF, no overlong forms.
bool IsUtf8(std::string_view text);

}  // namespace reflex::inference
