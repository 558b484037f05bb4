#include "inference/word_piece.h"

#include <utf8proc.h>

#include <algorithm>
#include <string>

namespace reflex::inference {
namespace {

constexpr std::size_t kWordCharactersMax = 100;
constexpr std::size_t kBuckets = 1 << 17;
constexpr std::string_view kContinuation = "##";

std::size_t HashOf(std::string_view text, bool continuation) {
  std::uint64_t hash = continuation ? 0x9e3779b97f4a7c15u : 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return (hash ^ hash >> 29) & (kBuckets - 1);
}

bool IsChinese(utf8proc_int32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B820 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

bool IsPunctuation(utf8proc_int32_t c) {
  if (c < 128) return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126);
  switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO: return true;
    default: return false;
  }
}

// What separates words (1), what vanishes (2), or neither (0).
int SpaceOrNothing(utf8proc_int32_t c) {
  if (c == ' ' || c == '\t' || c == '\n' || c == '\r') return 1;
  if (c == 0 || c == 0xFFFD) return 2;
  switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_ZS: return 1;
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_MN: return 2;
    default: return 0;
  }
}

// Appends the character in lower case and without its accents; returns how many characters that is.
std::size_t AppendPlain(utf8proc_int32_t c, std::string& word) {
  if (c < 128) {
    word += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    return 1;
  }
  utf8proc_int32_t parts[8];
  int boundary = 0;
  const auto count = utf8proc_decompose_char(c, parts, 8, UTF8PROC_DECOMPOSE, &boundary);
  std::size_t characters = 0;
  for (utf8proc_ssize_t i = 0; i < std::min<utf8proc_ssize_t>(count, 8); ++i) {
    if (utf8proc_category(parts[i]) == UTF8PROC_CATEGORY_MN) continue;
    utf8proc_uint8_t bytes[4];
    const auto size = utf8proc_encode_char(utf8proc_tolower(parts[i]), bytes);
    word.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    ++characters;
  }
  return characters;
}

}  // namespace

WordPiece::WordPiece(std::string_view vocabulary) : vocabulary_(vocabulary), buckets_(kBuckets) {
  for (std::size_t begin = 0; begin < vocabulary.size() && ends_.size() < 0xffff;) {
    const std::size_t end = std::min(vocabulary.find('\n', begin), vocabulary.size());
    ends_.push_back(static_cast<std::uint32_t>(end));
    begin = end + 1;
  }
  for (std::uint32_t i = 0; i < ends_.size(); ++i) {
    std::string_view piece = Piece(i);
    if (piece == "[UNK]") unknown_ = i;
    const bool continuation = piece.size() > 2 && piece.starts_with(kContinuation);
    if (continuation) piece.remove_prefix(kContinuation.size());
    std::size_t at = HashOf(piece, continuation);
    while (buckets_[at] != 0) at = (at + 1) & (kBuckets - 1);
    buckets_[at] = static_cast<std::uint16_t>(i + 1);
  }
}

std::string_view WordPiece::Piece(std::uint32_t index) const {
  const std::uint32_t begin = index == 0 ? 0 : ends_[index - 1] + 1;
  return vocabulary_.substr(begin, ends_[index] - begin);
}

std::uint32_t WordPiece::Find(std::string_view piece, bool continuation) const {
  for (std::size_t at = HashOf(piece, continuation); buckets_[at] != 0; at = (at + 1) & (kBuckets - 1)) {
    const std::uint32_t index = buckets_[at] - 1u;
    const std::string_view known = Piece(index);
    const bool matches = continuation ? known.size() == piece.size() + kContinuation.size() && known.starts_with(kContinuation) &&
                                            known.ends_with(piece)
                                      : known == piece;
    if (matches) return index;
  }
  return kNone;
}

void WordPiece::SplitWord(std::string_view word, std::size_t characters, std::vector<std::uint16_t>& pieces) const {
  if (word.empty()) return;
  const std::size_t first = pieces.size();
  for (std::size_t begin = 0; begin < word.size() && characters <= kWordCharactersMax;) {
    std::size_t end = word.size();
    std::uint32_t found = kNone;
    while (end > begin && (found = Find(word.substr(begin, end - begin), begin > 0)) == kNone) {
      --end;
      while (end > begin && (static_cast<unsigned char>(word[end]) & 0xC0) == 0x80) --end;  // Whole characters.
    }
    if (found == kNone) break;
    pieces.push_back(static_cast<std::uint16_t>(found));
    begin = end;
    if (begin == word.size()) return;
  }
  pieces.resize(first);
  pieces.push_back(static_cast<std::uint16_t>(unknown_));
}

void WordPiece::Split(std::string_view text, std::vector<std::uint16_t>& pieces) const {
  std::string word;
  std::size_t characters = 0;
  const auto end_word = [&] {
    SplitWord(word, characters, pieces);
    word.clear();
    characters = 0;
  };
  for (std::size_t at = 0; at < text.size();) {
    utf8proc_int32_t c = 0;
    const auto size = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at,
                                       static_cast<utf8proc_ssize_t>(text.size() - at), &c);
    if (size <= 0) {
      ++at;
      continue;
    }
    at += static_cast<std::size_t>(size);
    const int kind = SpaceOrNothing(c);
    if (kind == 2) continue;
    if (kind == 1) {
      end_word();
    } else if (IsPunctuation(c) || IsChinese(c)) {
      end_word();
      characters = AppendPlain(c, word);
      end_word();
    } else {
      characters += AppendPlain(c, word);
    }
  }
  end_word();
}

}  // namespace reflex::inference
