#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <optional>

#include "text/chars.h"
#include "text/edit.h"
#include "text/opposites.h"
#include "text/reading.h"
#include "text/signs.h"
#include "text/tasks.h"

namespace reflex::text {
namespace {

using Found = std::optional<Conflict>;

std::string Join(const std::vector<std::string>& names) {
  std::string joined;
  for (const std::string& name : names) joined.append(joined.empty() ? "" : ", ").append(name);
  return joined;
}

bool Mentions(const Reading& reading, std::string_view stem) { return reading.index.Has(HashWord(stem)); }

// "Mexico" and "Mexican", not "Austria" and "Australia".
bool AreOfOneRoot(std::string_view a, std::string_view b) {
  const auto common = static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
  return common >= 5 && common * 4 >= std::min(a.size(), b.size()) * 3;
}

// In another form as well: as a part of a joined word, or with a typing error.
bool MentionsName(const Reading& reading, const std::string& name) {
  if (Mentions(reading, name) || Mentions(reading, Stem(name)) || reading.tokens.contains(TokenText(name))) return true;
  return std::ranges::any_of(reading.words,
                             [&](const Word& word) { return MayBeTypoOf(word.lower, name) || AreOfOneRoot(word.lower, name); });
}

// Whether the texts share most of their words, so that what differs is the point of them. Elsewhere a fact that only one text
// states may stand in the other in words that no list knows: that is left to the score.
bool AreClose(const Reading& a, const Reading& b) {
  constexpr double kShareMin = 0.5;
  std::size_t words = 0, common = 0;
  const auto count = [&](const Reading& x, const Reading& y) {
    for (const Word& word : x.words) {
      if (word.type == WordType::kFunction) continue;
      ++words;
      common += y.index.HasStem(word.stem_hash);
    }
  };
  count(a, b);
  count(b, a);
  return static_cast<double>(common) >= kShareMin * static_cast<double>(words);
}

// "RSI" and "repetitive strain injury".
bool HasInitials(const Reading& reading, std::string_view acronym) {
  if (acronym.size() < 2 || acronym.size() > 6) return false;
  std::string initials;
  for (std::size_t at = 0; at + 1 < reading.tokens.size(); ++at) {
    if (reading.tokens[at] == ' ') initials.push_back(reading.tokens[at + 1]);
  }
  return initials.contains(acronym);
}

// Members of `names` that the other text does not mention in any form.
std::vector<std::string> Missing(const std::vector<std::string>& names, const std::vector<std::string>& others,
                                 const Reading& other) {
  std::vector<std::string> missing;
  for (const std::string& name : names) {
    if (!std::ranges::binary_search(others, name) && !MentionsName(other, name)) missing.push_back(name);
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

// Two numbers that differ are two questions; a number on one side only is where the rest is much the same.
Found Numbers(const Reading& a, const Reading& b) {
  const auto only_a = UnmatchedQuantities(a.facts.numbers, b.facts.numbers),
             only_b = UnmatchedQuantities(b.facts.numbers, a.facts.numbers);
  const auto strong_a = Strong(only_a), strong_b = Strong(only_b);
  const bool both = !strong_a.empty() && !strong_b.empty();
  const bool weak = strong_a.empty() && strong_b.empty() && !only_a.empty() && !only_b.empty() &&
                    only_a.front().measure == only_b.front().measure;
  const bool one = strong_a.empty() != strong_b.empty() && AreClose(a, b);
  if (both || weak || one) return Conflict{"numbers", Say(only_a), Say(only_b)};
  return std::nullopt;
}

bool Denies(const Reading& reading, std::string_view stem) {
  return std::ranges::any_of(reading.facts.negations, [&](const Negation& negation) {
    return negation.scope != negation.word && reading.words[negation.scope].stem == stem;
  });
}

// One text denies what the other states: the same word, denied here and plain there, and the counts of denials differ.
Found Negated(const Reading& a, const Reading& b) {
  if (a.facts.negations.size() % 2 == b.facts.negations.size() % 2 || !AreClose(a, b)) return std::nullopt;
  const auto denied_and_stated = [](const Reading& x, const Reading& y) -> std::optional<std::string> {
    for (const Negation& negation : x.facts.negations) {
      const Word& scope = x.words[negation.scope];
      if (negation.scope == negation.word) {
        const std::size_t joint = scope.lower.find_last_of(" -");
        if (joint != std::string::npos && Mentions(y, Stem(std::string_view(scope.lower).substr(joint + 1)))) return scope.lower;
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

constexpr auto kLanguages = std::to_array<std::string_view>(
    {"python", "javascript", "typescript", "java",    "kotlin", "rust", "go",     "c",       "c++",   "c#",    "ruby",
     "php",    "swift",      "scala",      "haskell", "lua",    "perl", "elixir", "clojure", "ocaml", "dart",  "r",
     "julia",  "powershell", "erlang",     "f#",      "zig",    "nim",  "matlab", "fortran", "cobol", "delphi"});

Found Tools(const Reading& a, const Reading& b) {
  if (const Found found = Substituted("language", &Facts::tools, a, b)) return found;
  // A programming language here and no tool there: the other text may mean any.
  const auto only_a = Missing(a.facts.tools, b.facts.tools, b), only_b = Missing(b.facts.tools, a.facts.tools, a);
  const auto has_language = [](const std::vector<std::string>& tools) {
    return std::ranges::any_of(tools,
                               [](const std::string& tool) { return std::ranges::find(kLanguages, tool) != kLanguages.end(); });
  };
  const bool one_sided = (has_language(only_a) && b.facts.tools.empty()) || (has_language(only_b) && a.facts.tools.empty());
  if (one_sided) return Conflict{"language", Join(only_a), Join(only_b)};
  return std::nullopt;
}

Found Entities(const Reading& a, const Reading& b) { return Substituted("entity", &Facts::names, a, b); }

Found Identifiers(const Reading& a, const Reading& b) {
  const auto missing = [](const Reading& x, const Reading& y) {
    std::vector<std::string> names = x.facts.identifiers;
    std::erase_if(names, [&](const std::string& name) {
      const bool listed = std::ranges::find(y.facts.identifiers, name) != y.facts.identifiers.end();
      return listed || Mentions(y, name) || y.tokens.contains(TokenText(name)) || HasInitials(y, name);
    });
    return names;
  };
  const auto only_a = missing(a, b), only_b = missing(b, a);
  if (!only_a.empty() && !only_b.empty()) return Conflict{"identifier", Join(only_a), Join(only_b)};
  const auto options_a = OptionsBeyond(a.facts.options, b.facts.options),
             options_b = OptionsBeyond(b.facts.options, a.facts.options);
  if (options_a.empty() || options_b.empty()) return std::nullopt;
  return Conflict{"identifier", Join(options_a), Join(options_b)};
}

Found Quantifiers(const Reading& a, const Reading& b) {
  struct Opposite {
    std::uint32_t x, y;
    bool stated;  // Only where neither text denies: "not all" is "at least one is not", "not more than" is "at most".
  };
  constexpr auto kOpposites = std::to_array<Opposite>({{kAtLeast, kAtMost, false},
                                                       {kAtMost, kMoreThan, true},
                                                       {kAtLeast, kLessThan, true},
                                                       {kFirst, kLast, false},
                                                       {kAll, kOnlyOne, false},
                                                       {kMoreThan, kLessThan, false},
                                                       {kAll, kFirst, false},
                                                       {kAll, kSome, true}});
  constexpr std::array<std::string_view, 9> kNames = {"at least", "at most",   "first",     "last",        "all",
                                                      "only one", "more than", "less than", "at least one"};
  const std::uint32_t only_a = a.facts.quantifiers & ~b.facts.quantifiers, only_b = b.facts.quantifiers & ~a.facts.quantifiers;
  const auto name = [&](std::uint32_t bit) { return std::string(kNames[static_cast<std::size_t>(std::countr_zero(bit))]); };
  const bool denied = !a.facts.negations.empty() || !b.facts.negations.empty();
  for (const auto& [x, y, stated] : kOpposites) {
    if (stated && denied) continue;
    if ((only_a & x) && (only_b & y)) return Conflict{"quantifier", name(x), name(y)};
    if ((only_a & y) && (only_b & x)) return Conflict{"quantifier", name(y), name(x)};
  }
  return std::nullopt;
}

// A quoted string is in the other text too where that writes it without marks, or begins or ends the quoted sentence otherwise.
Found Quotes(const Reading& a, const Reading& b) {
  if (a.facts.quotes.empty() || b.facts.quotes.empty() || a.facts.quotes == b.facts.quotes) return std::nullopt;
  const auto written = [](std::string_view quote, const Reading& other) {
    while (!quote.empty() && Contains(".,;:!?", quote.back())) quote.remove_suffix(1);
    const bool sentence = Contains(quote, ' ') && quote.size() > 1 && !IsUpper(quote[1]);
    const std::string_view rest = quote.substr(sentence ? 1 : 0);
    for (std::size_t at = other.prepared.find(rest); at != std::string::npos; at = other.prepared.find(rest, at + 1)) {
      const std::size_t begin = at - (sentence ? 1 : 0), end = at + rest.size();
      if (sentence && (at == 0 || ToLower(other.prepared[begin]) != ToLower(quote.front()))) continue;
      const bool alone =
          (begin == 0 || !IsAlnum(other.prepared[begin - 1])) && (end == other.prepared.size() || !IsAlnum(other.prepared[end]));
      if (alone) return true;
    }
    return false;
  };
  const bool same = std::ranges::all_of(a.facts.quotes, [&](const std::string& quote) { return written(quote, b); }) &&
                    std::ranges::all_of(b.facts.quotes, [&](const std::string& quote) { return written(quote, a); });
  if (same) return std::nullopt;
  return Conflict{"quotation", Join(a.facts.quotes), Join(b.facts.quotes)};
}

// Whether the longer is the shorter with nothing but prose around it.
bool IsCodeInProse(std::string_view shorter, std::string_view longer) {
  if (shorter.size() > longer.size()) std::swap(shorter, longer);
  const std::size_t at = longer.find(shorter);
  if (at == std::string_view::npos) return false;
  const auto prose = [](char c) { return IsAlpha(c) || Contains(",?!'", c); };
  return std::ranges::all_of(longer.substr(0, at), prose) && std::ranges::all_of(longer.substr(at + shorter.size()), prose);
}

// Code is compared without its spaces; inline spans that the other text writes without ticks are no difference.
Found Code(const Reading& a, const Reading& b) {
  const auto &patterns_a = a.facts.patterns, &patterns_b = b.facts.patterns;
  if (!patterns_a.empty() && !patterns_b.empty() && patterns_a != patterns_b) {
    return Conflict{"code", Join(patterns_a), Join(patterns_b)};
  }
  const auto whole = [](const Reading& reading) {
    std::string joined;
    for (const std::string& code : reading.facts.code) joined.append(code);
    return joined;
  };
  const std::string code_a = whole(a), code_b = whole(b);
  if (code_a.empty() || code_b.empty() || IsCodeInProse(code_a, code_b)) return std::nullopt;
  constexpr std::size_t kSaidMax = 60;
  return Conflict{"code", code_a.substr(0, kSaidMax), code_b.substr(0, kSaidMax)};
}

Found OutputLanguages(const Reading& a, const Reading& b) {
  const auto &x = a.facts.output_languages, &y = b.facts.output_languages;
  if (x == y || (Missing(x, y, b).empty() && Missing(y, x, a).empty())) return std::nullopt;
  return Conflict{"output-language", Join(x), Join(y)};
}

// One asks whether, the other what, when, why or how, in the same words of meaning otherwise.
bool DiffersInWhether(const Reading& a, const Reading& b) {
  constexpr auto kAsks = std::to_array<std::string_view>({"what", "which", "who", "when", "where", "why", "how"});
  const Reading& open = (a.tasks & kTaskYesNo) != 0 ? b : a;
  if (((a.tasks ^ b.tasks) & kTaskYesNo) == 0 || open.words.empty()) return false;
  if (std::ranges::find(kAsks, open.words.front().lower) == kAsks.end()) return false;
  // "Is there a way to", "is it possible to" ask how.
  const Reading& other = &open == &a ? b : a;
  if (other.tokens.contains(" way ") || other.tokens.contains(" possible ")) return false;
  const auto within = [](const Reading& x, const Reading& y) {
    return std::ranges::all_of(
        x.words, [&](const Word& word) { return word.type == WordType::kFunction || y.index.HasStem(word.stem_hash); });
  };
  return within(a, b) && within(b, a);
}

// "Explain CORS" here, "a CORS config that …" there: a thing to be made, of which the other does not speak.
bool ExplainsOtherThanMade(const Reading& explained, const Reading& made) {
  constexpr auto kThings = std::to_array<std::string_view>({"config", "configuration", "script", "snippet", "regex", "query"});
  const std::string_view verb = explained.words.empty() ? std::string_view() : explained.words.front().lower;
  if ((verb != "explain" && verb != "describe" && verb != "define") || ((made.task_verbs | made.tasks) & kTaskExplain) != 0)
    return false;
  const auto names_one = [&](const Reading& reading) {
    return std::ranges::any_of(kThings, [&](std::string_view thing) { return Mentions(reading, Stem(thing)); });
  };
  return names_one(made) && !names_one(explained);
}

// "Explain this stack trace": what is pointed at decides the answer, so the other text must speak of it too. Empty: nothing is.
std::string_view PointedAt(const Reading& reading) {
  constexpr std::uint32_t kOfAThing = kTaskExplain | kTaskFix | kTaskReview | kTaskTranslate | kTaskSummarise;
  constexpr std::size_t kNear = 5;
  if ((reading.leading_task & kOfAThing) == 0) return {};
  for (std::size_t at = 0; at + 1 < reading.words.size() && at < kNear; ++at) {
    const Word& next = reading.words[at + 1];
    if (reading.words[at].lower != "this" || next.type != WordType::kContent) continue;
    // "Explain this error: segmentation fault" says itself what it points at.
    const bool told = next.span.end + 1 < reading.prepared.size() && reading.prepared[next.span.end] == ':';
    return told ? std::string_view() : std::string_view(next.stem);
  }
  return {};
}

bool PointsElsewhere(const Reading& a, const Reading& b) {
  const auto shows = [](const Facts& facts) { return !facts.quotes.empty() || !facts.code.empty() || !facts.patterns.empty(); };
  if (shows(a.facts) && shows(b.facts)) return false;
  const std::string_view pointed = PointedAt(a);
  return !pointed.empty() && !Mentions(b, pointed);
}

Found Tasks(const Reading& a, const Reading& b) {
  const auto lead = [](const Reading& reading) { return reading.words.empty() ? std::string() : reading.words.front().lower; };
  const bool differs = DiffersInWhether(a, b) || ExplainsOtherThanMade(a, b) || ExplainsOtherThanMade(b, a);
  if (differs || PointsElsewhere(a, b) || PointsElsewhere(b, a)) return Conflict{"task", lead(a), lead(b)};
  constexpr std::uint32_t kApart = kTaskWho | kTaskWhenPast | kTaskWhere | kTaskWhy | kTaskFix | kTaskReview | kTaskTranslate |
                                   kTaskSummarise | kTaskExplain | kTaskWrite | kTaskCompare | kTaskWhen;
  const std::uint32_t x = a.leading_task & kApart, y = b.leading_task & kApart;
  if (x == 0 || y == 0 || x == y || (a.task_verbs & y) || (b.task_verbs & x) || !AreClose(a, b)) return std::nullopt;
  return Conflict{"task", lead(a), lead(b)};
}

// A condition that the other text neither has nor speaks of.
Found Constraints(const Reading& a, const Reading& b) {
  const auto lacking = [](const Reading& x, const Reading& y) -> std::vector<std::string> {
    std::vector<std::string> missing;
    for (const std::string& constraint : x.facts.constraints) {
      if (std::ranges::binary_search(y.facts.constraints, constraint)) continue;
      const std::size_t colon = constraint.find(':');
      if (colon == std::string::npos ? !y.tokens.contains(constraint)
                                     : y.facts.negations.empty() && !Mentions(y, constraint.substr(colon + 1))) {
        missing.push_back(constraint);
      }
    }
    return missing;
  };
  const auto only_a = lacking(a, b), only_b = lacking(b, a);
  // What the answer is to look like counts in whatever words the rest is.
  const auto on_form = [](const std::vector<std::string>& missing) {
    return std::ranges::find(missing, kNothingElse) != missing.end();
  };
  if ((only_a.empty() && only_b.empty()) || (!AreClose(a, b) && !on_form(only_a) && !on_form(only_b))) return std::nullopt;
  return Conflict{"constraint", Join(only_a), Join(only_b)};
}

// "Today" here, "tomorrow" there. A moment named on one side only is left to the score: it may be small talk.
Found Present(const Reading& a, const Reading& b) {
  if (a.facts.times.empty() || b.facts.times.empty() || a.facts.times == b.facts.times) return std::nullopt;
  return Conflict{"present", Join(a.facts.times), Join(b.facts.times)};
}

// "Is A higher than B" and "is B lower than A" ask the same: an opposite and a change of order undo each other.
void DropDoubleReversal(const Reading& a, const Reading& b, std::vector<Conflict>& conflicts) {
  const auto is = [](const Conflict& conflict, std::string_view guard) { return conflict.guard == guard; };
  const auto opposes = [&](const Conflict& c) { return is(c, "antonym") || is(c, "quantifier"); };
  const auto undone = [&](const Conflict& c) { return opposes(c) || is(c, "order") || is(c, "direction"); };
  if (std::ranges::none_of(conflicts, undone)) return;
  if (AreTurnedRound(a, b) || (std::ranges::any_of(conflicts, opposes) && AreSwapped(a, b))) std::erase_if(conflicts, undone);
}

}  // namespace

std::vector<Conflict> FindConflicts(const Reading& a, const Reading& b) {
  using Guard = Found (*)(const Reading&, const Reading&);
  // In the order of kGuardNames.
  constexpr std::array<Guard, kGuards> kAll = {
      Numbers, Negated,         Direction, Tools,       Entities,          Quantifiers,         Identifiers, Quotes,
      Code,    OutputLanguages, Tasks,     Constraints, FindOrderConflict, FindAntonymConflict, Present};
  std::vector<Conflict> conflicts;
  for (const Guard guard : kAll) {
    if (Found found = guard(a, b)) conflicts.push_back(std::move(*found));
  }
  DropDoubleReversal(a, b, conflicts);
  return conflicts;
}

}  // namespace reflex::text
