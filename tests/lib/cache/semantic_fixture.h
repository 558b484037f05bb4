#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/digest.h"
#include "inference/static_embedder.h"
#include "lib/store/store_test_util.h"
#include "reflex/cache.h"
#include "reflex/memory_store.h"
#include "reflex/semantic_tier.h"
#include "vector/local_index.h"

namespace reflex::cache {

// Jobs wait here until a test runs them.
class Jobs {
 public:
  std::function<bool(std::function<void()>)> Runner() {
    return [this](std::function<void()> job) {
      if (refuse) return false;
      jobs_.push_back(std::move(job));
      return true;
    };
  }
  // Runs what waits, and what that hands in, at most `limit` jobs. Returns how many.
  std::size_t Run(std::size_t limit = 10'000) {
    std::size_t count = 0;
    for (; count < limit && !jobs_.empty(); ++count) {
      const auto job = std::move(jobs_.front());
      jobs_.pop_front();
      job();
    }
    return count;
  }
  bool empty() const { return jobs_.empty(); }
  bool refuse = false;

 private:
  std::deque<std::function<void()>> jobs_;
};

// The built-in table under another name, as a model that takes its time and fails when it is told to.
class SlowEmbedder final : public Embedder {
 public:
  explicit SlowEmbedder(std::string id = "slow-1") : id_(std::move(id)) {}
  const std::string& model_id() const override { return id_; }
  std::uint32_t dimension() const override { return table_.dimension(); }
  bool quick() const override { return false; }
  Result<Embedding> Embed(std::string_view text, std::span<const TextSpan> words, std::chrono::nanoseconds limit) override {
    ++calls;
    if (before) before();
    if (fails) return Fail(*fails, "told to");
    return table_.Embed(text, words, limit);
  }
  std::uint32_t input_dimension() const override { return dimension(); }
  std::vector<float> InputRows(std::string_view text, std::span<const TextSpan> words) override {
    return table_.Embed(text, words, {})->words;
  }
  std::optional<ErrorCode> fails;
  std::function<void()> before;
  int calls = 0;

 private:
  inference::StaticEmbedder table_;
  std::string id_;
};

// A question that is stored, and one that is asked.
inline constexpr std::string_view kCached = "How do I reverse a linked list in Python?";
inline constexpr std::string_view kTypo = "How do I revers a linked list in Python?";

class SemanticTest : public ::testing::Test {
 protected:
  static constexpr std::int64_t kNowMs = 1'700'000'000'000;

  SemanticTest() {
    auto store = store::MemoryStore::Create({});
    EXPECT_TRUE(store);
    store_ = store->get();
    auto cache = Cache::Create({}, std::move(*store), clock_, logger_);
    EXPECT_TRUE(cache);
    cache_ = std::move(*cache);
  }

  Embedder& IndexEmbedder() {
    if (model_ != nullptr) return *model_;
    return words_;
  }
  SemanticTier::Parts PartsOf() {
    SemanticTier::Parts parts;
    parts.cache = cache_.get();
    parts.store = store_;
    parts.words = &words_;
    parts.model = model_;
    parts.model_verifier = model_verifier_;
    parts.pair_net = pair_net_;
    parts.reranker = reranker_;
    parts.clock = &clock_;
    parts.logger = &logger_;
    parts.background = jobs_.Runner();
    const std::uint32_t dimension = IndexEmbedder().dimension();
    parts.index =
        vector::LocalIndex::Create(dimension, {}, StoredVectors(*store_, IndexEmbedder().model_id(), dimension), jobs_.Runner());
    return parts;
  }
  // The tier before, if any, is gone first: as after a restart.
  void Start(const SemanticOptions& options = {}) {
    tier_.reset();
    auto made = SemanticTier::Create(options, PartsOf());
    ASSERT_TRUE(made) << made.error().message;
    tier_ = std::move(*made);
  }

  static Digest Scope(std::string_view name) { return base::HashBytes("scope " + std::string(name)); }

  EntryPtr Make(std::string_view question, std::string_view scope = "a", std::int64_t created_ms = kNowMs) {
    auto entry = std::make_shared<Entry>();
    entry->key = base::HashBytes("key " + std::string(question) + std::string(scope));
    entry->created_ms = created_ms;
    entry->expires_ms = created_ms + 1'000'000'000;
    entry->model = "m";
    entry->reply = "answer to: " + std::string(question);
    entry->scope = Scope(scope);
    entry->canonical = CanonicalDigest(question);
    entry->question = question;
    return entry;
  }
  EntryPtr Store(std::string_view question, std::string_view scope = "a", std::shared_ptr<const SimilarVector> vector = nullptr) {
    EntryPtr entry = Make(question, scope);
    // Refused when another thread erases something at that moment: asked again, as a later request would.
    bool taken = false;
    for (int i = 0; i < 1000 && !taken; ++i) taken = cache_->Insert(entry, cache_->epoch());
    EXPECT_TRUE(taken);
    tier_->Stored(entry, std::move(vector));
    return entry;
  }
  // Questions that are unlike each other and unlike those of the tests.
  void Fill(std::size_t count, std::string_view scope = "a") {
    static constexpr const char* kThings[] = {"volcano", "piano",  "bicycle", "glacier", "sonnet",
                                              "enzyme",  "castle", "violin",  "tornado", "cactus"};
    static constexpr const char* kAsks[] = {"describe a %",
                                            "who first painted a %",
                                            "how heavy is a %",
                                            "what colour has a %",
                                            "explain the history of the %",
                                            "tell a joke about a %",
                                            "compare a % with a whale",
                                            "why do children like a %"};
    for (std::size_t i = 0; i < count; ++i) {
      std::string ask = kAsks[i / 10 % 8];
      ask.replace(ask.find('%'), 1, kThings[i % 10]);
      Store(ask, scope);
    }
  }
  SimilarQuery Ask(std::string_view question, std::string_view scope = "a") {
    SimilarQuery query;
    query.scope = Scope(scope);
    query.question = question;
    return query;
  }
  SimilarFound Find(std::string_view question, std::string_view scope = "a") { return tier_->Find(Ask(question, scope)); }

  store::ManualClock clock_;
  store::KeepingLogger logger_;
  Jobs jobs_;
  inference::StaticEmbedder words_;
  SlowEmbedder* model_ = nullptr;
  std::string model_verifier_, pair_net_;
  PairScorer* reranker_ = nullptr;
  std::unique_ptr<Cache> cache_;
  EntryStore* store_ = nullptr;
  std::unique_ptr<SemanticTier> tier_;
};

}  // namespace reflex::cache
