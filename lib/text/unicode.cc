#include "text/unicode.h"

#include <algorithm>
#include <cstdlib>

#include <utf8proc.h>

#include "base/utf8.h"
#include "text/chars.h"

namespace reflex::text {

std::string ToNfc(std::string_view text) {
  if (std::ranges::all_of(text, IsAscii)) return std::string(text);
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()), &mapped,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  if (size < 0 || !mapped) return std::string(text);
  std::string composed(reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(size));
  std::free(mapped);  // The library allocates with malloc and hands over.
  return composed;
}

std::string ToLowerUnicode(std::string_view text) {
  std::string lower;
  lower.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    if (IsAscii(text[at])) {
      lower.push_back(ToLower(text[at++]));
      continue;
    }
    const base::CodePoint code_point = base::DecodeAt(text, at);
    utf8proc_uint8_t bytes[4];
    const utf8proc_ssize_t size = utf8proc_encode_char(utf8proc_tolower(static_cast<utf8proc_int32_t>(code_point.value)), bytes);
    lower.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(std::max<utf8proc_ssize_t>(size, 0)));
    at += code_point.length;
  }
  return lower;
}

bool IsLatinLetter(std::uint32_t c) {
  return c == 0xaa || c == 0xb5 || c == 0xba || (c >= 0xc0 && c <= 0x24f && c != 0xd7 && c != 0xf7) || (c >= 0x1e00 && c <= 0x1eff);
}

bool IsForeignLetter(std::uint32_t c) {
  if (c < 0x250) return false;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND: return c < 0x1e00 || c > 0x1eff;
    default: return false;
  }
}

bool IsUnicodeSpace(std::uint32_t c) {
  return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200b) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
         c == 0x205f || c == 0x3000 || c == 0xfeff;
}

}  // namespace reflex::text
