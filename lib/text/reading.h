#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/facts.h"
#include "text/numbers.h"
#include "text/script.h"
#include "text/words.h"

namespace reflex::text {

// Texts of more words are not compared: what they have in common says too little about their answers.
inline constexpr std::size_t kReadingWordsMax = 600;

// Where each stem and each canonical form stands, for look-ups by hash.
class WordIndex {
 public:
  WordIndex() = default;
  explicit WordIndex(const std::vector<Word>& words);

  static constexpr std::uint32_t kNone = 0xffffffff;
  // Whether a word has this hash as its stem or its canonical form.
  bool Has(std::uint64_t hash) const;
  bool HasStem(std::uint64_t hash) const { return FirstOfStem(hash) != kNone; }
  // The position of the only word with this stem; kNone when there are none or several.
  std::uint32_t OnlyOfStem(std::uint64_t hash) const;

 private:
  struct Place {
    std::uint64_t hash = 0;
    std::uint32_t position = 0;
  };
  std::uint32_t FirstOfStem(std::uint64_t hash) const;

  std::vector<Place> stems_;
  std::vector<std::uint64_t> canonicals_;
};

// A run of at least four letters in a text in lower case that is no part of an identifier, a path or code.
struct PlainWord {
  std::uint32_t begin = 0, size = 0;
};

// Everything that is known of one text without a model. Made once for a text, then const; comparing two readings allocates little.
struct Reading {
  std::string prepared;  // See PreparedText.
  std::string lower;     // The same in lower case (ASCII).
  std::string tokens;    // See FindTasks.
  std::vector<Word> words;
  WordIndex index;
  Facts facts;
  ScriptShare script;
  std::uint32_t tasks = 0, leading_task = 0, task_verbs = 0;  // See tasks.h.
  std::uint8_t frame = 0;                                     // See frames.h.
  std::vector<PlainWord> unknown;                             // See respell.h.
  std::vector<std::uint32_t> symbols;                         // Code points of symbols, sorted, with repetitions.
  bool utf8 = true;                                           // False: nothing else is filled.
  bool too_long = false;                                      // More than kReadingWordsMax words: the rest is not there.
};

// Linear in the text's length. Thread-safe.
Reading Read(std::string_view text);

}  // namespace reflex::text
