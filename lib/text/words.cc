#include "text/words.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "text/chars.h"
#include "text/unicode.h"

namespace reflex::text {
namespace {

constexpr std::string_view kOperators = "<>=!+-*/%&|^";

struct NumberWord {
  std::string_view word;
  double value;
};
constexpr auto kNumberWords = std::to_array<NumberWord>(
    {{"billion", 1e9}, {"eight", 8},   {"eighteen", 18}, {"eighty", 80},   {"eleven", 11},    {"fifteen", 15},   {"fifty", 50},
     {"five", 5},      {"forty", 40},  {"four", 4},      {"fourteen", 14}, {"hundred", 100},  {"million", 1e6},  {"nine", 9},
     {"nineteen", 19}, {"ninety", 90}, {"one", 1},       {"seven", 7},     {"seventeen", 17}, {"seventy", 70},   {"six", 6},
     {"sixteen", 16},  {"sixty", 60},  {"ten", 10},      {"thirteen", 13}, {"thirty", 30},    {"thousand", 1e3}, {"three", 3},
     {"twelve", 12},   {"twenty", 20}, {"two", 2},       {"zero", 0}});
static_assert(std::ranges::is_sorted(kNumberWords, {}, &NumberWord::word));
constexpr auto kOrdinals = std::to_array<std::string_view>({"zeroth", "first", "second", "third", "fourth", "fifth", "sixth",
                                                            "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth"});

// The length of the word character at `at`: a letter or digit of ASCII or a Latin letter; 0 when there is none.
std::size_t WordCharLength(std::string_view text, std::size_t at) {
  if (at >= text.size()) return 0;
  if (IsAscii(text[at])) return IsAlnum(text[at]) ? 1 : 0;
  const base::CodePoint c = base::DecodeAt(text, at);
  return IsLatinLetter(c.value) ? c.length : 0;
}

std::size_t RunEnd(std::string_view text, std::size_t at) {
  for (std::size_t length = WordCharLength(text, at); length > 0; length = WordCharLength(text, at)) at += length;
  return at;
}

// A word: runs joined by single . ' _ - or /, then ++ or #. "don't" ends at its t, whatever follows.
std::size_t WordEnd(std::string_view text, std::size_t begin) {
  std::size_t end = RunEnd(text, begin);
  const bool letters =
      std::all_of(text.begin() + static_cast<std::ptrdiff_t>(begin), text.begin() + static_cast<std::ptrdiff_t>(end), IsAlpha);
  if (letters && end - begin >= 2 && ToLower(text[end - 1]) == 'n' && end + 1 < text.size() && text[end] == '\'' &&
      ToLower(text[end + 1]) == 't') {
    return end + 2;
  }
  while (end < text.size() && Contains(".'_-/", text[end]) && WordCharLength(text, end + 1) > 0) end = RunEnd(text, end + 1);
  if (text.substr(end).starts_with("++")) return end + 2;
  return end < text.size() && text[end] == '#' ? end + 1 : end;
}

// Where the token that begins at `at` ends; `at` itself when nothing of interest begins there.
std::size_t TokenEnd(std::string_view text, std::size_t at) {
  if (WordCharLength(text, at) > 0) return WordEnd(text, at);
  std::size_t end = at;
  while (end < text.size() && Contains(kOperators, text[end])) ++end;
  // Exclamation marks alone are punctuation.
  if (end > at) return std::ranges::all_of(text.substr(at, end - at), [](char c) { return c == '!'; }) ? at : end;
  while (end < text.size() && !IsAscii(text[end]) && WordCharLength(text, end) == 0) end += base::DecodeAt(text, end).length;
  return end;
}

// Mixed case, joined parts or capitals only: a name of code, a file or an acronym.
bool IsIdentifier(std::string_view written) {
  bool upper = false, lower = false;
  for (std::size_t i = 0; i < written.size(); ++i) {
    if (Contains("_./:", written[i])) return true;
    if (i > 0 && IsUpper(written[i]) && IsLower(written[i - 1])) return true;
    upper = upper || IsUpper(written[i]);
    lower = lower || IsLower(written[i]) || !IsAscii(written[i]);
  }
  return written.size() > 1 && upper && !lower;
}

WordType TypeOf(std::string_view written, std::string_view lower, const LexiconEntry* entry, const LexiconEntry* main) {
  const auto has = [&](LexiconEntry::Flag flag) { return (entry && entry->Has(flag)) || (main && main->Has(flag)); };
  // "k8s" and "Python 3" are names, whatever digits are in them.
  const bool letters = std::ranges::any_of(lower, IsAlpha);
  if (letters && has(LexiconEntry::kTool)) return WordType::kTool;
  if (letters && has(LexiconEntry::kEntity)) return WordType::kEntity;
  if (std::ranges::any_of(lower, IsDigit) || NumberWordValue(lower) >= 0 ||
      std::ranges::find(kOrdinals, lower) != kOrdinals.end()) {
    return WordType::kNumber;
  }
  if ((entry && entry->Has(LexiconEntry::kNegation)) || lower.ends_with("n't")) return WordType::kNegation;
  if (IsIdentifier(written)) return WordType::kIdentifier;
  if (entry && entry->Has(LexiconEntry::kAntonym)) return WordType::kAntonym;
  if (entry && entry->Has(LexiconEntry::kFunction)) return WordType::kFunction;
  return WordCharLength(lower, 0) > 0 ? WordType::kContent : WordType::kOther;
}

const LexiconEntry* FindWritten(std::string_view written, std::string_view lower) {
  const Lexicon& lexicon = Lexicon::Get();
  const LexiconEntry* entry = std::ranges::any_of(written, IsUpper) ? lexicon.Find(written) : nullptr;
  return entry ? entry : lexicon.Find(lower);
}

// "a zipped file": the state that a thing is in, not what is to be done with it. `at` is the participle.
bool IsState(const std::vector<Word>& words, std::size_t at) {
  constexpr auto kBefore = std::to_array<std::string_view>({"a", "an", "the", "my", "this", "that", "our", "your"});
  if (at == 0 || at + 1 == words.size() || !words[at].lower.ends_with("ed")) return false;
  const WordType next = words[at + 1].type;
  return IsOneOf(kBefore, words[at - 1].lower) && (next == WordType::kContent || next == WordType::kAntonym);
}

// Stem cuts "increased" to "increas" and "stopped" to "stopp": what either is a form of, if that has a listed opposite.
void SetRoot(const Lexicon& lexicon, Word& word) {
  word.root_hash = word.stem_hash;
  if (word.stem.size() < 3 || word.stem.size() == word.canonical.size()) return;
  const bool doubled = word.stem.back() == word.stem[word.stem.size() - 2];
  for (const std::string& root : {word.stem + "e", word.stem + "y", doubled ? word.stem.substr(0, word.stem.size() - 1) : ""}) {
    const Kin kin = lexicon.FindKin(root);
    if (kin.antonyms.empty()) continue;
    word.root_opposites = kin.antonyms;
    word.root_hash = HashWord(root);
    return;
  }
}

void Complete(std::string_view prepared, Word& word) {
  const Lexicon& lexicon = Lexicon::Get();
  const std::string_view written = prepared.substr(word.span.begin, word.span.end - word.span.begin);
  const LexiconEntry* entry =
      word.parts > 1 ? lexicon.Find(word.canonical.empty() ? word.lower : word.canonical) : FindWritten(written, word.lower);
  if (word.canonical.empty()) word.canonical = entry ? entry->canonical : word.lower;
  const LexiconEntry* main = entry && entry->canonical == entry->word ? entry : lexicon.Find(word.canonical);
  word.stem = Stem(word.canonical);
  word.canonical_hash = HashWord(word.canonical);
  word.stem_hash = HashWord(word.stem);
  word.kin = lexicon.FindKin(word.stem);
  SetRoot(lexicon, word);
  word.type = TypeOf(written, word.lower, entry, main);
  const LexiconEntry* weighed = entry && entry->idf >= 0 ? entry : lexicon.Find(word.lower);
  const float idf = weighed && weighed->idf >= 0 ? weighed->idf : lexicon.idf_max();
  word.weight = idf * (word.type == WordType::kFunction ? kFunctionWeight : 1);
  word.capital = IsUpper(written.front());
  constexpr auto kTechnical = LexiconEntry::kTechnical | LexiconEntry::kTool;
  word.technical = (entry && (entry->flags & kTechnical) != 0) || (main && (main->flags & kTechnical) != 0);
}

// "is not" is no thing of its own.
bool HasContent(const std::vector<Word>& words, std::size_t at, std::size_t count) {
  return std::any_of(words.begin() + static_cast<std::ptrdiff_t>(at), words.begin() + static_cast<std::ptrdiff_t>(at + count),
                     [](const Word& word) {
                       const LexiconEntry* entry = Lexicon::Get().Find(word.lower);
                       return !entry || !(entry->Has(LexiconEntry::kFunction) || entry->Has(LexiconEntry::kNegation));
                     });
}

bool HasNumber(const std::vector<Word>& words, std::size_t at, std::size_t count) {
  return std::any_of(words.begin() + static_cast<std::ptrdiff_t>(at), words.begin() + static_cast<std::ptrdiff_t>(at + count),
                     [](const Word& word) {
                       return NumberWordValue(word.lower) >= 0 || word.lower == "half" || word.lower == "dozen" ||
                              std::ranges::any_of(word.lower, IsDigit);
                     });
}

// The number of words from `at` on that make a listed phrase, the longest first; sets what it is called. 1 when there is none.
std::size_t PhraseAt(std::string_view prepared, const std::vector<Word>& words, std::size_t at, std::string& joined,
                     std::string_view& canonical) {
  const Lexicon& lexicon = Lexicon::Get();
  const LexiconEntry* head = lexicon.Find(words[at].lower);
  if (!head || !head->Has(LexiconEntry::kPhraseHead)) return 1;
  std::array<std::size_t, 5> ends{};
  joined = words[at].lower;
  std::size_t count = 1;
  for (; count < head->phrase_words && count < 4 && at + count < words.size(); ++count) {
    const std::string_view gap =
        prepared.substr(words[at + count - 1].span.end, words[at + count].span.begin - words[at + count - 1].span.end);
    if (gap != " ") break;
    ends[count] = joined.size();
    joined.append(" ").append(words[at + count].lower);
  }
  for (; count > 1; --count) {
    const LexiconEntry* phrase = lexicon.Find(joined);
    if (!phrase && joined.ends_with('s')) phrase = lexicon.Find(std::string_view(joined).substr(0, joined.size() - 1));
    // Numbers stay words of their own.
    const bool number =
        phrase && !phrase->Has(LexiconEntry::kTool) && !phrase->Has(LexiconEntry::kEntity) && HasNumber(words, at, count);
    if (phrase && phrase->Has(LexiconEntry::kPhrase) && !number && HasContent(words, at, count)) {
      canonical = phrase->canonical;
      return count;
    }
    joined.resize(ends[count - 1]);
  }
  return 1;
}

std::vector<Word> MergePhrases(std::string_view prepared, std::vector<Word> words) {
  std::vector<Word> merged;
  merged.reserve(words.size());
  std::string joined;
  for (std::size_t at = 0; at < words.size();) {
    std::string_view canonical;
    const std::size_t count = PhraseAt(prepared, words, at, joined, canonical);
    Word& word = merged.emplace_back(std::move(words[at]));
    if (count > 1) {
      word.span.end = words[at + count - 1].span.end;
      word.lower = joined;
      word.canonical = canonical;
      word.parts = static_cast<std::uint8_t>(count);
    }
    at += count;
  }
  return merged;
}

}  // namespace

double NumberWordValue(std::string_view lower) {
  if (lower.size() < 3 || lower.size() > 9) return -1;
  const auto found = std::ranges::lower_bound(kNumberWords, lower, {}, &NumberWord::word);
  return found != kNumberWords.end() && found->word == lower ? found->value : -1;
}

bool IsOrdinalWord(std::string_view lower) {
  const auto found = std::ranges::find(kOrdinals, lower);
  return found != kOrdinals.end() && found - kOrdinals.begin() >= 2;
}

std::vector<Word> SplitSingleWords(std::string_view prepared, std::size_t words_max) {
  std::vector<Word> words;
  words.reserve(std::min(words_max, prepared.size() / 5 + 1));
  for (std::size_t at = 0; at < prepared.size() && words.size() < words_max;) {
    std::size_t end = TokenEnd(prepared, at);
    if (end == at) {
      ++at;
      continue;
    }
    Word& word = words.emplace_back();
    const std::size_t next = end;
    word.lower = ToLowerUnicode(prepared.substr(at, end - at));
    if (word.lower.size() > 2 && word.lower.ends_with("'s")) {
      word.lower.resize(word.lower.size() - 2);
      end -= 2;
    }
    word.span = {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(end)};
    at = next;
  }
  return words;
}

std::vector<Word> SplitWords(std::string_view prepared, std::size_t words_max) {
  std::vector<Word> words = MergePhrases(prepared, SplitSingleWords(prepared, words_max));
  for (Word& word : words) Complete(prepared, word);
  for (std::size_t at = 0; at < words.size(); ++at) {
    if (IsState(words, at)) words[at].root_opposites = {};
  }
  return words;
}

}  // namespace reflex::text
