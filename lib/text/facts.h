#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/numbers.h"
#include "text/words.h"

namespace reflex::text {

struct Reading;

// A word that is denied: "not empty", "without recursion".
struct Negation {
  std::uint32_t word = 0;   // The denying word.
  std::uint32_t scope = 0;  // The word it denies; equal to `word` when none was found.
};

// A word that stands between two others and tells them apart: "from A to B", "A before B".
struct Relation {
  std::uint32_t left = 0, word = 0, right = 0;  // Positions of words.
};

// Bits of Facts::quantifiers.
enum Quantifier : std::uint32_t {
  kAtLeast = 1 << 0,
  kAtMost = 1 << 1,
  kFirst = 1 << 2,
  kLast = 1 << 3,
  kAll = 1 << 4,
  kOnlyOne = 1 << 5,
  kMoreThan = 1 << 6,
  kLessThan = 1 << 7,
  kSome = 1 << 8,  // At least one.
};

// A constraint: the answer is to be the thing asked for alone, without explanation.
inline constexpr std::string_view kNothingElse = "nothing else";

// What a text states that must agree before one answer can serve two texts. Names are canonical forms, sorted, without repetitions.
struct Facts {
  std::vector<Quantity> numbers;  // In order.
  std::vector<Negation> negations;
  std::vector<Relation> relations;
  std::vector<std::string> tools;              // Listed languages and tools, where the word is surely meant as one.
  std::vector<std::string> names;              // Other listed names, and capitalised words inside a sentence.
  std::vector<std::string> identifiers;        // Names of code, files, acronyms; as written.
  std::vector<std::string> options, patterns;  // "-i" and ".*?", where a text is about such; as written.
  std::vector<std::string> quotes;             // Quoted strings without their marks.
  std::vector<std::string> code;               // Code spans, blocks and lines, spaces dropped.
  std::vector<std::string> output_languages;   // Spoken languages that the answer or the work is to be in.
  std::vector<std::string> constraints;        // "without x" as "without:x", "in place", "one line", …
  std::vector<std::string> times;              // "today", "next week", …
  std::vector<std::string> from, to;           // What stands behind "from", and behind "to" or "into".
  std::uint32_t quantifiers = 0;
  bool present = false;  // See AsksForPresent.
};

// `prepared` is the text that `words` are of; `text` the original, for its lines.
Facts FindFacts(std::string_view text, std::string_view prepared, const std::vector<Word>& words);

// A fact of one text that the other contradicts: the answers must differ.
struct Conflict {
  std::string_view guard;  // One of kGuardNames.
  std::string a, b;        // What either text says; may be empty.
};

inline constexpr std::string_view kGuardNames[] = {"numbers",    "negation",   "direction", "language", "entity",
                                                   "quantifier", "identifier", "quotation", "code",     "output-language",
                                                   "task",       "constraint", "order",     "antonym",  "present"};
inline constexpr std::size_t kGuards = std::size(kGuardNames);

// All conflicts, in the order of kGuardNames, one a guard at most. Symmetric but for the order of what is said. No conflict says
// nothing: agreement of facts is not agreement of questions.
std::vector<Conflict> FindConflicts(const Reading& a, const Reading& b);

}  // namespace reflex::text
