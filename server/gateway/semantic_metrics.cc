#include "gateway/semantic_metrics.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <span>
#include <string_view>

#include "base/mutex.h"
#include "gateway/metrics.h"
#include "gateway/stats_metrics.h"
#include "wire/reason.h"

namespace reflex::gateway {
namespace {

namespace reason = wire::reason;

// More namespaces than have an estimate of their own.
constexpr std::size_t kAllNamespaces = 2000;

// Every reason a look-up in the semantic tiers can end with.
constexpr std::string_view kMissReasons[] = {reason::kNotUserText,    reason::kSeveralParts,    reason::kEmptyQuestion,
                                             reason::kToolsInPlay,    reason::kSeveralChoices,  reason::kExactWording,
                                             reason::kNoCandidate,    reason::kScore,           reason::kPresent,
                                             reason::kLanguage,       reason::kTooLong,         reason::kBlocked,
                                             reason::kBudget,         reason::kLoading,         reason::kBusy,
                                             reason::kTimeLimit,      reason::kFailed,          reason::kGuardNumbers,
                                             reason::kGuardNegation,  reason::kGuardDirection,  reason::kGuardLanguage,
                                             reason::kGuardEntity,    reason::kGuardQuantifier, reason::kGuardIdentifier,
                                             reason::kGuardQuotation, reason::kGuardCode,       reason::kGuardOutputLanguage,
                                             reason::kGuardTask,      reason::kGuardConstraint, reason::kGuardOrder,
                                             reason::kGuardAntonym,   reason::kGuardPresent,    reason::kGuardOther};

std::string Number(double value) {
  char text[32];
  if (std::isnan(value)) return "NaN";
  const int size = std::snprintf(text, sizeof text, "%.6g", value);
  return {text, static_cast<std::size_t>(size)};
}

// Prometheus text format: backslash, quote and line feed are escaped. Other control characters cannot stand in a namespace.
std::string EscapedLabel(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\' || c == '"') out.push_back('\\');
    if (c == '\n') {
      out.append("\\n");
    } else {
      out.push_back(c);
    }
  }
  return out;
}

struct BudgetMetric {
  std::string_view name, help, type;
  double (*read)(const BudgetView&);
  bool adds;  // The rest has a sum.
};

constexpr BudgetMetric kBudgetMetrics[] = {
    {"reflex_semantic_budget_hits_total", "Semantic hits that count against the namespace's budget.", "counter",
     [](const BudgetView& b) { return static_cast<double>(b.hits); }, true},
    {"reflex_semantic_budget_labels", "Labels that the estimate rests on, older ones halved.", "gauge",
     [](const BudgetView& b) { return b.labels; }, true},
    {"reflex_semantic_budget_wrong_labels", "Those that said wrong.", "gauge", [](const BudgetView& b) { return b.wrong_labels; },
     true},
    {"reflex_semantic_budget_threshold", "The score a semantic hit needs; above 1: none is served.", "gauge",
     [](const BudgetView& b) { return b.threshold; }, false},
    {"reflex_semantic_budget_estimate", "Estimated share of wrong answers among semantic hits.", "gauge",
     [](const BudgetView& b) { return b.estimate; }, false},
    {"reflex_semantic_budget_upper", "Upper end of the estimate's 95 % interval; it must not exceed max_wrong_hits.", "gauge",
     [](const BudgetView& b) { return b.upper; }, false},
    {"reflex_semantic_budget_off", "1 where the namespace had too many wrong hits: no semantic hits there.", "gauge",
     [](const BudgetView& b) { return b.off ? 1.0 : 0.0; }, true},
};

void AppendRow(const BudgetMetric& metric, std::string_view label, std::string_view source, double value, std::string& out) {
  out.append(metric.name).append("{namespace=\"").append(label).append("\",source=\"").append(source).append("\"} ");
  out.append(Number(value)).push_back('\n');
}

std::string_view Source(const BudgetView& budget) { return budget.offline ? "offline" : "labels"; }

void AppendMetric(const BudgetMetric& metric, std::span<const BudgetView> shown, std::span<const BudgetView> rest,
                  std::string& out) {
  out.append("# HELP ").append(metric.name).append(" ").append(metric.help).append("\n");
  out.append("# TYPE ").append(metric.name).append(" ").append(metric.type).append("\n");
  for (const BudgetView& budget : shown) {
    AppendRow(metric, EscapedLabel(budget.name_space), Source(budget), metric.read(budget), out);
  }
  if (rest.empty() || !metric.adds) return;
  double sum = 0;
  for (const BudgetView& budget : rest) sum += metric.read(budget);
  AppendRow(metric, "other", "all", sum, out);
}

constexpr StatsMetric<SemanticStats> kTierMetrics[] = {
    {"reflex_semantic_lookups_total", "Look-ups in the semantic tiers.", true, [](const SemanticStats& s) { return s.lookups; }},
    {"reflex_semantic_loading", "1 until the index is complete after the start; until then large scopes are misses.", false,
     [](const SemanticStats& s) { return std::uint64_t{s.loading}; }},
    {"reflex_semantic_embedded_total", "Texts embedded for a look-up.", true, [](const SemanticStats& s) { return s.embedded; }},
    {"reflex_semantic_embedded_later_total", "Texts embedded in the background.", true,
     [](const SemanticStats& s) { return s.embedded_later; }},
    {"reflex_semantic_vectors_dropped_total", "Stored vectors of another model, which were not used.", true,
     [](const SemanticStats& s) { return s.vectors_dropped; }},
    {"reflex_index_vectors", "Vectors that can be found.", false, [](const SemanticStats& s) { return s.index.vectors; }},
    {"reflex_index_scopes", "Scopes with vectors.", false, [](const SemanticStats& s) { return s.index.scopes; }},
    {"reflex_index_segments", "Sealed segments.", false, [](const SemanticStats& s) { return s.index.segments; }},
    {"reflex_index_lists", "Sealed segments kept as lists around centres.", false,
     [](const SemanticStats& s) { return s.index.lists; }},
    {"reflex_index_deleted", "Removed vectors whose space was not reclaimed yet.", false,
     [](const SemanticStats& s) { return s.index.deleted; }},
    {"reflex_index_bytes", "Memory of the index.", false, [](const SemanticStats& s) { return s.index.memory_bytes; }},
};

}  // namespace

void AppendBudgets(const SemanticTier& tier, std::string& out) {
  const std::vector<BudgetView> budgets = tier.Budgets(kAllNamespaces);
  const std::span<const BudgetView> all(budgets);
  const std::size_t shown = std::min(all.size(), kShownNamespaces);
  for (const BudgetMetric& metric : kBudgetMetrics) AppendMetric(metric, all.first(shown), all.subspan(shown), out);
}

std::vector<std::string> SemanticNotes(const SemanticTier& tier) {
  std::vector<std::string> notes;
  if (tier.Stats().loading) notes.push_back("semantic: the index is loading; until it is complete large scopes are misses");
  std::size_t more = 0;
  for (const std::string& name_space : tier.NamespacesOff()) {
    if (notes.size() >= kShownNamespaces) {
      ++more;
      continue;
    }
    const std::string name = name_space.empty() ? "without a name" : "\"" + name_space + "\"";
    notes.push_back("semantic: off in the namespace " + name + ": more wrong hits than cache.max_wrong_hits allows");
  }
  if (more > 0) notes.push_back("semantic: off in " + std::to_string(more) + " more namespaces");
  return notes;
}

GatewayMetrics::Shares GatewayMetrics::AddShares(base::MetricsRegistry& registry, const std::string& name, const std::string& help,
                                                 std::string_view label) {
  Shares shares{};
  for (std::size_t i = 0; i < kShareBounds.size(); ++i) {
    const std::string labels = std::string(label) + ",le=\"" + Number(kShareBounds[i]) + "\"";
    shares[i] = &registry.AddCounter(name + "_bucket", help, labels);
  }
  shares.back() = &registry.AddCounter(name + "_bucket", help, std::string(label) + ",le=\"+Inf\"");
  return shares;
}

void GatewayMetrics::Observe(const Shares& shares, double value) {
  for (std::size_t i = 0; i < kShareBounds.size(); ++i) {
    if (value <= kShareBounds[i]) shares[i]->Add();
  }
  shares.back()->Add();
}

void GatewayMetrics::AddSemantic(base::MetricsRegistry& registry, const SemanticTier& semantic, Clock& clock) {
  for (const std::string_view why : kMissReasons) {
    base::Counter& counter = registry.AddCounter("reflex_semantic_misses_total", "Why the semantic tiers served nothing.",
                                                 "reason=\"" + std::string(why) + "\"");
    semantic_misses_.emplace_back(why, &counter);
  }
  for (const bool hit : {false, true}) {
    const std::string label = hit ? "outcome=\"hit\"" : "outcome=\"miss\"";
    similarities_[hit] =
        AddShares(registry, "reflex_semantic_similarity", "Similarity of the answer served, or of the best that was not.", label);
    scores_[hit] = AddShares(registry, "reflex_semantic_score", "The verifier's score of the same.", label);
  }
  for (std::size_t i = 0; i < audits_.size(); ++i) {
    constexpr std::string_view kNames[] = {"right", "wrong", "undecided", "failed"};
    audits_[i] = &registry.AddCounter(
        "reflex_audits_total", "Semantic hits that were also asked of the provider.",
        "outcome=\"" + std::string(kNames[i % kAuditOutcomes]) + "\",kind=\"" + (i < kAuditOutcomes ? "hit" : "control") + "\"");
  }
  AddStatsMetrics<SemanticTier>(registry, kTierMetrics, std::make_shared<RecentStats<SemanticTier>>(semantic, clock));
}

void GatewayMetrics::CountSemanticMiss(std::string_view reason) {
  for (const auto& [name, counter] : semantic_misses_) {
    if (name == reason) return counter->Add();
  }
}

std::uint64_t GatewayMetrics::semantic_misses(std::string_view reason) const {
  for (const auto& [name, counter] : semantic_misses_) {
    if (name == reason) return counter->Value();
  }
  return 0;
}

void GatewayMetrics::ObserveCloseness(bool hit, double similarity, std::optional<float> score) {
  if (semantic_misses_.empty()) return;  // No semantic tier.
  Observe(similarities_[hit], similarity);
  if (score) Observe(scores_[hit], *score);
}

}  // namespace reflex::gateway
