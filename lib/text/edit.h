#pragma once

#include <string_view>

namespace reflex::text {

// Whether two words are equal or one edit apart: a letter more, less, other, or two neighbours swapped.
bool OneEditApart(std::string_view a, std::string_view b);

// Whether `word` may be `name` with a typing error: one edit apart, letters only, at least four, and no English word itself.
bool MayBeTypoOf(std::string_view word, std::string_view name);

}  // namespace reflex::text
