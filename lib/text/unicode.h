#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace reflex::text {

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
