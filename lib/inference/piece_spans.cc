#include "inference/piece_spans.h"
#include "base/utf8.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include <utf8proc.h>

namespace reflex::inference {
namespace {

// How far a piece is looked for behind its place.
constexpr std::size_t kLookAheadMax = 64;
constexpr std::uint32_t kWordMark = 0x2581;

// A code point as it is compared, and the bytes it comes from.
struct Folded {
  std::uint32_t value = 0;
  TextSpan span;
  bool starts = false;  // A word begins here: a space before it, or one of the two is a letter or digit and the other not.
};

bool IsWordLetter(std::uint32_t c) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO) || category == UTF8PROC_CATEGORY_CO;
}

bool IsIgnored(std::uint32_t c) {
  if (c == kWordMark || c == 0xfffd) return true;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return true;
    default: return false;
  }
}

std::vector<Folded> Fold(std::string_view text) {
  std::vector<Folded> folded;
  folded.reserve(text.size());
  bool after_space = true;
  for (std::size_t at = 0; at < text.size();) {
    const base::CodePoint c = base::DecodeAt(text, at);
    std::array<utf8proc_int32_t, 32> parts;
    int bounds = 0;
    const auto option = static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD);
    const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c.value), parts.data(), parts.size(), option, &bounds);
    const TextSpan span{static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + c.length)};
    for (utf8proc_ssize_t i = 0; i < std::min<utf8proc_ssize_t>(count, parts.size()); ++i) {
      const auto part = static_cast<std::uint32_t>(parts[static_cast<std::size_t>(i)]);
      if (IsIgnored(part)) {
        after_space |= utf8proc_category(static_cast<utf8proc_int32_t>(part)) != UTF8PROC_CATEGORY_MN;
        continue;
      }
      const bool letter = IsWordLetter(part);
      folded.push_back({part, span, after_space || !letter || (!folded.empty() && !IsWordLetter(folded.back().value))});
      after_space = false;
    }
    at += c.length;
  }
  return folded;
}

// Whether `piece` stands at `at` in `text`.
bool StandsAt(std::span<const Folded> text, std::size_t at, std::span<const Folded> piece) {
  if (piece.size() > text.size() - at) return false;
  return std::ranges::equal(text.subspan(at, piece.size()), piece, {}, &Folded::value, &Folded::value);
}

std::size_t WordEnd(std::span<const Folded> text, std::size_t at) {
  if (at < text.size()) ++at;
  while (at < text.size() && !text[at].starts) ++at;
  return at;
}

// Where `piece` stands at or after `from`, or the text's size.
std::size_t LookFor(std::span<const Folded> text, std::size_t from, std::span<const Folded> piece) {
  const std::size_t last = std::min(text.size(), from + kLookAheadMax);
  for (std::size_t at = from; at < last; ++at) {
    if (StandsAt(text, at, piece)) return at;
  }
  return text.size();
}

TextSpan SpanOf(std::span<const Folded> text, std::size_t begin, std::size_t end) {
  if (begin >= end) return {};
  return {text[begin].span.begin, text[end - 1].span.end};
}

}  // namespace

std::vector<TextSpan> AlignPieces(std::string_view text, std::span<const std::string_view> pieces, UnknownPiece unknown) {
  const std::vector<Folded> folded = Fold(text);
  std::vector<std::vector<Folded>> spellings;
  for (const std::string_view piece : pieces) spellings.push_back(base::IsUtf8(piece) ? Fold(piece) : std::vector<Folded>());
  std::vector<TextSpan> spans(pieces.size());
  std::size_t at = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const std::span<const Folded> piece = spellings[i];
    std::size_t begin = at, end = at;
    if (!pieces[i].empty()) {
      begin = LookFor(folded, at, piece);
      if (piece.empty() || begin == folded.size()) continue;
      end = begin + piece.size();
    } else if (unknown == UnknownPiece::kWord) {
      end = WordEnd(folded, at);
    } else {
      const bool known_follows = i + 1 < pieces.size() && !spellings[i + 1].empty();
      end = known_follows ? LookFor(folded, std::min(at + 1, folded.size()), spellings[i + 1]) : WordEnd(folded, at);
    }
    spans[i] = SpanOf(folded, begin, end);
    at = end;
  }
  return spans;
}

}  // namespace reflex::inference
