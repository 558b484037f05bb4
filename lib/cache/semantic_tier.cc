#include "reflex/semantic_tier.h"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

#include "base/digest.h"
#include "base/metrics.h"
#include "base/pace.h"
#include "cache/semantic_budget.h"
#include "cache/semantic_facts.h"
#include "cache/semantic_filing.h"
#include "cache/semantic_judge.h"
#include "cache/semantic_limits.h"
#include "cache/semantic_lookup.h"
#include "cache/semantic_notes.h"
#include "text/canonical.h"

namespace reflex {
namespace {

Result<void> Check(const SemanticOptions& options) {
  const auto refuse = [](std::string_view name, std::string_view allowed) -> Result<void> {
    return Fail(ErrorCode::kInvalidArgument, "semantic " + std::string(name) + " must be " + std::string(allowed));
  };
  // Written so that NaN is refused.
  if (!(options.max_wrong_hits >= 0.0005 && options.max_wrong_hits <= 0.2)) return refuse("max_wrong_hits", "0.0005 to 0.2");
  if (options.scan_max > cache::kScanMax) return refuse("scan_max", "0 to 64");
  if (options.candidates_max == 0 || options.candidates_max > cache::kCandidatesMax) return refuse("candidates_max", "1 to 64");
  if (options.question_bytes_max == 0 || options.question_bytes_max > cache::kQuestionBytesMax) {
    return refuse("question_bytes_max", "1 to 1048576 bytes");
  }
  if (options.time_limit.count() < 1 || options.time_limit.count() > 60'000) return refuse("time_limit", "1 ms to 60 s");
  if (options.present_ttl.count() < 0) return refuse("present_ttl", "0 or more");
  if (!(options.reranker_threshold >= 0 && options.reranker_threshold <= 1)) return refuse("reranker_threshold", "0 to 1");
  if (!(options.reranker_scale > 0 && options.reranker_scale <= 1000)) return refuse("reranker_scale", "above 0, at most 1000");
  if (!(options.reranker_offset >= -1000 && options.reranker_offset <= 1000)) return refuse("reranker_offset", "-1000 to 1000");
  return {};
}

Result<void> Check(const SemanticTier::Parts& parts) {
  const auto missing = [](std::string_view what) -> Result<void> {
    return Fail(ErrorCode::kInvalidArgument, "the semantic tier needs " + std::string(what));
  };
  if (parts.cache == nullptr) return missing("a cache");
  if (parts.store == nullptr) return missing("the cache's store");
  if (parts.words == nullptr) return missing("a quick embedder");
  if (parts.clock == nullptr || parts.logger == nullptr) return missing("a clock and a logger");
  if (!parts.background) return missing("a way to run work in the background");
  const Embedder& embedder = parts.model != nullptr ? *parts.model : *parts.words;
  if (parts.index != nullptr && parts.index->dimension() != embedder.dimension()) {
    return Fail(ErrorCode::kInvalidArgument, "the index has " + std::to_string(parts.index->dimension()) +
                                                 " dimensions, the embedder " + embedder.model_id() + " has " +
                                                 std::to_string(embedder.dimension()));
  }
  return {};
}

class Tier final : public SemanticTier {
 public:
  Tier(const SemanticOptions& options, Parts parts, cache::PairJudge judge, std::unique_ptr<cache::NamespaceBudgets> budgets)
      : options_(options),
        parts_(std::move(parts)),
        judge_(std::move(judge)),
        blocked_(*parts_.store, *parts_.clock),
        budgets_(std::move(budgets)),
        index_(std::move(parts_.index)) {
    if (index_ != nullptr) {
      filing_ = std::make_unique<cache::VectorFiling>(cache::VectorFiling::Parts{
          *parts_.store, index_, judge_.embedder(), *parts_.clock, *parts_.logger, parts_.background, options_.scan_max});
    }
    lookup_parts_ = std::make_unique<const cache::LookupParts>(cache::LookupParts{
        options_, *parts_.cache, *parts_.store, index_.get(), filing_.get(), parts_.reranker, *parts_.clock, judge_, readings_,
        blocked_, *budgets_, [this](std::string_view what, const Error& error) { Complain(what, error); }});
  }

  bool LooksWorthwhile(const Digest& scope) override {
    if (filing_ != nullptr) filing_->Nudge();
    if (scope == Digest{}) return false;
    const auto members = parts_.store->FindScope(scope, 1);
    return members && !members->empty();
  }

  SimilarFound Find(const SimilarQuery& query) override {
    if (filing_ != nullptr) filing_->Nudge();
    SimilarFound found = Run(query, nullptr);
    lookups_.Add();
    if (found.entry != nullptr) {
      (found.layer == SimilarLayer::kCanonical ? hits_canonical_ : hits_verified_).Add();
      budgets_->CountHit(query.name_space);
    }
    return found;
  }

  Explanation Explain(const SimilarQuery& query) override {
    Explanation explanation;
    explanation.found = Run(query, &explanation);
    explanation.canonical = text::CanonicalText(query.question);
    explanation.facts = cache::DescribeFacts(verify::Read(query.question));
    return explanation;
  }

  void Stored(const EntryPtr& entry, std::shared_ptr<const SimilarVector> vector) override {
    if (filing_ == nullptr || entry == nullptr || entry->scope == Digest{} || entry->question.empty()) return;
    filing_->Stored(entry->scope, entry->key, std::move(vector));
  }

  void Purged(const PurgeRule& rule) override {
    if (index_ != nullptr) index_->Purge(rule);
  }

  Result<void> Block(const Digest& scope, std::string_view question, const Digest& entry, const Digest& canonical) override {
    return blocked_.Block({scope, CanonicalDigest(question), canonical}, entry);
  }

  void Report(std::string_view name_space, bool wrong) override { budgets_->Feedback(name_space, wrong); }
  void Label(std::string_view name_space, bool wrong, bool control) override { budgets_->Label(name_space, wrong, control); }

  void StartLoading() override {
    if (filing_ != nullptr) filing_->StartLoading();
  }

  SemanticStats Stats() const override {
    SemanticStats stats;
    stats.lookups = lookups_.Value();
    stats.hits_canonical = hits_canonical_.Value();
    stats.hits_verified = hits_verified_.Value();
    stats.embedded = embedded_.Value();
    if (filing_ == nullptr) return stats;
    stats.embedded_later = filing_->embedded();
    stats.vectors_dropped = filing_->dropped();
    stats.loading = filing_->loading();
    stats.index = index_->Stats();
    return stats;
  }

  std::vector<BudgetView> Budgets(std::size_t limit) const override { return budgets_->Busiest(limit); }
  BudgetView Budget(std::string_view name_space) const override { return budgets_->View(name_space); }
  std::vector<std::string> NamespacesOff() const override { return budgets_->NamespacesOff(); }

 private:
  // What is thrown here is that memory is short: a miss, as other trouble is.
  SimilarFound Run(const SimilarQuery& query, Explanation* trace) {
    try {
      cache::Lookup lookup(*lookup_parts_, query, trace);
      SimilarFound found = lookup.Run();
      if (lookup.embedded() && trace == nullptr) embedded_.Add();
      return found;
    } catch (const std::exception& thrown) {
      Complain("lookup", {ErrorCode::kInternal, thrown.what()});
    }
    SimilarFound failed;
    failed.miss = SimilarMiss::kFailed;
    return failed;
  }

  // One line in kComplainEvery: a part that is broken fails for every request.
  void Complain(std::string_view what, const Error& error) {
    if (!complaints_.IsDue(parts_.clock->SteadyNs())) return;
    parts_.logger->Log(LogLevel::kWarning, "semantic_lookup_failed part=" + std::string(what) +
                                               " code=" + std::string(Name(error.code)) + " error=\"" + error.message + "\"");
  }

  const SemanticOptions options_;
  Parts parts_;
  const cache::PairJudge judge_;
  cache::ReadingCache readings_;
  cache::BlockedPairs blocked_;
  const std::unique_ptr<cache::NamespaceBudgets> budgets_;
  const std::shared_ptr<VectorIndex> index_;
  // What it runs uses the parts above.
  std::unique_ptr<cache::VectorFiling> filing_;
  std::unique_ptr<const cache::LookupParts> lookup_parts_;
  base::Counter lookups_, hits_canonical_, hits_verified_, embedded_;
  base::Pace complaints_{cache::kComplainEvery};
};

}  // namespace

Result<std::unique_ptr<SemanticTier>> SemanticTier::Create(const SemanticOptions& options, Parts parts) {
  REFLEX_CHECK(Check(options));
  REFLEX_CHECK(Check(parts));
  REFLEX_TRY(auto judge, cache::PairJudge::Create(*parts.store, *parts.words, parts.model, {parts.model_verifier, parts.pair_net}));
  REFLEX_TRY(auto budgets, cache::NamespaceBudgets::Create(options, judge.verifier(judge.has_own()).model(), *parts.store,
                                                           *parts.clock, *parts.logger));
  return std::make_unique<Tier>(options, std::move(parts), std::move(judge), std::move(budgets));
}

VectorIndex::Fetch StoredVectors(EntryStore& store, std::string_view model_id, std::uint32_t dimension) {
  return [&store, maker = cache::VectorMaker::Of(model_id, dimension)](std::uint64_t label, std::span<float> out) {
    bool fits = false;
    store.ReadVectorByLabel(label, [&](std::string_view bytes) { fits = cache::ReadText(bytes, maker, out); });
    return fits;
  };
}

Digest CanonicalDigest(std::string_view question) { return base::HashBytes(text::CanonicalText(question)); }

}  // namespace reflex
