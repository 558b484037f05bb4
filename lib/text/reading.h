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

// Everything that is known of one text without a model. Made once for a text, then const; comparing two readings allocates little.
struct Reading {
  std::string prepared;  // See PreparedText.
  std::string lower;     // The same in lower case (ASCII).
  std::string tokens;    // See FindTasks.
  std::vector<Word> words;
  Facts facts;
  ScriptShare script;
  std::uint32_t tasks = 0, leading_task = 0;  // See tasks.h.
  std::vector<std::uint32_t> symbols;         // Code points of symbols, sorted, with repetitions.
  bool utf8 = true;                           // False: nothing else is filled.
  bool too_long = false;                      // More than kReadingWordsMax words: the rest is not there.
};

// Linear in the text's length. Thread-safe.
Reading Read(std::string_view text);

}  // namespace reflex::text
