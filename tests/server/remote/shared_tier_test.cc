// Two gateways' semantic tiers on one store and one index in Qdrant.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "lib/cache/semantic_fixture.h"
#include "server/remote/qdrant_world.h"

namespace reflex::cache {
namespace {

constexpr std::string_view kCached = "How do I reverse a linked list in Python?";
constexpr std::string_view kTypo = "How do I revrese a linked list in Python?";

// The table under a remote embedder's conditions: it takes its time, and has no vectors of words.
class TextsOnly final : public Embedder {
 public:
  const std::string& model_id() const override { return id_; }
  std::uint32_t dimension() const override { return table_.dimension(); }
  bool quick() const override { return false; }
  bool has_words() const override { return false; }
  Result<Embedding> Embed(std::string_view text, std::span<const TextSpan>, std::chrono::nanoseconds limit) override {
    if (away) return Fail(ErrorCode::kUnavailable, "nobody is there");
    return table_.Embed(text, {}, limit);
  }
  bool away = false;

 private:
  inference::StaticEmbedder table_;
  std::string id_ = "texts-only";
};

class SharedTier : public SemanticTest {
 protected:
  SharedTier() : qdrant_(words_.dimension()) {}

  std::unique_ptr<SemanticTier> NewTier(Embedder* model = nullptr) {
    SemanticTier::Parts parts = PartsOf();
    parts.model = model;
    if (!qdrant_.service) qdrant_.service = qdrant_.Open(qdrant_.server.url(), {.name = "qdrant"});
    auto index =
        remote::QdrantIndex::Open(qdrant_.options, model != nullptr ? model->model_id() : words_.model_id(), words_.dimension(),
                                  {*qdrant_.service, clock_, logger_, qdrant_.metrics, jobs_.Runner()}, remote::kPatience);
    EXPECT_TRUE(index.has_value()) << index.error().message;
    index_ = index->get();
    parts.index = std::move(*index);
    SemanticOptions options;
    options.time_limit = remote::kPatience;
    auto made = SemanticTier::Create(options, std::move(parts));
    EXPECT_TRUE(made.has_value()) << made.error().message;
    return std::move(*made);
  }

  remote::QdrantWorld qdrant_;
  remote::QdrantIndex* index_ = nullptr;
};

TEST_F(SharedTier, WhatOneStoresIsAHitOnTheOther) {
  const auto other = NewTier();
  tier_ = NewTier();
  Fill(40);
  Store(kCached);
  jobs_.Run();
  EXPECT_EQ(qdrant_.server.Points(index_->collection()), 41u);
  const SimilarFound found = other->Find(Ask(kTypo));
  ASSERT_NE(found.entry, nullptr) << static_cast<int>(found.miss);
  EXPECT_EQ(found.entry->question, kCached);
  EXPECT_EQ(found.layer, SimilarLayer::kVerified);
  // Another scope has nothing.
  EXPECT_EQ(other->Find(Ask(kTypo, "b")).entry, nullptr);
}

TEST_F(SharedTier, NothingIsLoadedAtStartAndWhatIsThereIsFound) {
  tier_ = NewTier();
  Fill(40);
  Store(kCached);
  jobs_.Run();
  tier_ = NewTier();
  tier_->StartLoading();
  EXPECT_FALSE(tier_->Stats().loading);
  EXPECT_NE(Find(kTypo).entry, nullptr);
}

TEST_F(SharedTier, AnIndexThatIsNewIsFilledWhenItIsFirstAsked) {
  // The entries were stored without an index.
  Start();
  Fill(40);
  Store(kCached);
  jobs_.Run();
  tier_.reset();
  tier_ = NewTier();
  EXPECT_EQ(Find(kTypo).miss, SimilarMiss::kNoCandidate);
  jobs_.Run();
  EXPECT_EQ(qdrant_.server.Points(index_->collection()), 41u);
  EXPECT_NE(Find(kTypo).entry, nullptr);
}

TEST_F(SharedTier, APurgeAndARemovalReachTheIndex) {
  tier_ = NewTier();
  Fill(40);
  const EntryPtr entry = Store(kCached);
  jobs_.Run();
  ASSERT_TRUE(cache_->Erase(entry->key).has_value());
  jobs_.Run();
  EXPECT_EQ(qdrant_.server.Points(index_->collection()), 40u);
  EXPECT_EQ(Find(kTypo).entry, nullptr);
  PurgeRule rule;
  rule.before_ms = kNowMs;
  rule.model = "m";
  tier_->Purged(rule);
  jobs_.Run();
  EXPECT_EQ(qdrant_.server.Points(index_->collection()), 0u);
}

TEST_F(SharedTier, WithQdrantAwayLargeScopesAreMissesAndTheExactWordsAreHits) {
  tier_ = NewTier();
  Fill(40);
  Store(kCached);
  jobs_.Run();
  qdrant_.server.Set(remote::Trouble::kAbsent);
  EXPECT_EQ(Find(kTypo).miss, SimilarMiss::kFailed);
  EXPECT_EQ(Find("how do i reverse a linked list in python").layer, SimilarLayer::kCanonical);
  qdrant_.server.Set(remote::Trouble::kNone);
  EXPECT_NE(Find(kTypo).entry, nullptr);
}

TEST_F(SharedTier, WithoutVectorsOfWordsTheBuiltInTableJudges) {
  TextsOnly texts;
  tier_ = NewTier(&texts);
  Fill(40);
  Store(kCached);
  jobs_.Run();
  const SimilarFound found = Find(kTypo);
  ASSERT_NE(found.entry, nullptr) << static_cast<int>(found.miss);
  EXPECT_EQ(found.layer, SimilarLayer::kVerified);
  // The record holds the text's vector alone.
  ASSERT_NE(found.vector, nullptr);
  EXPECT_EQ(found.vector->record.size(), 64 + 2 * static_cast<std::size_t>(texts.dimension()));
  tier_.reset();
}

TEST_F(SharedTier, WhatIsStoredWhileTheEmbedderIsAwayIsFiledWhenItIsBack) {
  TextsOnly texts;
  tier_ = NewTier(&texts);
  texts.away = true;
  Fill(40);
  Store(kCached);
  // Far more attempts than a text that fails by itself has.
  for (int attempt = 0; attempt < 100; ++attempt) {
    jobs_.Run();
    clock_.AdvanceMs(1000);
    tier_->LooksWorthwhile(Scope("a"));
  }
  EXPECT_EQ(qdrant_.server.Points(index_->collection()), 0u);
  texts.away = false;
  for (int attempt = 0; attempt < 10; ++attempt) {
    jobs_.Run();
    clock_.AdvanceMs(1000);
    tier_->LooksWorthwhile(Scope("a"));
  }
  EXPECT_EQ(qdrant_.server.Points(index_->collection()), 41u);
  EXPECT_NE(Find(kTypo).entry, nullptr);
  tier_.reset();
}

}  // namespace
}  // namespace reflex::cache
