#include "text/respell.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
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
  const auto part = [&](std::size_t at) {
    if (at >= text.size()) return false;
    // "single-threaded" is two words; "--amend" and "x-1" are none.
    if (text[at] == '-') return at == 0 || at + 1 >= text.size() || !IsAlpha(text[at - 1]) || !IsAlpha(text[at + 1]);
    return IsAlnum(text[at]) || Contains("_./\\@#:'", text[at]);
  };
  bool before = false;  // Of the first of words that hyphens join: it holds for all of them.
  for (std::size_t at = 0; at < text.size();) {
    if (!IsAlpha(text[at])) {
      ++at;
      continue;
    }
    const std::size_t begin = at;
    while (at < text.size() && IsAlpha(text[at])) ++at;
    if (begin < 2 || text[begin - 1] != '-' || !IsAlpha(text[begin - 2])) before = begin > 0 && part(begin - 1);
    const bool after = part(at) && (IsAlnum(text[at]) || (at + 1 < text.size() && IsAlnum(text[at + 1])));
    if (at - begin >= kLettersMin && !before && !after) take(begin, text.substr(begin, at - begin));
  }
}

// The known word that both unknown ones are one edit away from, if there is exactly one; else empty. The same in either order.
std::string CommonOrigin(std::string_view a, std::string_view b) {
  std::string origin;
  const bool several = AnyNeighbour(a, [&](const std::string& word) {
    if (word == origin || !OneEditApart(word, b) || !Lexicon::Get().KnownOrListed(word)) return false;
    const bool second = !origin.empty();
    origin = word;
    return second;
  });
  return several ? std::string() : origin;
}

// Whether two unknown words may be two spellings of one: long enough, and not both written like names.
bool MayBeOne(std::string_view a, std::string_view b, bool both_capital) {
  constexpr std::size_t kSharedLettersMin = 5;
  return !both_capital && a.front() == b.front() && std::min(a.size(), b.size()) >= kSharedLettersMin &&
         std::max(a.size(), b.size()) - std::min(a.size(), b.size()) <= 2;
}

// Whether two unknown words differ as no two words do but by mistyping: a letter doubled or two swapped, in a very long word also a
// letter left out. Another letter may be another thing ("sulfate", "sulfite").
bool DifferByMistyping(std::string_view a, std::string_view b) {
  constexpr std::size_t kMistypedLettersMin = 7, kLeftOutLettersMin = 9;
  if (a.size() > b.size()) std::swap(a, b);
  if (a.size() < kMistypedLettersMin || !OneEditApart(a, b)) return false;
  const auto at = static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
  if (a.size() < b.size()) return b[at] == b[at - 1] || b.size() >= kLeftOutLettersMin;
  return at + 1 < a.size() && a[at] == b[at + 1] && a[at + 1] == b[at];
}

// A name may be another one. Those of tools and other listed things are known, and so may be mistyped.
bool IsListedName(std::string_view word) {
  const LexiconEntry* const entry = Lexicon::Get().Find(word);
  return entry != nullptr && (entry->Has(LexiconEntry::kTool) || entry->Has(LexiconEntry::kEntity));
}

bool IsCapital(const Reading& text, const PlainWord& word) { return word.begin > 0 && IsUpper(text.prepared[word.begin]); }

// What a word of `text` that `other` lacks is meant for: one of `there`, the known words that only `other` has, or what an unknown
// one of `other` is meant for as well. Empty when that cannot be told.
std::string RightSpelling(const Reading& text, const PlainWord& place, const std::vector<std::string_view>& there,
                          const Reading& other) {
  const std::string_view word = std::string_view(text.lower).substr(place.begin, place.size);
  for (const std::string_view right : there) {
    if (right.front() != word.front() || !MayBeMistyped(word, right)) continue;
    const PlainWord meant{static_cast<std::uint32_t>(right.data() - other.lower.data()), static_cast<std::uint32_t>(right.size())};
    if (IsCapital(text, place) && IsCapital(other, meant) && !IsListedName(right)) continue;
    return std::string(right);
  }
  for (const PlainWord& peer : other.unknown) {
    const std::string_view mistyped = std::string_view(other.lower).substr(peer.begin, peer.size);
    if (text.lower.contains(mistyped) || !MayBeOne(word, mistyped, IsCapital(text, place) && IsCapital(other, peer))) continue;
    if (std::string origin = CommonOrigin(word, mistyped); !origin.empty()) return origin;
    // Both texts are mended: one of the spellings is taken for both.
    if (mistyped < word && DifferByMistyping(word, mistyped)) return std::string(mistyped);
  }
  return {};
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
    const std::string right = RightSpelling(text, left[i], there, other);
    if (right.empty()) continue;
    // The first letter is the same, and with it its case.
    mended.replace(left[i].begin + 1, left[i].size - 1, right.substr(1));
    changed = true;
  }
  if (!changed) return std::nullopt;
  return mended;
}

}  // namespace reflex::text
