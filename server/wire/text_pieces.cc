#include "wire/text_pieces.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace reflex::wire {
namespace {

constexpr std::size_t kPieceBytesMin = 8;
constexpr char32_t kZeroWidthJoiner = 0x200d;

struct CodeRange {
  char32_t first, last;
};

// Code points that hang on the one before: the marks of the scripts in wide use, variation selectors, skin tones, tags, Hangul
// vowels and finals. A subset of Grapheme_Extend and its kin (Unicode 15, UAX #29): a missing one costs a less pretty cut, nothing
// else.
constexpr std::array<CodeRange, 30> kExtending{{
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a},   {0x064b, 0x065f},   {0x0670, 0x0670},
    {0x06d6, 0x06dc}, {0x0900, 0x0903}, {0x093a, 0x094f}, {0x0981, 0x0983},   {0x09bc, 0x09cd},   {0x0a01, 0x0a03},
    {0x0a3c, 0x0a4d}, {0x0abc, 0x0acd}, {0x0b3c, 0x0b4d}, {0x0bbe, 0x0bcd},   {0x0c3e, 0x0c4d},   {0x0cbc, 0x0ccd},
    {0x0d3b, 0x0d4d}, {0x0e31, 0x0e31}, {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e},   {0x1160, 0x11ff},   {0x1ab0, 0x1dff},
    {0x200c, 0x200d}, {0x20d0, 0x20ff}, {0xfe00, 0xfe2f}, {0x1f3fb, 0x1f3ff}, {0xe0020, 0xe007f}, {0xe0100, 0xe01ef},
}};

char32_t CodePointAt(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[at + i])); };
  const char32_t lead = byte(0);
  if (lead < 0x80) return lead;
  if (lead < 0xe0) return (lead & 0x1f) << 6 | (byte(1) & 0x3f);
  if (lead < 0xf0) return (lead & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
  return (lead & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f);
}

bool IsExtending(char32_t code) {
  if (code < kExtending.front().first) return false;
  return std::any_of(kExtending.begin(), kExtending.end(),
                     [&](CodeRange range) { return code >= range.first && code <= range.last; });
}

bool IsRegionalIndicator(char32_t code) { return code >= 0x1f1e6 && code <= 0x1f1ff; }

// Both neighbours of a code point border look like one character.
bool BelongTogether(std::string_view text, std::size_t border) {
  std::size_t before_at = border - 1;
  while (!IsCodePointBorder(text, before_at)) --before_at;
  const char32_t before = CodePointAt(text, before_at);
  const char32_t behind = CodePointAt(text, border);
  return IsExtending(behind) || before == kZeroWidthJoiner || (before == '\r' && behind == '\n') ||
         (IsRegionalIndicator(before) && IsRegionalIndicator(behind));
}

bool IsCharacterBorder(std::string_view text, std::size_t at) { return IsCodePointBorder(text, at) && !BelongTogether(text, at); }

}  // namespace

std::size_t PieceEnd(std::string_view text, std::size_t begin, std::size_t bytes) {
  if (text.size() - begin <= bytes) return text.size();
  const std::size_t lowest = begin + kPieceBytesMin;
  const std::size_t wanted = begin + bytes;
  for (std::size_t at = wanted; at >= lowest; --at) {
    if (text[at] == ' ' && text[at - 1] != ' ') return at;
  }
  for (std::size_t at = wanted; at >= lowest; --at) {
    if (IsCharacterBorder(text, at)) return at;
  }
  for (std::size_t at = wanted + 1; at <= wanted + bytes; ++at) {
    if (at >= text.size() || IsCharacterBorder(text, at)) return std::min(at, text.size());
  }
  std::size_t at = wanted;
  while (!IsCodePointBorder(text, at)) --at;
  return at;
}

}  // namespace reflex::wire
