#include "text/edit.h"

#include <algorithm>
#include <array>

#include "text/chars.h"
#include "text/lexicon.h"

namespace reflex::text {
namespace {

// Of two letters in lower case: in one row next to each other, or in neighbouring rows, each half a key to the right of the one
// above.
bool BesideOnKeyboard(char a, char b) {
  constexpr auto kRows = std::to_array<std::string_view>({"qwertyuiop", "asdfghjkl", "zxcvbnm"});
  const auto place = [&](char letter) {
    for (std::size_t row = 0; row < kRows.size(); ++row) {
      if (const std::size_t at = kRows[row].find(letter); at != std::string_view::npos)
        return std::pair(static_cast<int>(row), static_cast<int>(at));
    }
    return std::pair(-9, 0);
  };
  auto [row_a, at_a] = place(a);
  auto [row_b, at_b] = place(b);
  if (row_a > row_b) {
    std::swap(row_a, row_b);
    std::swap(at_a, at_b);
  }
  if (row_a == row_b) return at_a - at_b == 1 || at_b - at_a == 1;
  return row_b - row_a == 1 && (at_a == at_b || at_a == at_b + 1);
}

}  // namespace

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

bool MayBeMistyped(std::string_view word, std::string_view right) {
  constexpr std::size_t kVowelLettersMin = 7, kEndingLetters = 4;
  if (!OneEditApart(word, right)) return false;
  if (word.size() != right.size() || word == right) return true;
  const auto at = static_cast<std::size_t>(std::ranges::mismatch(word, right).in1 - word.begin());
  const char typed = word[at], meant = right[at];
  if (word.substr(at + 1) != right.substr(at + 1)) return true;  // Two swapped.
  if (Contains("aeiou", typed) && Contains("aeiou", meant))
    return word.size() >= kVowelLettersMin && at + kEndingLetters < word.size();
  return BesideOnKeyboard(typed, meant);
}

bool MayBeTypoOf(std::string_view word, std::string_view name) {
  return word.size() >= 4 && name.size() >= 4 && std::ranges::all_of(word, IsAlpha) && OneEditApart(word, name) &&
         !Lexicon::Get().Known(word);
}

}  // namespace reflex::text
