#include "text/respell.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "text/chars.h"
#include "text/edit.h"
#include "text/lexicon.h"

namespace reflex::text {
namespace {

constexpr std::size_t kLettersMin = 4;

bool IsKnown(std::string_view word) {
  const Lexicon& lexicon = Lexicon::Get();
  const LexiconEntry* entry = lexicon.Find(word);
  return lexicon.Known(word) || (entry && (entry->flags != 0 || entry->canonical != entry->word));
}

// Calls `take(begin, word)` for each run of at least four letters of a lower-case text that is no part of an identifier, a path or
// code.
template <class Take>
void ForEachPlainWord(std::string_view text, const Take& take) {
  const auto part = [&](std::size_t at) { return at < text.size() && (IsAlnum(text[at]) || Contains("_./\\@#:'-", text[at])); };
  for (std::size_t at = 0; at < text.size();) {
    if (!IsAlpha(text[at])) {
      ++at;
      continue;
    }
    const std::size_t begin = at;
    while (at < text.size() && IsAlpha(text[at])) ++at;
    const bool before = begin > 0 && part(begin - 1);
    const bool after = part(at) && (IsAlnum(text[at]) || (at + 1 < text.size() && IsAlnum(text[at + 1])));
    if (at - begin >= kLettersMin && !before && !after) take(begin, text.substr(begin, at - begin));
  }
}

}  // namespace

std::optional<std::string> Respell(const Reading& text, const Reading& other) {
  struct Mistyped {
    std::size_t begin;
    std::string_view word;
  };
  std::vector<Mistyped> unknown;
  ForEachPlainWord(text.lower, [&](std::size_t begin, std::string_view word) {
    if (!IsKnown(word) && !other.lower.contains(word)) unknown.push_back({begin, word});
  });
  if (unknown.empty()) return std::nullopt;
  std::vector<std::string_view> there;
  ForEachPlainWord(other.lower, [&](std::size_t, std::string_view word) {
    if (IsKnown(word) && !text.lower.contains(word)) there.push_back(word);
  });
  std::string mended = text.prepared;
  bool changed = false;
  for (std::size_t i = unknown.size(); i-- > 0;) {  // From the end, so that places stay.
    const auto& [begin, word] = unknown[i];
    const auto found = std::ranges::find_if(
        there, [&](std::string_view right) { return right.front() == word.front() && OneEditApart(word, right); });
    if (found == there.end()) continue;
    // The first letter is the same, and with it its case.
    mended.replace(begin + 1, word.size() - 1, found->substr(1));
    changed = true;
  }
  if (!changed) return std::nullopt;
  return mended;
}

}  // namespace reflex::text
