#include "app/eval_tier.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/digest.h"
#include "reflex/memory_store.h"
#include "vector/local_index.h"
#include "wire/reason.h"

namespace reflex::app {
namespace {

// A day: a trial ends before its entries do.
constexpr std::int64_t kLifeMs = 86'400'000;
// A trial on a busy machine is to decide as an idle one would.
constexpr std::chrono::milliseconds kTimeLimit{60'000};
constexpr std::uint64_t kEntryBytes = 16 << 10;

std::string ReasonOf(const SimilarFound& found) {
  namespace reason = wire::reason;
  switch (found.miss) {
    case SimilarMiss::kNoCandidate: return std::string(reason::kNoCandidate);
    case SimilarMiss::kGuard: return "guard-" + std::string(found.guard);
    case SimilarMiss::kScore: return std::string(reason::kScore);
    case SimilarMiss::kPresent: return std::string(reason::kPresent);
    case SimilarMiss::kLanguage: return std::string(reason::kLanguage);
    case SimilarMiss::kTooLong: return std::string(reason::kTooLong);
    case SimilarMiss::kBlocked: return std::string(reason::kBlocked);
    case SimilarMiss::kBudget: return std::string(reason::kBudget);
    case SimilarMiss::kLoading: return std::string(reason::kLoading);
    case SimilarMiss::kBusy: return std::string(reason::kBusy);
    case SimilarMiss::kTimeout: return std::string(reason::kTimeLimit);
    case SimilarMiss::kFailed: return std::string(reason::kFailed);
  }
  return "";
}

SimilarQuery QueryFor(const Digest& scope, std::string_view question) {
  SimilarQuery query;
  query.scope = scope;
  query.question = question;
  query.usable = [](const Entry&) { return true; };
  return query;
}

}  // namespace

std::string_view ShortName(EvalFound::Layer layer) {
  switch (layer) {
    case EvalFound::Layer::kMiss: return "";
    case EvalFound::Layer::kExact: return "l1";
    case EvalFound::Layer::kCanonical: return "l2";
    case EvalFound::Layer::kVerified: return "l3";
  }
  return "";
}

std::string_view LongName(EvalFound::Layer layer) {
  switch (layer) {
    case EvalFound::Layer::kMiss: return "miss";
    case EvalFound::Layer::kExact: return "hit-l1-exact";
    case EvalFound::Layer::kCanonical: return "hit-l2-canonical";
    case EvalFound::Layer::kVerified: return "hit-l3-verified";
  }
  return "";
}

Result<std::unique_ptr<EvalTier>> EvalTier::Create(SemanticOptions options, bool semantic, Models& models, std::size_t entries,
                                                   Logger& logger) {
  std::unique_ptr<EvalTier> eval(new EvalTier());
  REFLEX_TRY(std::unique_ptr<store::MemoryStore> store,
             store::MemoryStore::Create({.limit_bytes = (entries + 64) * kEntryBytes, .entries = entries + 1}));
  EntryStore& entry_store = *store;
  REFLEX_TRY(eval->cache_, Cache::Create({}, std::move(store), eval->clock_, logger));
  if (!semantic) return eval;

  const auto background = [queue = &eval->background_](std::function<void()> work) {
    queue->push_back(std::move(work));
    return true;
  };
  Embedder& embedder = models.main();
  SemanticTier::Parts parts;
  parts.cache = eval->cache_.get();
  parts.store = &entry_store;
  parts.index = vector::LocalIndex::Create(embedder.dimension(), {},
                                           StoredVectors(entry_store, embedder.model_id(), embedder.dimension()), background);
  parts.words = &models.words;
  parts.model = models.model.get();
  parts.model_verifier = models.verifier.weights;
  parts.pair_net = models.verifier.pair_net;
  parts.reranker = models.reranker.get();
  parts.clock = &eval->clock_;
  parts.logger = &logger;
  parts.background = background;
  options.time_limit = kTimeLimit;
  REFLEX_TRY(eval->tier_, SemanticTier::Create(options, std::move(parts)));
  return eval;
}

EvalTier::~EvalTier() { WorkOff(); }

void EvalTier::WorkOff() {
  while (!background_.empty()) {
    const std::function<void()> work = std::move(background_.front());
    background_.pop_front();
    work();
  }
}

EvalFound EvalTier::Find(const Digest& key, const Digest& scope, std::string_view question, bool semantic) {
  EvalFound result;
  EntryPtr entry = cache_->FindInMemory(key);
  if (!entry) entry = cache_->FindInStore(key);
  if (entry) {
    result = {
        .layer = EvalFound::Layer::kExact, .source = entry->reply, .reason = "", .score = 1, .similarity = 1, .vector = nullptr};
    return result;
  }
  result.reason = wire::reason::kNoEntry;
  if (!tier_ || !semantic || !tier_->LooksWorthwhile(scope)) return result;
  const SimilarQuery query = QueryFor(scope, question);
  const SimilarFound found = tier_->Find(query);
  result.score = found.score;
  result.similarity = found.similarity;
  result.vector = found.vector;
  result.reason = found.entry ? "" : ReasonOf(found);
  if (!found.entry) return result;
  result.source = found.entry->reply;
  result.layer = found.layer == SimilarLayer::kCanonical ? EvalFound::Layer::kCanonical : EvalFound::Layer::kVerified;
  if (found.layer == SimilarLayer::kCanonical) result.score = 1;
  return result;
}

void EvalTier::Store(const Digest& key, const Digest& scope, std::string_view question, bool semantic, std::string name,
                     std::shared_ptr<const SimilarVector> vector) {
  auto entry = std::make_shared<Entry>();
  entry->key = key;
  entry->created_ms = clock_.WallMs();
  entry->expires_ms = entry->created_ms + kLifeMs;
  entry->reply = std::move(name);
  if (semantic && tier_) {
    entry->scope = scope;
    entry->canonical = CanonicalDigest(question);
    entry->question = question;
  }
  cache_->Insert(entry, cache_->epoch());
  if (semantic && tier_) tier_->Stored(entry, std::move(vector));
  WorkOff();
}

double EvalTier::Threshold(const Digest& scope, std::string_view question) {
  const SimilarQuery query = QueryFor(scope, question);
  return tier_ ? tier_->Explain(query).threshold : 2;
}

std::string EvalTier::Best(const Digest& scope, std::string_view question) {
  const SimilarQuery query = QueryFor(scope, question);
  if (!tier_) return "";
  const Explanation explanation = tier_->Explain(query);
  const auto best = std::ranges::max_element(explanation.candidates, {}, &CandidateView::score);
  if (best == explanation.candidates.end() || best->score <= 0) return "";
  const EntryPtr entry = cache_->FindInStore(best->key);
  return entry ? entry->reply : "";
}

Digest EvalDigest(std::string_view what, std::string_view text) {
  base::Sha256 hash;
  hash.UpdateField(what);
  hash.UpdateField(text);
  return hash.Finish();
}

}  // namespace reflex::app
