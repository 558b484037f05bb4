#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace reflex::text {

// Whether two words are equal or one edit apart: a letter more, less, other, or two neighbours swapped.
bool OneEditApart(std::string_view a, std::string_view b);

// Whether an unknown word may be `right` mistyped: one edit apart, and where that is another letter one beside it on a keyboard or,
// in words of at least seven letters and not in their ending, a vowel for a vowel. Other letters make other names ("Nuxt" is not
// "next", nor "sulfite" "sulfate").
bool MayBeMistyped(std::string_view word, std::string_view right);

// Whether `word` may be `name` with a typing error: one edit apart, letters only, at least four, and no English word itself.
bool MayBeTypoOf(std::string_view word, std::string_view name);

// Calls `take` with each text that is one edit away from `word` behind its first letter, with some of them more than once, until it
// answers true. Whether it did.
template <class Take>
bool AnyNeighbour(std::string_view word, const Take& take) {
  std::string next;
  for (std::size_t at = 1; at <= word.size(); ++at) {
    const std::string_view head = word.substr(0, at), tail = word.substr(at);
    if (!tail.empty() && take(next.assign(head).append(tail.substr(1)))) return true;
    if (tail.size() > 1) {
      next.assign(head).append(tail);
      std::swap(next[at], next[at + 1]);
      if (take(next)) return true;
    }
    for (char letter = 'a'; letter <= 'z'; ++letter) {
      if (take((next.assign(head) += letter).append(tail))) return true;
      if (!tail.empty() && take((next.assign(head) += letter).append(tail.substr(1)))) return true;
    }
  }
  return false;
}

}  // namespace reflex::text
