#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "reflex/embedder.h"
#include "text/lexicon.h"

namespace reflex::text {

enum class WordType : std::uint8_t {
  kNumber,      // Has a digit, or is a number word.
  kNegation,    // Denies.
  kTool,        // A listed language, tool or platform.
  kEntity,      // Another listed name.
  kIdentifier,  // Joined by . _ / or in mixed case, or an acronym.
  kAntonym,     // Has a listed opposite.
  kContent,     // Any other word.
  kFunction,    // Carries little meaning of its own.
  kOther,       // Operators and scripts other than Latin.
};
inline constexpr std::size_t kWordTypes = 9;

// One word of a prepared text, or a listed phrase taken as one word.
struct Word {
  TextSpan span;          // In the prepared text.
  std::string lower;      // Lower case; a phrase has its words separated by one space.
  std::string canonical;  // The main form of its group of names; `lower` where there is none.
  std::string stem;
  std::uint64_t canonical_hash = 0, stem_hash = 0;  // HashWord of both.
  Kin kin;                                          // What the stem is related to.
  GroupList root_opposites;                         // The opposites of the word it is a form of ("increased": "increase"), or none.
  std::uint64_t root_hash = 0;                      // HashWord of the stem of that word; stem_hash where there is no such.
  float weight = 0;                                 // IDF, times 0.15 for function words.
  WordType type = WordType::kContent;
  std::uint8_t parts = 1;  // Words of the phrase.
  bool capital = false;    // Begins with a capital letter as written.
  bool technical = false;  // A language, a tool or another word of computing.
};

// The weight of a function word beside that of another word of the same frequency; chosen with the features (docs/canonical.md).
inline constexpr float kFunctionWeight = 0.15f;

// The single words of a text, with `span` and `lower` alone.
std::vector<Word> SplitSingleWords(std::string_view text, std::size_t words_max);

// The words of a prepared text in order, at most `words_max`: enough for any text the verifier is competent for. Linear.
std::vector<Word> SplitWords(std::string_view prepared, std::size_t words_max);

// The value of a number word ("twelve", "hundred", "third"); -1 for any other word.
double NumberWordValue(std::string_view lower);
// "third" and the like, without "first", which is seldom a count.
bool IsOrdinalWord(std::string_view lower);

}  // namespace reflex::text
