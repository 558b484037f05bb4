#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// Character classes of ASCII, without a locale; bytes from 0x80 belong to none.
namespace reflex::text {

constexpr bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool IsAlpha(char c) { return IsUpper(c) || IsLower(c); }
constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool IsAlnum(char c) { return IsAlpha(c) || IsDigit(c); }
constexpr bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr bool IsAscii(char c) { return static_cast<unsigned char>(c) < 0x80; }
constexpr char ToLower(char c) { return IsUpper(c) ? static_cast<char>(c + ('a' - 'A')) : c; }

inline std::string LowerAscii(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = ToLower(c);
  return lower;
}

constexpr bool Contains(std::string_view set, char c) { return set.find(c) != std::string_view::npos; }

// For a few words; a WordSet for more.
template <std::size_t N>
constexpr bool IsOneOf(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

// A fixed set of words, looked up by binary search.
template <std::size_t N>
class WordSet {
 public:
  explicit constexpr WordSet(std::array<std::string_view, N> words) : words_(words) {
    std::ranges::sort(words_);
    for (const std::string_view word : words_) lengths_[Letter(word)] |= Length(word);
  }
  constexpr bool Has(std::string_view word) const {
    // Nearly every word is told apart by its first letter and its length.
    return !word.empty() && (lengths_[Letter(word)] & Length(word)) != 0 && std::ranges::binary_search(words_, word);
  }
  // The first word, in their order, that `is` accepts; empty when there is none.
  template <class Is>
  constexpr std::string_view Find(const Is& is) const {
    const auto found = std::ranges::find_if(words_, is);
    return found == words_.end() ? std::string_view() : *found;
  }

 private:
  static constexpr std::size_t Letter(std::string_view word) { return static_cast<unsigned char>(word.front()) % 32; }
  static constexpr std::uint32_t Length(std::string_view word) { return 1u << std::min<std::size_t>(word.size(), 31); }

  std::array<std::string_view, N> words_;
  std::array<std::uint32_t, 32> lengths_{};  // Those that occur, by first letter.
};

// FNV-1a, 64 bits: names words within one comparison; equal hashes are followed by a comparison of the bytes where it matters.
// `hash`: of what stands before.
constexpr std::uint64_t HashWord(std::string_view word, std::uint64_t hash = 0xcbf29ce484222325) {
  for (const char c : word) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace reflex::text
