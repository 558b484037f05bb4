#pragma once

#include <string_view>

namespace reflex::text {

// The American spelling of a lower-case word that has a British one; the word itself else.
std::string_view CommonSpelling(std::string_view word);

}  // namespace reflex::text
