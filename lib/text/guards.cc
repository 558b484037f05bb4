#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <optional>

#include "text/reading.h"
#include "text/tasks.h"

namespace reflex::text {
namespace {

using Found = std::optional<Conflict>;

std::string Join(const std::vector<std::string>& names) {
  std::string joined;
  for (const std::string& name : names) joined.append(joined.empty() ? "" : ", ").append(name);
  return joined;
}

bool Mentions(const Reading& reading, std::string_view stem) {
  return std::ranges::any_of(reading.words, [&](const Word& word) { return word.stem == stem || word.canonical == stem; });
}

// Members of `names` that the other text does not mention in any form.
std::vector<std::string> Missing(const std::vector<std::string>& names, const std::vector<std::string>& others, const Reading& other) {
  std::vector<std::string> missing;
  for (const std::string& name : names) {
    if (!std::ranges::binary_search(others, name) && !Mentions(other, Stem(name)) && !Mentions(other, name)) missing.push_back(name);
  }
  return missing;
}

std::string Say(const std::vector<Quantity>& quantities) {
  std::string text;
  for (const Quantity& quantity : quantities) {
    char number[32];
    std::snprintf(number, sizeof(number), "%g", quantity.written);
    text.append(text.empty() ? "" : ", ").append(number).append(quantity.percent ? "%" : "");
  }
  return text;
}

std::vector<Quantity> Strong(std::vector<Quantity> quantities) {
  std::erase_if(quantities, [](const Quantity& quantity) { return quantity.weak; });
  return quantities;
}

// A number on one side only may be a word of the other ("triplets"); two that differ are two questions.
Found Numbers(const Reading& a, const Reading& b) {
  const auto only_a = UnmatchedQuantities(a.facts.numbers, b.facts.numbers), only_b = UnmatchedQuantities(b.facts.numbers, a.facts.numbers);
  const bool substituted = !only_a.empty() && !only_b.empty();
  if (substituted || !Strong(only_a).empty() || !Strong(only_b).empty()) return Conflict{"numbers", Say(only_a), Say(only_b)};
  return std::nullopt;
}

bool Denies(const Reading& reading, std::string_view stem) {
  return std::ranges::any_of(reading.facts.negations, [&](const Negation& negation) {
    return negation.scope != negation.word && reading.words[negation.scope].stem == stem;
  });
}

// One text denies what the other states: the same word, denied here and plain there, and the counts of denials differ.
Found Negated(const Reading& a, const Reading& b) {
  if (a.facts.negations.size() % 2 == b.facts.negations.size() % 2) return std::nullopt;
  const auto denied_and_stated = [](const Reading& x, const Reading& y) -> std::optional<std::string> {
    for (const Negation& negation : x.facts.negations) {
      const Word& scope = x.words[negation.scope];
      if (negation.scope == negation.word) {
        const std::size_t hyphen = scope.stem.find('-');
        if (hyphen != std::string::npos && Mentions(y, scope.stem.substr(hyphen + 1))) return scope.lower;
      } else if (Mentions(y, scope.stem) && !Denies(y, scope.stem)) {
        return x.words[negation.word].lower + " " + scope.lower;
      }
    }
    return std::nullopt;
  };
  if (const auto said = denied_and_stated(a, b)) return Conflict{"negation", *said, ""};
  if (const auto said = denied_and_stated(b, a)) return Conflict{"negation", "", *said};
  return std::nullopt;
}

bool Intersect(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::ranges::any_of(a, [&](const std::string& name) { return std::ranges::binary_search(b, name); });
}

Found Direction(const Reading& a, const Reading& b) {
  const bool crossed = Intersect(a.facts.from, b.facts.to) || Intersect(a.facts.to, b.facts.from);
  if (!crossed || Intersect(a.facts.from, b.facts.from) || Intersect(a.facts.to, b.facts.to)) return std::nullopt;
  if (Intersect(a.facts.from, a.facts.to) || Intersect(b.facts.from, b.facts.to)) return std::nullopt;
  const auto say = [](const Facts& facts) {
    return (facts.from.empty() ? "" : "from " + Join(facts.from) + " ") + (facts.to.empty() ? "" : "to " + Join(facts.to));
  };
  return Conflict{"direction", say(a.facts), say(b.facts)};
}

// Names that the other text lacks, on both sides.
Found Substituted(std::string_view guard, std::vector<std::string> Facts::* names, const Reading& a, const Reading& b) {
  const auto only_a = Missing(a.facts.*names, b.facts.*names, b), only_b = Missing(b.facts.*names, a.facts.*names, a);
  if (only_a.empty() || only_b.empty()) return std::nullopt;
  return Conflict{guard, Join(only_a), Join(only_b)};
}

Found Tools(const Reading& a, const Reading& b) {
  if (const Found found = Substituted("language", &Facts::tools, a, b)) return found;
  // A tool here and none there: the other text may mean any.
  const auto only_a = Missing(a.facts.tools, b.facts.tools, b), only_b = Missing(b.facts.tools, a.facts.tools, a);
  const bool one_sided = (!only_a.empty() && b.facts.tools.empty()) || (!only_b.empty() && a.facts.tools.empty());
  if (one_sided) return Conflict{"language", Join(only_a), Join(only_b)};
  return std::nullopt;
}

Found Entities(const Reading& a, const Reading& b) { return Substituted("entity", &Facts::names, a, b); }
Found Identifiers(const Reading& a, const Reading& b) { return Substituted("identifier", &Facts::identifiers, a, b); }

Found Quantifiers(const Reading& a, const Reading& b) {
  constexpr std::array<std::pair<std::uint32_t, std::uint32_t>, 5> kOpposites = {
      {{kAtLeast, kAtMost}, {kFirst, kLast}, {kAll, kOnlyOne}, {kMoreThan, kLessThan}, {kAll, kFirst}}};
  constexpr std::array<std::string_view, 8> kNames = {"at least", "at most", "first", "last", "all", "only one", "more than", "less than"};
  const std::uint32_t only_a = a.facts.quantifiers & ~b.facts.quantifiers, only_b = b.facts.quantifiers & ~a.facts.quantifiers;
  const auto name = [&](std::uint32_t bit) { return std::string(kNames[static_cast<std::size_t>(std::countr_zero(bit))]); };
  for (const auto& [x, y] : kOpposites) {
    if ((only_a & x) && (only_b & y)) return Conflict{"quantifier", name(x), name(y)};
    if ((only_a & y) && (only_b & x)) return Conflict{"quantifier", name(y), name(x)};
  }
  return std::nullopt;
}

Found Quotes(const Reading& a, const Reading& b) {
  if (a.facts.quotes.empty() || b.facts.quotes.empty() || a.facts.quotes == b.facts.quotes) return std::nullopt;
  return Conflict{"quotation", Join(a.facts.quotes), Join(b.facts.quotes)};
}

// Code is compared without its spaces; inline spans that the other text writes without ticks are no difference.
Found Code(const Reading& a, const Reading& b) {
  const auto whole = [](const Reading& reading) {
    std::string joined;
    for (const std::string& code : reading.facts.code) joined.append(code);
    return joined;
  };
  const std::string code_a = whole(a), code_b = whole(b);
  if (code_a == code_b || code_a.empty() || code_b.empty()) return std::nullopt;
  constexpr std::size_t kSaidMax = 60;
  return Conflict{"code", code_a.substr(0, kSaidMax), code_b.substr(0, kSaidMax)};
}

Found OutputLanguages(const Reading& a, const Reading& b) {
  const auto &x = a.facts.output_languages, &y = b.facts.output_languages;
  if (x == y || (Missing(x, y, b).empty() && Missing(y, x, a).empty())) return std::nullopt;
  return Conflict{"output-language", Join(x), Join(y)};
}

Found Tasks(const Reading& a, const Reading& b) {
  constexpr std::uint32_t kApart = kTaskWho | kTaskWhenPast | kTaskWhere | kTaskWhy | kTaskFix | kTaskReview | kTaskTranslate | kTaskSummarise |
                                   kTaskExplain | kTaskWrite | kTaskCompare | kTaskWhen;
  const std::uint32_t x = a.leading_task & kApart, y = b.leading_task & kApart;
  if (x == 0 || y == 0 || x == y || (a.tasks & y) || (b.tasks & x)) return std::nullopt;
  const auto lead = [](const Reading& reading) { return reading.words.empty() ? std::string() : reading.words.front().lower; };
  return Conflict{"task", lead(a), lead(b)};
}

// A condition that the other text neither has nor speaks of.
Found Constraints(const Reading& a, const Reading& b) {
  const auto lacking = [](const Reading& x, const Reading& y) -> std::vector<std::string> {
    std::vector<std::string> missing;
    for (const std::string& constraint : x.facts.constraints) {
      if (std::ranges::binary_search(y.facts.constraints, constraint)) continue;
      const std::size_t colon = constraint.find(':');
      if (colon == std::string::npos ? !y.tokens.contains(constraint) : y.facts.negations.empty() && !Mentions(y, constraint.substr(colon + 1))) {
        missing.push_back(constraint);
      }
    }
    return missing;
  };
  const auto only_a = lacking(a, b), only_b = lacking(b, a);
  if (only_a.empty() && only_b.empty()) return std::nullopt;
  return Conflict{"constraint", Join(only_a), Join(only_b)};
}

// The one position of a stem, or nothing when the text has it not once.
std::optional<std::size_t> OnlyPosition(const Reading& reading, const Word& word) {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < reading.words.size(); ++i) {
    if (reading.words[i].stem_hash != word.stem_hash) continue;
    if (found) return std::nullopt;
    found = i;
  }
  return found;
}

// "A to B" here, "B to A" there, with the same word between and each name once.
Found Order(const Reading& a, const Reading& b) {
  for (const Relation& relation : a.facts.relations) {
    const Word &left = a.words[relation.left], &right = a.words[relation.right];
    if (left.stem_hash == right.stem_hash || !OnlyPosition(a, left) || !OnlyPosition(a, right)) continue;
    const auto left_b = OnlyPosition(b, left), right_b = OnlyPosition(b, right);
    if (!left_b || !right_b || *right_b > *left_b) continue;
    for (const Relation& other : b.facts.relations) {
      if (other.left == *right_b && other.right == *left_b && b.words[other.word].lower == a.words[relation.word].lower) {
        const std::string between = " " + a.words[relation.word].lower + " ";
        return Conflict{"order", left.lower + between + right.lower, right.lower + between + left.lower};
      }
    }
  }
  return std::nullopt;
}

// A word here, its listed opposite there, neither in both; a denial more on one side turns it round again.
Found Antonyms(const Reading& a, const Reading& b) {
  if (a.facts.negations.size() % 2 != b.facts.negations.size() % 2) return std::nullopt;
  for (const Word& word : a.words) {
    if (word.kin.antonyms.empty() || Mentions(b, word.stem)) continue;
    for (const Word& other : b.words) {
      if (!other.kin.antonyms.empty() && ShareOne(word.kin.antonyms, other.kin.antonyms) && !Mentions(a, other.stem)) {
        return Conflict{"antonym", word.lower, other.lower};
      }
    }
  }
  return std::nullopt;
}

Found Present(const Reading& a, const Reading& b) {
  if (a.facts.present == b.facts.present) return std::nullopt;
  return Conflict{"present", a.facts.present ? "now" : "", b.facts.present ? "now" : ""};
}

}  // namespace

std::vector<Conflict> FindConflicts(const Reading& a, const Reading& b) {
  using Guard = Found (*)(const Reading&, const Reading&);
  // In the order of kGuardNames.
  constexpr std::array<Guard, kGuards> kAll = {Numbers, Negated, Direction, Tools, Entities, Quantifiers, Identifiers, Quotes,
                                               Code, OutputLanguages, Tasks, Constraints, Order, Antonyms, Present};
  std::vector<Conflict> conflicts;
  for (const Guard guard : kAll) {
    if (Found found = guard(a, b)) conflicts.push_back(std::move(*found));
  }
  return conflicts;
}

}  // namespace reflex::text
