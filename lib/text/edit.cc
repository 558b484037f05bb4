#include "text/edit.h"

#include <algorithm>

#include "text/chars.h"
#include "text/lexicon.h"

namespace reflex::text {

bool OneEditApart(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > 1) return false;
  // One edit leaves the first or the last letter of all but the shortest words.
  if (a.size() > 2 && a.front() != b.front() && a.back() != b.back()) return false;
  const auto at = static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
  if (a.size() < b.size()) return a.substr(at) == b.substr(at + 1);
  if (at == a.size() || a.substr(at + 1) == b.substr(at + 1)) return true;
  return at + 1 < a.size() && a[at] == b[at + 1] && a[at + 1] == b[at] && a.substr(at + 2) == b.substr(at + 2);
}

bool MayBeTypoOf(std::string_view word, std::string_view name) {
  return word.size() >= 4 && name.size() >= 4 && std::ranges::all_of(word, IsAlpha) && OneEditApart(word, name) &&
         !Lexicon::Get().Known(word);
}

}  // namespace reflex::text
