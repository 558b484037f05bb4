#pragma once

#include <string_view>

namespace reflex::text {

// How far the word lists can read a text.
struct ScriptShare {
  double foreign = 0;   // Of all letters: those that are not Latin. 0 to 1.
  double function = 0;  // Of all words in Latin letters: those that are English function words. 0 to 1.
  std::size_t words = 0;
  bool english = true;  // Mostly Latin letters, and no sign of another language than English.
};

// `text` is UTF-8. Looks at the first 4 KB. Linear.
ScriptShare ReadScript(std::string_view text);

}  // namespace reflex::text
