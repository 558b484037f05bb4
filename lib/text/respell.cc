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

std::vector<PlainWord> FindUnknown(std::string_view lower) {
  std::vector<PlainWord> unknown;
  ForEachPlainWord(lower, [&](std::size_t begin, std::string_view word) {
    if (!Lexicon::Get().KnownOrListed(word))
      unknown.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(word.size())});
  });
  return unknown;
}

std::optional<std::string> Respell(const Reading& text, const Reading& other) {
  // Only words that the other text lacks; those it may be about are looked for when there are any.
  std::vector<PlainWord> left;
  for (const PlainWord& word : text.unknown) {
    if (!other.lower.contains(std::string_view(text.lower).substr(word.begin, word.size))) left.push_back(word);
  }
  if (left.empty()) return std::nullopt;
  std::vector<std::string_view> there;
  ForEachPlainWord(other.lower, [&](std::size_t, std::string_view word) {
    if (!text.lower.contains(word) && Lexicon::Get().KnownOrListed(word)) there.push_back(word);
  });
  std::string mended = text.prepared;
  bool changed = false;
  for (std::size_t i = left.size(); i-- > 0;) {  // From the end, so that places stay.
    const std::string_view word = std::string_view(text.lower).substr(left[i].begin, left[i].size);
    const auto found = std::ranges::find_if(
        there, [&](std::string_view right) { return right.front() == word.front() && OneEditApart(word, right); });
    if (found == there.end()) continue;
    // The first letter is the same, and with it its case.
    mended.replace(left[i].begin + 1, word.size() - 1, found->substr(1));
    changed = true;
  }
  if (!changed) return std::nullopt;
  return mended;
}

}  // namespace reflex::text
