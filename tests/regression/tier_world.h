#pragma once

#include <atomic>
#include <cmath>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/digest.h"
#include "fakes/faulty_store.h"
#include "inference/static_embedder.h"
#include "lib/store/store_test_util.h"
#include "reflex/cache.h"
#include "reflex/embedder.h"
#include "reflex/semantic_tier.h"
#include "vector/local_index.h"

namespace reflex::regression {

// A model of any dimension: a text's vector is the sum of vectors that its words seed. Counts its calls. Thread-safe.
class WordSum final : public Embedder {
 public:
  explicit WordSum(std::uint32_t dimension) : dimension_(dimension), id_("word-sum-" + std::to_string(dimension)) {}

  const std::string& model_id() const override { return id_; }
  std::uint32_t dimension() const override { return dimension_; }
  bool quick() const override { return false; }
  Result<Embedding> Embed(std::string_view text, std::span<const TextSpan> words, std::chrono::nanoseconds) override {
    ++calls;
    if (inside) inside();
    Embedding embedding{.text = std::vector<float>(dimension_), .words = {}};
    for (const TextSpan& span : words) {
      std::mt19937_64 random(std::hash<std::string_view>{}(text.substr(span.begin, span.end - span.begin)));
      std::vector<float> row(dimension_);
      for (float& x : row) x = static_cast<float>(static_cast<double>(random() % 2001) / 1000 - 1);
      ToUnit(row);
      for (std::size_t i = 0; i < row.size(); ++i) embedding.text[i] += row[i];
      embedding.words.insert(embedding.words.end(), row.begin(), row.end());
    }
    if (words.empty()) embedding.text[text.size() % dimension_] = 1;
    ToUnit(embedding.text);
    if (spoil) embedding.text[0] = std::nanf("");
    return embedding;
  }

  std::atomic<int> calls{0};
  std::function<void()> inside;  // Called by every Embed, on its thread.
  bool spoil = false;            // Vectors hold NaN.

 private:
  static void ToUnit(std::vector<float>& vector) {
    float sum = 0;
    for (const float x : vector) sum += x * x;
    if (sum > 0) {
      for (float& x : vector) x /= std::sqrt(sum);
    }
  }
  const std::uint32_t dimension_;
  const std::string id_;
};

// A store that counts what look-ups read.
class CountingStore final : public fakes::FaultyStore {
 public:
  Result<EntryPtr> FindHead(const Digest& key) override {
    ++heads;
    return FaultyStore::FindHead(key);
  }
  Result<EntryPtr> FindHeadByLabel(std::uint64_t label) override {
    ++heads;
    return FaultyStore::FindHeadByLabel(label);
  }
  Result<EntryPtr> Find(const Digest& key) override {
    ++finds;
    return FaultyStore::Find(key);
  }
  std::atomic<int> heads{0}, finds{0};
};

// Semantic tiers over a store in memory, with a model of the given dimension. Background jobs run when told to.
class TierWorld {
 public:
  explicit TierWorld(std::uint32_t dimension) : model(dimension) {
    auto made_store = std::make_unique<CountingStore>();
    store = made_store.get();
    auto made = Cache::Create({}, std::move(made_store), clock, logger);
    EXPECT_TRUE(made.has_value());
    cache = std::move(*made);
    options.scan_max = 0;  // Every entry gets a vector.
    options.time_limit = std::chrono::seconds(60);
  }

  // With an index of another dimension where one is given.
  Result<void> Start(std::uint32_t index_dimension = 0) {
    tier.reset();
    const std::uint32_t dimension = index_dimension == 0 ? model.dimension() : index_dimension;
    SemanticTier::Parts parts;
    parts.cache = cache.get();
    parts.store = store;
    parts.words = &words;
    parts.model = &model;
    parts.clock = &clock;
    parts.logger = &logger;
    parts.background = Runner();
    parts.index = vector::LocalIndex::Create(dimension, {}, StoredVectors(*store, model.model_id(), dimension), Runner());
    auto made = SemanticTier::Create(options, std::move(parts));
    if (!made) return std::unexpected(made.error());
    tier = std::move(*made);
    return {};
  }

  SimilarFound Find(std::string_view question) {
    SimilarQuery query;
    query.scope = Scope();
    query.question = question;
    return tier->Find(query);
  }
  // An answer to the question, stored as a gateway does after a miss.
  EntryPtr Store(std::string_view question, std::shared_ptr<const SimilarVector> vector = nullptr) {
    auto entry = std::make_shared<Entry>();
    entry->key = base::HashBytes("key " + std::string(question));
    entry->created_ms = clock.WallMs();
    entry->expires_ms = entry->created_ms + 1'000'000'000;
    entry->reply = "answer";
    entry->scope = Scope();
    entry->canonical = CanonicalDigest(question);
    entry->question = question;
    EXPECT_TRUE(cache->Insert(entry, cache->epoch()));
    tier->Stored(entry, std::move(vector));
    return entry;
  }
  void RunJobs() {
    for (;;) {
      std::function<void()> job;
      {
        const std::lock_guard lock(mutex_);
        if (jobs_.empty()) return;
        job = std::move(jobs_.front());
        jobs_.pop_front();
      }
      job();
    }
  }
  static Digest Scope() { return base::HashBytes("scope"); }

  store::ManualClock clock;
  store::KeepingLogger logger;
  inference::StaticEmbedder words;
  WordSum model;
  SemanticOptions options;
  std::unique_ptr<Cache> cache;
  CountingStore* store = nullptr;
  std::unique_ptr<SemanticTier> tier;

 private:
  std::function<bool(std::function<void()>)> Runner() {
    return [this](std::function<void()> job) {
      const std::lock_guard lock(mutex_);
      jobs_.push_back(std::move(job));
      return true;
    };
  }
  std::mutex mutex_;
  std::deque<std::function<void()>> jobs_;
};

}  // namespace reflex::regression
