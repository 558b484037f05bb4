#include "text/facts.h"

#include <algorithm>
#include <array>

#include "text/chars.h"
#include "text/cues.h"
#include "text/present.h"
#include "text/signs.h"
#include "text/tasks.h"
#include "text/zones.h"

namespace reflex::text {
namespace {

// Listed names that are ordinary words as well: taken for names only with a capital inside a sentence.
constexpr WordSet kOrdinaryNames(std::to_array<std::string_view>(
    {"accept",    "accounts",  "address",  "age",           "alpine",    "apache",       "arch",      "authorization",
     "base",      "bash",      "binary",   "books",         "bootstrap", "brave",        "bundler",   "c",
     "cat",       "chef",      "chess",    "comments",      "composer",  "country",      "crystal",   "cut",
     "customers", "dart",      "date",     "delete",        "diesel",    "dig",          "dog",       "dollars",
     "edge",      "eclipse",   "email",    "employees",     "events",    "excel",        "express",   "fiber",
     "find",      "fish",      "flask",    "gemini",        "get",       "gin",          "go",        "golf",
     "head",      "helm",      "hex",      "horse",         "host",      "hr",           "invoices",  "join",
     "jest",      "julia",     "lambda",   "less",          "lit",       "location",     "make",      "may",
     "meson",     "mocha",     "mount",    "name",          "nano",      "ninja",        "nim",       "node",
     "nomad",     "notion",    "numbers",  "opera",         "options",   "oracle",       "orders",    "origin",
     "parcel",    "parrot",    "patch",    "payments",      "phone",     "phone number", "phoenix",   "ping",
     "pip",       "poetry",    "post",     "posts",         "price",     "products",     "puppet",    "put",
     "quantity",  "r",         "rabbit",   "racket",        "react",     "recoil",       "rest",      "reviews",
     "safari",    "salary",    "salt",     "sentry",        "sequelize", "sessions",     "shipments", "signal",
     "slack",     "snowflake", "soap",     "solid",         "sort",      "spark",        "square",    "state",
     "status",    "stripe",    "students", "subscriptions", "swift",     "tail",         "tar",       "teams",
     "tee",       "tickets",   "title",    "top",           "torch",     "tr",           "turtle",    "umbrella corp",
     "unity",     "unreal",    "users",    "vary",          "view",      "weekdays",     "weekends",  "windows",
     "word",      "yarn",      "zip",      "zoom"}));
constexpr WordSet kSpokenLanguages(std::to_array<std::string_view>(
    {"english",    "french", "german",    "spanish",    "italian", "portuguese", "japanese",  "chinese",   "korean",  "russian",
     "arabic",     "hindi",  "dutch",     "swedish",    "polish",  "turkish",    "greek",     "finnish",   "danish",  "czech",
     "vietnamese", "thai",   "norwegian", "hungarian",  "latin",   "hebrew",     "ukrainian", "romanian",  "bengali", "urdu",
     "persian",    "farsi",  "malay",     "indonesian", "catalan", "mandarin",   "cantonese", "esperanto", "irish",   "welsh"}));
constexpr WordSet kDirections(std::to_array<std::string_view>({"to", "into", "from", "than", "before", "after", "of", "by", "over",
                                                               "onto", "against", "as", "->", "in", "on", "with", "for"}));
constexpr auto kSymmetric =
    std::to_array<std::string_view>({"and", "or", "between", "vs", "versus", "both", "compare", "difference"});

constexpr std::size_t kNamesMax = 64;  // Of one kind; a text with more is no question.

void SortUnique(std::vector<std::string>& names) {
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  if (names.size() > kNamesMax) names.resize(kNamesMax);
}

bool IsContent(const Word& word) {
  return word.type != WordType::kFunction && word.type != WordType::kNegation && word.type != WordType::kOther &&
         !kDirections.Has(word.lower);
}

// A capital says something only inside a sentence.
bool StartsSentence(std::string_view prepared, const Word& word) {
  std::size_t at = word.span.begin;
  while (at > 0 && Contains(" \"'([", prepared[at - 1])) --at;
  return at == 0 || Contains(".!?:", prepared[at - 1]);
}

// "180 C" and "°C" are degrees, not a language.
bool IsDegree(std::string_view prepared, const std::vector<Word>& words, std::size_t at) {
  if (words[at].lower.size() != 1) return false;
  return prepared.substr(0, words[at].span.begin).ends_with("\xc2\xb0") || (at > 0 && words[at - 1].type == WordType::kNumber);
}

// Digits that name something rather than count it, and more of them than a double holds apart.
bool IsLongNumber(const Word& word) {
  constexpr std::size_t kDigitsMin = 11;
  return word.lower.size() >= kDigitsMin && std::ranges::all_of(word.lower, IsDigit);
}

// "Charles II", not "Charles and I": a Roman numeral right behind a word with a capital.
bool IsRegnal(std::string_view prepared, const std::vector<Word>& words, std::size_t at) {
  const std::string_view written = prepared.substr(words[at].span.begin, words[at].span.end - words[at].span.begin);
  if (at == 0 || !words[at - 1].capital || written.empty() || written.find_first_not_of("IVX") != std::string_view::npos)
    return false;
  if (words[at - 1].span.end + 1 != words[at].span.begin) return false;
  // "Can IV iron …", "Let X be …": what begins a sentence has its capital for that, unless it is a listed name.
  if (words[at - 1].type != WordType::kEntity && StartsSentence(prepared, words[at - 1])) return false;
  // Elsewhere a lone "I" is the asker: "Can I", "a letter from Anna I lost".
  const bool ends = words[at].span.end == prepared.size() || Contains("?.,;:'\"", prepared[words[at].span.end]);
  return written != "I" || ends || (at + 1 < words.size() && words[at + 1].lower == "of");
}

void FindNames(std::string_view prepared, const std::vector<Word>& words, Facts& facts) {
  for (std::size_t at = 0; at < words.size(); ++at) {
    const Word& word = words[at];
    if (IsDegree(prepared, words, at)) continue;
    if (IsRegnal(prepared, words, at)) {
      facts.identifiers.push_back(words[at - 1].lower + " " + word.lower);
      continue;
    }
    const bool tool = word.type == WordType::kTool, entity = word.type == WordType::kEntity;
    const bool capital = word.capital && !StartsSentence(prepared, word);
    if (tool || entity) {
      const bool sure = capital || !(kOrdinaryNames.Has(word.lower) || kOrdinaryNames.Has(word.canonical));
      if (sure && !kSpokenLanguages.Has(word.canonical)) (tool ? facts.tools : facts.names).push_back(word.canonical);
    } else if (word.type == WordType::kIdentifier || IsLongNumber(word)) {
      facts.identifiers.push_back(word.lower);
    } else if (capital && word.lower.size() > 1 && (word.type == WordType::kContent || word.type == WordType::kAntonym)) {
      facts.names.push_back(word.canonical);
    }
  }
  SortUnique(facts.tools);
  SortUnique(facts.names);
  SortUnique(facts.identifiers);
}

// Words that deny only in some sentences ("avoid a stampede" asks how to prevent it); no guard is built on them.
constexpr WordSet kMildNegations(std::to_array<std::string_view>({"absent", "avoid", "exclude", "excluded", "excluding", "ignore",
                                                                  "ignoring", "instead", "lack", "lacking", "lacks", "missing",
                                                                  "off", "unless"}));
// Words between a denial and what it denies.
constexpr auto kEmptyScopes =
    std::to_array<std::string_view>({"using", "only", "losing", "having", "getting", "being", "doing", "making", "need", "any"});

// "non-empty", and listed phrases such as "not empty".
bool DeniesItself(const Word& word) {
  constexpr auto kStarts = std::to_array<std::string_view>({"non-", "un-", "not ", "no ", "without ", "never "});
  return word.lower.size() > 5 &&
         std::ranges::any_of(kStarts, [&](std::string_view start) { return word.lower.starts_with(start); });
}

// What a denying word denies: the first word of meaning among the next four, before any punctuation.
void FindNegations(std::string_view prepared, const std::vector<Word>& words, Facts& facts) {
  for (std::uint32_t at = 0; at < words.size(); ++at) {
    const Word& word = words[at];
    const bool denying = word.type == WordType::kNegation && !kMildNegations.Has(word.canonical);
    if (denying) {
      Negation negation{at, at};
      for (std::uint32_t next = at + 1; next < words.size() && next <= at + 4; ++next) {
        const std::string_view gap = prepared.substr(words[next - 1].span.end, words[next].span.begin - words[next - 1].span.end);
        if (gap.find_first_of(".,;:!?") != std::string_view::npos) break;
        if (!IsContent(words[next]) || IsOneOf(kEmptyScopes, words[next].lower)) continue;
        negation.scope = next;
        break;
      }
      facts.negations.push_back(negation);
    } else if (DeniesItself(word)) {
      facts.negations.push_back({at, at});
    }
  }
}

// Of a listed phrase that is no name its first word too: "base class" and "Base".
void AddPlace(const Word& word, std::vector<std::string>& places) {
  places.push_back(word.stem);
  const std::size_t space = word.canonical.find(' ');
  if (space != std::string::npos && word.type == WordType::kContent)
    places.emplace_back(Stem(std::string_view(word.canonical).substr(0, space)));
}

// For each directional word its nearest words of meaning, up to two on either side.
void FindRelations(const std::vector<Word>& words, Facts& facts) {
  constexpr std::size_t kReach = 4, kRelationsMax = 256;
  for (std::size_t at = 1; at + 1 < words.size() && facts.relations.size() < kRelationsMax; ++at) {
    if (!kDirections.Has(words[at].lower)) continue;
    std::vector<std::size_t> left, right;
    for (std::size_t i = at; i-- > 0 && at - i <= kReach && left.size() < 2 && !IsOneOf(kSymmetric, words[i].lower);) {
      if (IsContent(words[i])) left.push_back(i);
    }
    for (std::size_t i = at + 1; i < words.size() && i - at <= kReach && right.size() < 2 && !IsOneOf(kSymmetric, words[i].lower);
         ++i) {
      if (IsContent(words[i])) right.push_back(i);
    }
    for (const std::size_t l : left) {
      for (const std::size_t r : right) {
        facts.relations.push_back({static_cast<std::uint32_t>(l), static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(r)});
      }
    }
    if (right.empty()) continue;
    // "YAML in, JSON out".
    if (words[at].lower == "in" && !left.empty() && right[0] + 1 < words.size() && words[right[0] + 1].lower == "out") {
      facts.from.push_back(words[left[0]].stem);
      facts.to.push_back(words[right[0]].stem);
    }
    if (words[at].lower == "from") AddPlace(words[right[0]], facts.from);
    if (words[at].lower == "to" || words[at].lower == "into" || words[at].lower == "->") AddPlace(words[right[0]], facts.to);
  }
}

// Of exactly two languages or tools, which one is the source and which the target: "this Python function in Go", "I have Go code,
// give me the Python version". One role known gives the other.
void FindRoles(const std::vector<Word>& words, Facts& facts) {
  constexpr auto kThings = std::to_array<std::string_view>({"function", "code", "script", "snippet", "program", "class", "query"});
  constexpr auto kResults = std::to_array<std::string_view>({"version", "equivalent", "translation", "port", "counterpart"});
  constexpr auto kInto = std::to_array<std::string_view>({"in", "into", "to"});
  std::vector<std::size_t> tools;
  std::size_t source = words.size(), target = words.size();
  for (std::size_t at = 0; at < words.size(); ++at) {
    if (words[at].type != WordType::kTool) continue;
    tools.push_back(at);
    const std::string_view before = at > 0 ? std::string_view(words[at - 1].lower) : "";
    const std::string_view after = at + 1 < words.size() ? std::string_view(words[at + 1].lower) : "";
    if (before == "from" || std::ranges::find(kThings, after) != kThings.end()) source = at;
    if (std::ranges::find(kInto, before) != kInto.end() || std::ranges::find(kResults, after) != kResults.end()) target = at;
  }
  if (tools.size() != 2 || words[tools[0]].stem == words[tools[1]].stem || source == target) return;
  if (source == words.size()) source = tools[0] == target ? tools[1] : tools[0];
  if (target == words.size()) target = tools[0] == source ? tools[1] : tools[0];
  facts.from.push_back(words[source].stem);
  facts.to.push_back(words[target].stem);
}

// A line of code without the sentence before it: "What does this print? x = 1" is asked of "x = 1".
std::string_view WithoutLead(std::string_view line) {
  std::size_t begin = 0;
  for (std::size_t at = 0; at < line.size();) {
    std::size_t end = at;
    while (end < line.size() && !IsSpace(line[end])) ++end;
    std::string_view word = line.substr(at, end - at);
    while (end < line.size() && IsSpace(line[end])) ++end;
    const bool ends = !word.empty() && Contains(".:?!", word.back());
    if (ends || word.ends_with(',')) word.remove_suffix(1);
    if (!std::ranges::all_of(word, [](char c) { return IsAlpha(c) || c == '\'' || c == '-'; })) break;
    if (ends) begin = end;
    at = end;
  }
  return begin < line.size() ? line.substr(begin) : line;
}

void FindQuoted(std::string_view text, Facts& facts) {
  for (const Zone& zone : SplitZones(text)) {
    if (!zone.verbatim) continue;
    std::string_view bytes = zone.Of(text);
    const auto strip = [&](std::string_view open, std::string_view close) {
      if (bytes.size() < open.size() + close.size() || !bytes.starts_with(open) || !bytes.ends_with(close)) return false;
      bytes = bytes.substr(open.size(), bytes.size() - open.size() - close.size());
      return true;
    };
    const bool quoted =
        strip("\"", "\"") || strip("'", "'") || strip("\xe2\x80\x9c", "\xe2\x80\x9d") || strip("\xe2\x80\x98", "\xe2\x80\x99");
    if (quoted) {
      facts.quotes.push_back(std::string(bytes));
      continue;
    }
    if (!strip("```", "```") && !strip("`", "`")) bytes = WithoutLead(bytes);
    std::string code;
    std::ranges::copy_if(bytes, std::back_inserter(code), [](char c) { return !IsSpace(c); });
    // The end of the sentence or statement that the code stands at.
    while (!code.empty() && Contains(".;", code.back())) code.pop_back();
    facts.code.push_back(std::move(code));
  }
  SortUnique(facts.quotes);
}

void FindLanguages(const std::vector<Word>& words, Facts& facts) {
  for (std::size_t at = 1; at < words.size(); ++at) {
    const std::string_view before = words[at - 1].lower;
    if (!kSpokenLanguages.Has(words[at].canonical)) continue;
    if (before == "in" || before == "into" || before == "to") facts.output_languages.push_back(words[at].canonical);
  }
  SortUnique(facts.output_languages);
}

struct Phrase {
  std::string_view words, name;
};
constexpr auto kConstraints = std::to_array<Phrase>({{" in place ", "in place"},
                                                     {" constant memory ", "constant memory"},
                                                     {" constant space ", "constant memory"},
                                                     {" constant extra memory ", "constant memory"},
                                                     {" constant extra space ", "constant memory"},
                                                     {" constant additional memory ", "constant memory"},
                                                     {" constant additional space ", "constant memory"},
                                                     {" constant auxiliary memory ", "constant memory"},
                                                     {" constant auxiliary space ", "constant memory"},
                                                     {" o 1 memory ", "constant memory"},
                                                     {" o 1 space ", "constant memory"},
                                                     {" o 1 extra memory ", "constant memory"},
                                                     {" o 1 extra space ", "constant memory"},
                                                     {" o 1 additional memory ", "constant memory"},
                                                     {" o 1 additional space ", "constant memory"},
                                                     {" o 1 auxiliary memory ", "constant memory"},
                                                     {" o 1 auxiliary space ", "constant memory"},
                                                     {" in one line ", "one line"},
                                                     {" one liner ", "one line"},
                                                     {" in one sentence ", "one sentence"},
                                                     {" in a single line ", "one line"},
                                                     {" in a single sentence ", "one sentence"},
                                                     {" step by step ", "step by step"},
                                                     {" for beginners ", "beginners"},
                                                     {" for a beginner ", "beginners"},
                                                     {" like i m five ", "child"},
                                                     {" like i m 5 ", "child"},
                                                     {" to a child ", "child"},
                                                     {" for kids ", "child"},
                                                     {" bullet points ", "bullets"},
                                                     {" as a table ", "table"},
                                                     {" vegan ", "vegan"},
                                                     {" vegetarian ", "vegetarian"},
                                                     {" gluten free ", "gluten"}});
// When, seen from the moment of asking: two different ones are two questions.
constexpr auto kTimes = std::to_array<std::string_view>(
    {" today ", " tonight ", " tomorrow ", " yesterday ", " this week ", " next week ", " last week ", " this month ",
     " next month ", " last month ", " this year ", " next year ", " last year ", " this weekend ", " right now "});
struct QuantifierCue {
  std::string_view words;
  std::uint32_t bit;
};
constexpr auto kQuantifiers = std::to_array<QuantifierCue>({{" at least ", kAtLeast},
                                                            {" at least one ", kSome},
                                                            {" no fewer than ", kAtLeast},
                                                            {" no less than ", kAtLeast},
                                                            {" or more ", kAtLeast},
                                                            {" minimum of ", kAtLeast},
                                                            {" at most ", kAtMost},
                                                            {" no more than ", kAtMost},
                                                            {" or fewer ", kAtMost},
                                                            {" or less ", kAtMost},
                                                            {" maximum of ", kAtMost},
                                                            {" up to ", kAtMost},
                                                            {" more than ", kMoreThan},
                                                            {" greater than ", kMoreThan},
                                                            {" less than ", kLessThan},
                                                            {" fewer than ", kLessThan},
                                                            {" first ", kFirst},
                                                            {" last ", kLast},
                                                            {" all ", kAll},
                                                            {" every ", kAll},
                                                            {" each ", kAll},
                                                            {" only one ", kOnlyOne},
                                                            {" a single ", kOnlyOne},
                                                            {" exactly one ", kOnlyOne}});

constexpr CueSet kConstraintSet(CueTexts(kConstraints));
constexpr CueSet kTimeSet(kTimes);
constexpr CueSet kQuantifierSet(CueTexts(kQuantifiers));

void FindPhrases(std::string_view tokens, Facts& facts) {
  constexpr auto kAlone = std::to_array<std::string_view>({" only give me ", " just give me ", " give me only ", " give me just "});
  if (std::ranges::any_of(kAlone, [&](std::string_view start) { return tokens.starts_with(start); }))
    facts.constraints.emplace_back(kNothingElse);
  kConstraintSet.Find(tokens, [&](std::size_t found) {
    facts.constraints.emplace_back(kConstraints[found].name);
    return false;
  });
  kTimeSet.Find(tokens, [&](std::size_t found) {
    facts.times.emplace_back(kTimes[found].substr(1, kTimes[found].size() - 2));
    return false;
  });
  SortUnique(facts.times);
  kQuantifierSet.Find(tokens, [&](std::size_t found) {
    facts.quantifiers |= kQuantifiers[found].bit;
    return false;
  });
  if (tokens.contains(" no more than ")) facts.quantifiers &= ~static_cast<std::uint32_t>(kMoreThan);
  if (tokens.contains(" no less than ") || tokens.contains(" no fewer than "))
    facts.quantifiers &= ~static_cast<std::uint32_t>(kLessThan);
}

}  // namespace

Facts FindFacts(std::string_view text, std::string_view prepared, const std::vector<Word>& words) {
  Facts facts;
  facts.numbers = FindQuantities(prepared, words);
  FindNames(prepared, words, facts);
  FindNegations(prepared, words, facts);
  FindRelations(words, facts);
  FindRoles(words, facts);
  SortUnique(facts.from);
  SortUnique(facts.to);
  facts.options = FindOptions(prepared);
  SortUnique(facts.options);
  facts.patterns = FindPatterns(prepared);
  SortUnique(facts.patterns);
  FindQuoted(text, facts);
  FindLanguages(words, facts);
  FindPhrases(TokenText(prepared), facts);
  for (const Negation& negation : facts.negations) {
    // "Without losing x" says that x stays: a wish that goes without saying, not a condition.
    if (words[negation.word].canonical == "without" && negation.scope == negation.word + 1)
      facts.constraints.push_back("without:" + words[negation.scope].stem);
  }
  SortUnique(facts.constraints);
  facts.present = AsksForPresent(prepared);
  return facts;
}

}  // namespace reflex::text
