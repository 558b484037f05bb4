#include "text/canonical.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/utf8.h"
#include "text/chars.h"
#include "text/lexicon.h"
#include "text/signs.h"
#include "text/spelling.h"
#include "text/unicode.h"
#include "text/zones.h"

namespace reflex::text {
namespace {

// In texts of fewer words a capital may be all that tells two meanings apart.
constexpr std::size_t kShortTextWords = 6;

// Capitalised words that are another thing in lower case.
constexpr WordSet kCaseWords(std::to_array<std::string_view>(
    {"access",  "amazon",  "apple",  "august", "bill",    "brave",   "chef",   "chile",   "china",   "crystal", "dart",   "edge",
     "excel",   "express", "flask",  "frank",  "gap",     "georgia", "go",     "god",     "grace",   "hope",    "jack",   "java",
     "jordan",  "julia",   "less",   "make",   "march",   "mark",    "mars",   "may",     "mercury", "nick",    "nice",   "notion",
     "numbers", "opera",   "oracle", "pages",  "polish",  "puppet",  "python", "reading", "rob",     "rose",    "ruby",   "rust",
     "safari",  "salt",    "shell",  "signal", "slack",   "spring",  "square", "stripe",  "sun",     "swift",   "target", "teams",
     "turkey",  "us",      "violet", "will",   "windows", "word",    "zoom"}));
// Words that mean something else when written in capitals.
constexpr WordSet kCapitalWords(std::to_array<std::string_view>(
    {"act",  "aid", "aids", "am",  "an",   "and", "are", "as",  "at",  "ban",  "bar", "bat", "be",  "by",  "can",  "cap",  "car",
     "cat",  "co",  "cop",  "cut", "do",   "dos", "ear", "era", "eta", "fat",  "gap", "gas", "get", "go",  "had",  "has",  "he",
     "hit",  "hot", "how",  "if",  "in",   "is",  "it",  "its", "lap", "let",  "low", "man", "map", "mat", "me",   "mine", "most",
     "my",   "nap", "net",  "no",  "nor",  "not", "now", "of",  "off", "on",   "one", "or",  "our", "out", "pan",  "pet",  "pin",
     "post", "put", "ram",  "rat", "rest", "sad", "sap", "sat", "saw", "scar", "set", "she", "sim", "so",  "soap", "star", "stem",
     "tan",  "tap", "the",  "tip", "to",   "top", "up",  "us",  "use", "van",  "war", "was", "we",  "who", "why",  "you"}));
// Where the text is about spelling, or about a language of keywords, spelling stays.
constexpr WordSet kAboutSpelling(std::to_array<std::string_view>({"spell", "spelled", "spelling", "spelt", "british", "american",
                                                                  "english", "css", "letters", "anagram", "syllables", "rhymes",
                                                                  "pronounce"}));

struct Style {
  bool fold_case = false, keep_case_words = false, spelling = false, all_capitals = false;
};

// "1,249.50" without its commas, whatever currency sign stands before it; the token itself where it is anything else.
std::string WithoutThousands(std::string_view token) {
  std::size_t at = 0;
  while (at < token.size() && !IsAlnum(token[at]) && (token[at] == '$' || !IsAscii(token[at]))) ++at;
  const std::size_t first = at;
  while (at < token.size() && IsDigit(token[at])) ++at;
  if (at == first || at - first > 3 || token[first] == '0') return std::string(token);
  std::string plain(token.substr(0, at));
  std::size_t groups = 0;
  while (token.size() - at >= 4 && token[at] == ',' && IsDigit(token[at + 1]) && IsDigit(token[at + 2]) && IsDigit(token[at + 3]) &&
         (token.size() == at + 4 || !IsDigit(token[at + 4]))) {
    plain.append(token.substr(at + 1, 3));
    at += 4;
    ++groups;
  }
  const std::string_view rest = token.substr(at);
  if (groups == 0 || (!rest.empty() && rest != "%" && !rest.starts_with('.'))) return std::string(token);
  return plain.append(rest);
}

enum class Shape { kLower, kCapitalised, kCapitals, kMixed };

// REQUIRES: only letters, apostrophes and hyphens. Letters outside ASCII count as lower case.
Shape ShapeOf(std::string_view word) {
  std::size_t upper = 0, lower = 0, inner = 0;
  bool begin = true;
  for (const char c : word) {
    upper += IsUpper(c);
    inner += IsUpper(c) && !begin;
    lower += !IsUpper(c) && c != '\'' && c != '-';
    begin = c == '-';
  }
  if (upper == 0) return Shape::kLower;
  if (inner == 0) return Shape::kCapitalised;
  return lower == 0 ? Shape::kCapitals : Shape::kMixed;
}

bool MayFold(std::string_view word, std::string_view lower, const Style& style) {
  const auto listed = [&] {
    const LexiconEntry* entry = Lexicon::Get().Find(lower);
    return entry && (entry->Has(LexiconEntry::kTool) || entry->Has(LexiconEntry::kEntity));
  };
  if (word.size() == 1) return word == "I" || word == "A" || IsLower(word.front()) || style.all_capitals;
  // "CPUs" is the plural of "CPU".
  if (word.size() > 2 && word.back() == 's' && ShapeOf(word.substr(0, word.size() - 1)) == Shape::kCapitals) {
    return MayFold(word.substr(0, word.size() - 1), lower.substr(0, lower.size() - 1), style);
  }
  switch (ShapeOf(word)) {
    case Shape::kLower: return true;
    case Shape::kCapitalised: return !style.keep_case_words || !kCaseWords.Has(lower);
    case Shape::kCapitals: return style.all_capitals || !kCapitalWords.Has(lower);
    case Shape::kMixed: return listed();
  }
  return false;
}

// The parts of a word with hyphens are folded one by one.
void AppendFolded(std::string_view word, const Style& style, std::string& out) {
  for (;;) {
    const std::size_t size = std::min(word.find('-'), word.size());
    const std::string_view part = word.substr(0, size);
    const std::string lower = ToLowerUnicode(part);
    const std::string folded = part.empty() || MayFold(part, lower, style) ? lower : std::string(part);
    out.append(style.spelling ? CommonSpelling(folded) : std::string_view(folded));
    if (size == word.size()) return;
    out.push_back('-');
    word.remove_prefix(size + 1);
  }
}

// One token between spaces: brackets and punctuation stay, the word in it is folded.
void AppendToken(std::string_view token, const Style& style, std::string& out) {
  std::size_t begin = 0, end = token.size();
  while (begin < end && Contains("([{", token[begin])) ++begin;
  while (end > begin && Contains(")]}.,;:!?", token[end - 1])) --end;
  const std::string_view core = token.substr(begin, end - begin);
  out.append(token.substr(0, begin));
  // Case tells the options of a command apart: "-i", "-I".
  const bool folds = style.fold_case && !core.starts_with('-');
  const bool word =
      !core.empty() && std::ranges::all_of(core, [](char c) { return IsAlpha(c) || c == '\'' || c == '-' || !IsAscii(c); });
  if (!word) {
    // A number in brackets after a name may be a list of arguments.
    const std::string plain = begin == 0 ? WithoutThousands(core) : std::string(core);
    const std::string lower = LowerAscii(plain);
    const LexiconEntry* entry = folds && lower != plain ? Lexicon::Get().Find(lower) : nullptr;
    const bool name = entry && (entry->Has(LexiconEntry::kTool) || entry->Has(LexiconEntry::kEntity));
    out.append(name ? lower : plain);
  } else if (folds) {
    AppendFolded(core, style, out);
  } else {
    out.append(core);
  }
  out.append(token.substr(end));
}

// Prose: single spaces, straight quotes, tokens folded. A space at either end stays, as one.
void AppendProse(std::string_view prose, const Style& style, std::string& out) {
  std::string token;
  const auto flush = [&] {
    if (!token.empty()) AppendToken(token, style, out);
    token.clear();
  };
  for (std::size_t at = 0; at < prose.size();) {
    const base::CodePoint c = base::DecodeAt(prose, at);
    const bool space = c.value < 0x80 ? IsSpace(prose[at]) : IsUnicodeSpace(c.value);
    if (space) {
      flush();
      if (!out.empty() && out.back() != ' ') out.push_back(' ');
    } else if (c.value == 0x2018 || c.value == 0x2019 || c.value == 0x2bc) {
      token.push_back('\'');
    } else if (c.value == 0x201c || c.value == 0x201d) {
      token.push_back('"');
    } else {
      token.append(prose.substr(at, c.length));
    }
    at += c.length;
  }
  flush();
}

std::size_t CountWords(std::string_view text) {
  std::size_t words = 0;
  bool inside = false;
  for (const char c : text) {
    if (IsAlnum(c) || !IsAscii(c)) {
      words += !inside;
      inside = true;
    } else if (IsSpace(c)) {
      inside = false;
    }
  }
  return words;
}

bool IsAboutSpelling(std::string_view text) {
  std::string word;
  for (const char c : text) {
    if (IsAlpha(c)) {
      word.push_back(ToLower(c));
      continue;
    }
    if (kAboutSpelling.Has(word)) return true;
    word.clear();
  }
  return kAboutSpelling.Has(word);
}

Style StyleOf(std::string_view text) {
  return {.fold_case = true,
          .keep_case_words = CountWords(text) < kShortTextWords,
          .spelling = !IsAboutSpelling(text),
          .all_capitals = std::ranges::none_of(text, IsLower) && CountWords(text) > 2};
}

// End punctuation that changes nothing: after a word of two letters and more. "5!" and "n!" stay, and ".*?", and what stands behind
// a sign in a text about patterns.
void DropEndPunctuation(std::string& text) {
  std::size_t end = text.size();
  while (end > 0) {
    if (Contains(" .?!,;:", text[end - 1])) {
      --end;
    } else if (end >= 3 && std::string_view(text).substr(0, end).ends_with("\xe2\x80\xa6")) {
      end -= 3;
    } else {
      break;
    }
  }
  const std::string_view run = std::string_view(text).substr(end);
  const bool word =
      end >= 2 && (IsAlpha(text[end - 1]) || !IsAscii(text[end - 1])) && (IsAlpha(text[end - 2]) || !IsAscii(text[end - 2]));
  const bool apart = run.starts_with(' ') && run.find_first_not_of(" ?") != std::string_view::npos;
  if (apart || end == 0 || run.empty() || (run.starts_with("!") && !word)) return;
  const char last = text[end - 1];
  if (run.starts_with("?") && last == '*') return;
  if (IsAscii(last) && !IsAlnum(last) && last != '"' && IsAboutPatterns(text)) return;
  text.resize(end);
}

// "in python" for "Now in Python please" and "and the same in Python": a turn that only says in what language the turn before is
// wanted again. Empty for any other text.
std::string FollowUp(std::string_view text) {
  constexpr std::size_t kBytesMax = 60;
  constexpr WordSet kConnective(std::to_array<std::string_view>({"now", "and", "then", "the", "same", "please", "also", "again",
                                                                 "once", "more", "but", "ok", "okay", "this", "that", "it", "do"}));
  if (text.size() > kBytesMax || text.contains('?')) return {};
  std::string_view name;
  bool in = false;
  const std::string lower = LowerAscii(text);
  for (std::string_view rest = lower; !rest.empty();) {
    const std::size_t end = std::min(rest.find_first_of(" ,.!"), rest.size());
    const std::string_view word = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (word.empty() || (kConnective.Has(word) && !in)) continue;
    if (name.empty() && (word == "in") != in) {
      in = true;
      if (word == "in") continue;
      const LexiconEntry* entry = Lexicon::Get().Find(word);
      if (entry == nullptr || !(entry->Has(LexiconEntry::kTool) || entry->Has(LexiconEntry::kEntity))) return {};
      name = entry->canonical;
    } else if (name.empty() || !kConnective.Has(word)) {
      return {};
    }
  }
  return name.empty() ? std::string() : "in " + std::string(name);
}

std::string CanonicalOnce(std::string_view whole) {
  const std::string_view text = WithoutCourtesy(whole);
  if (std::string follow_up = FollowUp(text); !follow_up.empty()) return follow_up;
  const Style style = StyleOf(text);
  const std::vector<Zone> zones = SplitZones(text);
  std::string out;
  out.reserve(text.size());
  for (const Zone& zone : zones) {
    if (zone.verbatim) {
      out.append(zone.Of(text));
    } else {
      AppendProse(ToNfc(zone.Of(text)), style, out);
    }
  }
  if (!zones.empty() && !zones.back().verbatim) {
    while (!out.empty() && IsSpace(out.back())) out.pop_back();
    DropEndPunctuation(out);
  }
  return out;
}

}  // namespace

std::string CanonicalText(std::string_view text) {
  if (!base::IsUtf8(text)) return std::string(text);
  // Each pass only takes away or folds, so a few passes reach the text that stays as it is. One that takes more (marks of code
  // without end, line by line) has no form but its own.
  constexpr int kPassesMax = 16;
  std::string canonical = CanonicalOnce(text);
  for (int pass = 1; pass < kPassesMax; ++pass) {
    std::string next = CanonicalOnce(canonical);
    if (next == canonical) return canonical;
    canonical = std::move(next);
  }
  return std::string(text);
}

std::string PreparedText(std::string_view text) {
  if (!base::IsUtf8(text)) return std::string(text);
  std::string out;
  out.reserve(text.size());
  AppendProse(ToNfc(WithoutCourtesy(text)), Style{}, out);
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace reflex::text
