// Facts, tasks, and what is left when all partners are found.
#include <algorithm>
#include <array>
#include <bit>
#include <set>
#include <string>
#include <vector>

#include "text/tasks.h"
#include "verify/measures.h"

namespace reflex::verify {
namespace {

using text::WordType;

float Negations(const Reading& reading) {
  return static_cast<float>(std::ranges::count(reading.words, WordType::kNegation, &text::Word::type));
}

// Unmatched words of A that have a listed opposite among those of B, each counted once.
float AntonymPairs(const Side& a, const Side& b) {
  std::set<std::string_view> seen;
  for (const std::uint32_t i : a.left) {
    if (a.kin[i]->antonyms.empty()) continue;
    const bool opposed =
        std::ranges::any_of(b.left, [&](std::uint32_t j) { return a.kin[i]->antonyms.SharesWith(b.kin[j]->antonyms); });
    if (opposed) seen.insert(a.word(i).lower);
  }
  return static_cast<float>(seen.size());
}

std::set<std::uint64_t> Tools(const Side& side) {
  std::set<std::uint64_t> tools;
  for (std::size_t i = 0; i < side.size(); ++i) {
    if (side.word(i).type == WordType::kTool) tools.insert(side.canonical[i]);
  }
  return tools;
}

template <class T>
float SymmetricDifference(const std::vector<T>& a, const std::vector<T>& b) {
  std::vector<T> out;
  std::ranges::set_symmetric_difference(a, b, std::back_inserter(out));
  return static_cast<float>(out.size());
}

std::vector<std::string> DeniedStems(const Reading& reading) {
  std::vector<std::string> stems;
  for (const text::Negation& negation : reading.facts.negations) stems.push_back(reading.words[negation.scope].stem);
  std::ranges::sort(stems);
  return stems;
}

// The plain rule over counts and sets, without scopes: what differs here is another question more often than not.
bool PlainGuard(const Reading& a, const Reading& b, const Features& f) {
  constexpr auto kDirections =
      std::to_array<std::string_view>({"to", "into", "from", "than", "onto", "of", "by", "against", "in", "out"});
  constexpr auto kSymmetric = std::to_array<std::string_view>(
      {"between", "compare", "difference", "vs", "versus", "union", "add", "plus", "both", "swap", "pros"});
  const auto has = [&](const auto& list) {
    return std::ranges::any_of(a.words, [&](const text::Word& word) { return std::ranges::find(list, word.lower) != list.end(); });
  };
  const bool order = f[kFeature<"orderdiff">] > 0 && has(kDirections) && !has(kSymmetric);
  return f[kFeature<"numdiff">] > 0 || (Negations(a) > 0) != (Negations(b) > 0) || f[kFeature<"antpair">] > 0 ||
         f[kFeature<"langdiff">] > 0 || order;
}

void MeasureConflicts(const std::vector<text::Conflict>& conflicts, Features& out) {
  constexpr std::size_t kFirst = kFeature<"g_numbers">;
  static_assert(kFeature<"g_present"> == kFirst + text::kGuards - 1);
  for (const text::Conflict& conflict : conflicts) {
    const auto guard = std::ranges::find(text::kGuardNames, conflict.guard) - std::begin(text::kGuardNames);
    out[kFirst + static_cast<std::size_t>(guard)] = 1;
  }
  At<"conflicts">(out) = static_cast<float>(conflicts.size());
}

void MeasureTasks(const Reading& a, const Reading& b, Features& out) {
  const std::uint32_t differ = a.tasks ^ b.tasks;
  At<"taskxor">(out) = static_cast<float>(std::popcount(differ));
  At<"taskshare">(out) = (a.tasks & b.tasks) != 0;
  At<"tasknone">(out) = a.tasks == 0 || b.tasks == 0;
  At<"d_write">(out) = (differ & text::kTaskWrite) != 0;
  At<"d_explain">(out) = (differ & text::kTaskExplain) != 0;
  At<"d_why">(out) = (differ & text::kTaskWhy) != 0;
  At<"d_when">(out) = (differ & text::kTaskWhen) != 0;
  At<"frame_same">(out) = a.leading_task != 0 && a.leading_task == b.leading_task;
  At<"frame_differs">(out) = a.leading_task != 0 && b.leading_task != 0 && a.leading_task != b.leading_task;
}

}  // namespace

void MeasureFacts(const Alignment& alignment, const std::vector<text::Conflict>& conflicts, Features& out) {
  const Reading &a = *alignment.a().reading, &b = *alignment.b().reading;
  const auto only_a = text::UnmatchedQuantities(a.facts.numbers, b.facts.numbers),
             only_b = text::UnmatchedQuantities(b.facts.numbers, a.facts.numbers);
  const auto weak =
      std::ranges::count(only_a, true, &text::Quantity::weak) + std::ranges::count(only_b, true, &text::Quantity::weak);
  const auto numbers = static_cast<float>(only_a.size() + only_b.size());
  At<"numdiff">(out) = numbers > 0;
  At<"numcount">(out) = numbers;
  At<"num_weak">(out) = static_cast<float>(weak);
  At<"num_strong">(out) = numbers - static_cast<float>(weak);
  At<"negdiff">(out) = std::abs(Negations(a) - Negations(b));
  At<"antpair">(out) = AntonymPairs(alignment.a(), alignment.b());
  At<"langdiff">(out) = Tools(alignment.a()) != Tools(alignment.b());
  At<"symdiff">(out) = SymmetricDifference(a.symbols, b.symbols);
  At<"names_left">(out) = SymmetricDifference(a.facts.tools, b.facts.tools) + SymmetricDifference(a.facts.names, b.facts.names) +
                          SymmetricDifference(a.facts.identifiers, b.facts.identifiers);
  At<"names_same">(out) = out[kFeature<"names_left">] == 0;
  At<"neg_scope_diff">(out) = SymmetricDifference(DeniedStems(a), DeniedStems(b));
  At<"constraint_diff">(out) = SymmetricDifference(a.facts.constraints, b.facts.constraints);
  At<"quantifier_diff">(out) = static_cast<float>(std::popcount(a.facts.quantifiers ^ b.facts.quantifiers));
  At<"quote_diff">(out) = a.facts.quotes != b.facts.quotes;
  At<"code_diff">(out) = a.facts.code != b.facts.code;
  MeasureTasks(a, b, out);
  MeasureConflicts(conflicts, out);
  At<"guard">(out) = PlainGuard(a, b, out);
}

// Unmatched words by type, and the best substitute of each.
void MeasureLeftovers(const Alignment& alignment, Features& out) {
  constexpr std::size_t kFirst = kFeature<"u0_n">;
  const float max_weight = text::Lexicon::Get().idf_max();
  for (const Side* side : {&alignment.a(), &alignment.b()}) {
    for (const std::uint32_t i : side->left) {
      const std::size_t at = kFirst + 2 * static_cast<std::size_t>(side->word(i).type);
      out[at] += 1;
      out[at + 1] = std::max(out[at + 1], (1 - side->best[i]) * side->word(i).weight / max_weight);
    }
  }
  const Side &a = alignment.a(), &b = alignment.b();
  float least = 1;
  bool opposed = false;
  for (std::size_t i = 0; i < a.left.size(); ++i) {
    if (a.IsFunction(a.left[i])) continue;
    std::size_t best = b.left.size();
    for (std::size_t j = 0; j < b.left.size(); ++j) {
      if (!b.IsFunction(b.left[j]) && (best == b.left.size() || alignment.Left(i, j) > alignment.Left(i, best))) best = j;
    }
    if (best == b.left.size()) break;
    least = std::min(least, alignment.Left(i, best));
    opposed = opposed || a.kin[a.left[i]]->antonyms.SharesWith(b.kin[b.left[best]]->antonyms);
  }
  At<"bestpairmin">(out) = least;
  At<"pair_ant">(out) = opposed;
}

void MeasureLists(const Alignment& alignment, Features& out) {
  At<"ntypo">(out) = static_cast<float>(alignment.typos());
  At<"ncontrast">(out) = static_cast<float>(alignment.contrasts());
  At<"nsyn">(out) = static_cast<float>(alignment.synonyms());
  At<"phrase_syn">(out) = static_cast<float>(alignment.phrase_synonyms());
  float content = 0, by_synonym = 0, left = 0, left_weight = 0;
  for (const Side* side : {&alignment.a(), &alignment.b()}) {
    for (std::size_t i = 0; i < side->size(); ++i) {
      if (side->IsFunction(i)) continue;
      content += 1;
      by_synonym += side->by_synonym[i];
      if (side->matched[i] || side->by_synonym[i]) continue;
      left += 1;
      left_weight = std::max(left_weight, side->word(i).weight);
    }
  }
  if (content > 0) {
    At<"syn_share">(out) = by_synonym / content;
    At<"contrast_share">(out) = static_cast<float>(alignment.contrasts()) / content;
  }
  At<"left_after_syn">(out) = left;
  At<"left_weight">(out) = left_weight / text::Lexicon::Get().idf_max();
}

}  // namespace reflex::verify
