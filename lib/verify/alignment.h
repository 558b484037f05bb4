#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "reflex/embedder.h"
#include "verify/reading.h"

namespace reflex::verify {

// One text's side of an alignment; positions are those of reading.words.
struct Side {
  const Reading* reading = nullptr;
  std::span<const float> vectors;  // Rows, as the embedder gave them.
  std::size_t dimension = 0;
  std::vector<std::uint64_t> stem, canonical;  // Hashes, after typing errors are repaired.
  std::vector<const text::Kin*> kin;
  std::vector<std::uint8_t> matched;     // A word of the other text has the same stem.
  std::vector<std::uint32_t> left;       // Unmatched words.
  std::vector<float> best;               // The highest similarity to any word of the other text.
  std::vector<std::uint8_t> by_synonym;  // `best` comes from the list of synonyms.

  std::size_t size() const { return reading->words.size(); }
  const text::Word& word(std::size_t i) const { return reading->words[i]; }
  bool IsFunction(std::size_t i) const { return word(i).type == text::WordType::kFunction; }
  std::span<const float> Row(std::size_t i) const {
    return (i + 1) * dimension <= vectors.size() ? vectors.subspan(i * dimension, dimension) : std::span<const float>();
  }
};

// The words of two texts put beside each other: the most similar partner of each word, by canonical form, stem, spelling repair,
// the lists of synonyms and contrasts, and word vectors.
class Alignment {
 public:
  // REQUIRES: both readings have words and outlive the object.
  Alignment(const Reading& a, const Reading& b, const Embedding& ea, const Embedding& eb);

  const Side& a() const { return a_; }
  const Side& b() const { return b_; }
  // The similarity of the i-th unmatched word of A and the j-th of B.
  float Left(std::size_t i, std::size_t j) const { return block_[i * b_.left.size() + j]; }
  // Whether a list says that they exclude each other.
  bool Contrasted(std::size_t i, std::size_t j) const { return contrasted_[i * b_.left.size() + j]; }
  // Words repaired; pairs of unmatched words that a list contrasts or calls the same, and those of the latter that have a phrase.
  int typos() const { return typos_; }
  int contrasts() const { return contrasts_; }
  int synonyms() const { return synonyms_; }
  int phrase_synonyms() const { return phrase_synonyms_; }

 private:
  void RepairTypos();
  void Match();
  void FillBlock();
  void ApplyLists();
  Side a_, b_;
  std::vector<float> block_;
  std::vector<std::uint8_t> contrasted_;
  int typos_ = 0, contrasts_ = 0, synonyms_ = 0, phrase_synonyms_ = 0;
};

}  // namespace reflex::verify
