#pragma once

#include <cstddef>
#include <string_view>

namespace reflex::text {

// So much of a text is looked at.
inline constexpr std::size_t kScriptBytes = 4096;

// How far the word lists can read a text.
struct ScriptShare {
  double foreign = 0;   // Of all letters: those that are not Latin. 0 to 1.
  double function = 0;  // Of all words in Latin letters: those that are English function words. 0 to 1.
  std::size_t words = 0;
  bool english = true;  // Mostly Latin letters, and no sign of another language than English.
};

// `text` is UTF-8. Linear.
ScriptShare ReadScript(std::string_view text);

}  // namespace reflex::text
