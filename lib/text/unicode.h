#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace reflex::text {

// A code point and the bytes it takes; length 0 at the end. REQUIRES: UTF-8.
struct CodePoint {
  std::uint32_t value = 0;
  std::size_t length = 0;
};
CodePoint DecodeAt(std::string_view text, std::size_t at);

bool IsUtf8(std::string_view text);
// NFC. REQUIRES: UTF-8. A text without bytes from 0x80 is copied.
std::string ToNfc(std::string_view text);
// Lower case of every letter, one code point for one.
std::string ToLowerUnicode(std::string_view text);

// Letters of the Latin script outside ASCII.
bool IsLatinLetter(std::uint32_t code_point);
// Letters of any script, and marks and digits of scripts that are not Latin.
bool IsForeignLetter(std::uint32_t code_point);
// Spaces other than those of ASCII, and characters without width that carry nothing.
bool IsUnicodeSpace(std::uint32_t code_point);

}  // namespace reflex::text
