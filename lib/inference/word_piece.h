#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace reflex::inference {

// Splits text as uncased BERT models do: lower case, accents stripped, punctuation and CJK characters alone, then the longest
// known pieces from the left [Devlin et al. 2019; Wu et al. 2016]. Immutable; thread-safe.
class WordPiece {
 public:
  // `vocabulary` has one piece a line, continuations written with ## before them; it must outlive the object. At most 65,535 lines.
  explicit WordPiece(std::string_view vocabulary);

  // Appends the pieces' line numbers, from 0. A word of more than 100 characters, or one that no pieces make up, is [UNK].
  // REQUIRES: `text` is UTF-8; other bytes are skipped.
  void Split(std::string_view text, std::vector<std::uint16_t>& pieces) const;

  std::uint32_t size() const { return static_cast<std::uint32_t>(ends_.size()); }

 private:
  std::string_view Piece(std::uint32_t index) const;
  // The line number of a piece, or kNone. A continuation is looked up without its ##.
  std::uint32_t Find(std::string_view piece, bool continuation) const;
  void SplitWord(std::string_view word, std::size_t characters, std::vector<std::uint16_t>& pieces) const;

  static constexpr std::uint32_t kNone = ~0u;
  std::string_view vocabulary_;
  std::vector<std::uint32_t> ends_;     // Where each line ends.
  std::vector<std::uint16_t> buckets_;  // Line numbers + 1; open addressing over a power of two.
  std::uint32_t unknown_ = 0;
};

}  // namespace reflex::inference
