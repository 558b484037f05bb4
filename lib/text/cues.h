#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace reflex::text {

// Runs of words that are looked for together in one pass over a TokenText. Every cue begins with a space and a letter or digit; one
// that ends with a space matches whole words only.
template <std::size_t N>
class CueSet {
 public:
  explicit constexpr CueSet(const std::array<std::string_view, N>& cues) {
    for (std::size_t i = 0; i < N; ++i) sorted_[i] = {cues[i], i};
    std::ranges::sort(sorted_, {}, &Entry::cue);
    for (const Entry& entry : sorted_) ++begin_[Letter(entry.cue[1]) + 1];
    for (std::size_t letter = 1; letter < begin_.size(); ++letter)
      begin_[letter] = static_cast<std::uint16_t>(begin_[letter] + begin_[letter - 1]);
  }

  // Calls `take` with the position of each cue found in the array given, in the order of the text, until it answers true. Whether
  // it did.
  template <class Take>
  bool Find(std::string_view tokens, const Take& take) const {
    for (std::size_t at = 0; at + 1 < tokens.size(); ++at) {
      if (tokens[at] != ' ') continue;
      const std::size_t letter = Letter(tokens[at + 1]);
      for (std::size_t i = begin_[letter]; i < begin_[letter + 1]; ++i) {
        if (tokens.substr(at).starts_with(sorted_[i].cue) && take(sorted_[i].position)) return true;
      }
    }
    return false;
  }
  bool FindAny(std::string_view tokens) const {
    return Find(tokens, [](std::size_t) { return true; });
  }

 private:
  struct Entry {
    std::string_view cue;
    std::size_t position = 0;
  };
  static constexpr std::size_t Letter(char c) { return static_cast<unsigned char>(c); }

  std::array<Entry, N> sorted_{};
  std::array<std::uint16_t, 257> begin_{};
};

// The texts of an array of structures that have a member `words`, for a CueSet.
template <class T, std::size_t N>
constexpr std::array<std::string_view, N> CueTexts(const std::array<T, N>& rows) {
  std::array<std::string_view, N> texts;
  for (std::size_t i = 0; i < N; ++i) texts[i] = rows[i].words;
  return texts;
}

}  // namespace reflex::text
