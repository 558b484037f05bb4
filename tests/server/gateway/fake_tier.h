#pragma once

#include <algorithm>
#include <cctype>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reflex/entry_store.h"
#include "reflex/semantic_tier.h"

namespace reflex::gateway::testing {

// A small semantic tier without language: the letters and digits of a question in lower case are its canonical text, and two
// questions mean the same when their first words do ("capital of France" and "capital, please"). Everything else is as promised.
class FakeTier final : public SemanticTier {
 public:
  bool LooksWorthwhile(const Digest& scope) override {
    std::lock_guard lock(mutex_);
    return !by_scope_[scope].empty() || !always_miss.empty();
  }
  SimilarFound Find(const SimilarQuery& query) override {
    std::lock_guard lock(mutex_);
    ++lookups;
    SimilarFound found = Decide(query);
    found.vector = std::make_shared<const SimilarVector>(SimilarVector{{1, 0}, std::string(query.question)});
    return found;
  }
  Explanation Explain(const SimilarQuery& query) override {
    std::lock_guard lock(mutex_);
    Explanation explanation;
    explanation.found = Decide(query);
    explanation.canonical = Letters(query.question);
    explanation.facts = {"number 120 s"};
    explanation.threshold = kThreshold;
    for (const EntryPtr& entry : by_scope_[query.scope]) {
      CandidateView candidate;
      candidate.key = entry->key;
      candidate.question = entry->question;
      candidate.canonical = Letters(entry->question);
      candidate.compared = true;
      candidate.threshold = kThreshold;
      candidate.score = FirstWord(entry->question) == FirstWord(query.question) ? 0.9F : 0.1F;
      candidate.blocked = blocked_.contains({std::string(query.question), entry->key});
      explanation.candidates.push_back(std::move(candidate));
    }
    explanation.scope_entries = explanation.candidates.size();
    return explanation;
  }
  void Stored(const EntryPtr& entry, std::shared_ptr<const SimilarVector> vector) override {
    std::lock_guard lock(mutex_);
    by_scope_[entry->scope].push_back(entry);
    stored_vectors.push_back(std::move(vector));
  }
  Result<void> Block(const Digest&, std::string_view question, const Digest& entry, const Digest& canonical) override {
    std::lock_guard lock(mutex_);
    blocked_canonicals.push_back(canonical);
    if (block_fails) return Fail(ErrorCode::kFull, "the store's queue is full");
    blocked_.insert({std::string(question), entry});
    return {};
  }
  void Purged(const PurgeRule& rule) override {
    std::lock_guard lock(mutex_);
    purged.push_back(rule);
  }
  void Report(std::string_view name_space, bool wrong) override {
    std::lock_guard lock(mutex_);
    labels.push_back((wrong ? "report-wrong " : "report-right ") + std::string(name_space));
  }
  void Label(std::string_view, bool wrong, bool control) override {
    std::lock_guard lock(mutex_);
    labels.push_back(std::string(control ? "control-" : "hit-") + (wrong ? "wrong" : "right"));
  }
  void StartLoading() override {}
  SemanticStats Stats() const override {
    SemanticStats stats;
    stats.lookups = lookups;
    stats.loading = loading;
    return stats;
  }
  std::vector<BudgetView> Budgets(std::size_t limit) const override {
    std::vector<BudgetView> out = budgets;
    if (out.size() > limit) out.resize(limit);
    return out;
  }

  BudgetView Budget(std::string_view name_space) const override {
    const auto named = [&](const BudgetView& budget) { return budget.name_space == name_space; };
    const auto found = std::ranges::find_if(budgets, named);
    if (found != budgets.end()) return *found;
    BudgetView view;
    view.name_space = name_space;
    return view;
  }
  std::vector<std::string> NamespacesOff() const override {
    std::vector<std::string> names;
    for (const BudgetView& budget : budgets) {
      if (budget.off) names.push_back(budget.name_space);
    }
    return names;
  }

  // Of all that was stored, in no order.
  std::vector<Digest> Scopes() {
    std::lock_guard lock(mutex_);
    std::vector<Digest> scopes;
    for (const auto& [scope, entries] : by_scope_) {
      if (!entries.empty()) scopes.push_back(scope);
    }
    return scopes;
  }
  std::vector<std::string> TakeLabels() {
    std::lock_guard lock(mutex_);
    return std::exchange(labels, {});
  }

  // Where not empty: every look-up is this miss.
  struct Miss {
    SimilarMiss miss;
    std::string_view guard;
    float similarity, score;
  };
  std::vector<Miss> always_miss;
  std::vector<BudgetView> budgets;
  std::vector<std::string> labels;
  std::vector<PurgeRule> purged;
  std::vector<std::shared_ptr<const SimilarVector>> stored_vectors;
  std::vector<Digest> blocked_canonicals;
  int lookups = 0;
  bool loading = false, block_fails = false;

  static constexpr double kThreshold = 0.8;

 private:
  static std::string Letters(std::string_view text) {
    std::string out;
    for (const char c : text) {
      if (std::isalnum(static_cast<unsigned char>(c)))
        out.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
    }
    return out;
  }
  static std::string FirstWord(std::string_view text) { return Letters(text.substr(0, text.find(' '))); }

  SimilarFound Decide(const SimilarQuery& query) {
    SimilarFound found;
    if (!always_miss.empty()) {
      found.miss = always_miss[0].miss;
      found.guard = always_miss[0].guard;
      found.similarity = always_miss[0].similarity;
      found.score = always_miss[0].score;
      return found;
    }
    for (const EntryPtr& entry : by_scope_[query.scope]) {
      if (blocked_.contains({std::string(query.question), entry->key})) {
        found.miss = SimilarMiss::kBlocked;
        continue;
      }
      if (!query.usable(*entry)) continue;
      const bool canonical = Letters(entry->question) == Letters(query.question);
      if (!canonical && !(query.verify && FirstWord(entry->question) == FirstWord(query.question))) continue;
      found.entry = entry;
      found.layer = canonical ? SimilarLayer::kCanonical : SimilarLayer::kVerified;
      found.similarity = 0.8765F;
      found.score = 0.9F;
      return found;
    }
    return found;
  }

  mutable std::mutex mutex_;
  std::map<Digest, std::vector<EntryPtr>> by_scope_;
  std::set<std::pair<std::string, Digest>> blocked_;
};

}  // namespace reflex::gateway::testing
