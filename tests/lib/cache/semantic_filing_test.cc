// Filing and loading beside a store, an embedder and a memory that fail.
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cache/semantic_limits.h"
#include "fakes/faulty_store.h"
#include "lib/cache/semantic_fixture.h"

namespace reflex::cache {
namespace {

// A store that cannot be reached when it is told so.
class AwayStore final : public fakes::FaultyStore {
 public:
  std::optional<ErrorCode> fails, puts_fail;
  // Once, when all scopes were visited.
  std::function<void()> after_visit;
  // How often all members of a scope were asked for.
  int passes = 0;

  Result<std::vector<ScopeMember>> FindScope(const Digest& scope, std::size_t limit) override {
    if (fails) return Fail(*fails, "told to");
    if (limit >= kGrownMax) ++passes;
    return FaultyStore::FindScope(scope, limit);
  }
  Result<EntryPtr> FindHead(const Digest& key) override {
    if (fails) return Fail(*fails, "told to");
    return FaultyStore::FindHead(key);
  }
  Result<std::string> FindVector(const Digest& key) override {
    if (fails) return Fail(*fails, "told to");
    return FaultyStore::FindVector(key);
  }
  Result<void> PutVector(const Digest& key, std::string bytes) override {
    if (puts_fail) return Fail(*puts_fail, "told to");
    return FaultyStore::PutVector(key, std::move(bytes));
  }
  Result<void> VisitScopes(const VisitMember& visit) override {
    if (fails) return Fail(*fails, "told to");
    REFLEX_CHECK(FaultyStore::VisitScopes(visit));
    if (const auto after = std::exchange(after_visit, {})) after();
    return {};
  }
};

class SemanticFiling : public SemanticTest {
 protected:
  SemanticFiling() {
    auto store = std::make_unique<AwayStore>();
    away_ = store.get();
    store_ = away_;
    auto cache = Cache::Create({}, std::move(store), clock_, logger_);
    EXPECT_TRUE(cache);
    cache_ = std::move(*cache);
  }

  std::uint64_t Indexed() const { return tier_->Stats().index.vectors; }
  // Runs what waits, then what comes after each of so many pauses.
  void Run(int pauses) {
    jobs_.Run();
    for (int i = 0; i < pauses; ++i) {
      clock_.AdvanceMs(1'000);
      tier_->LooksWorthwhile(Scope("a"));
      jobs_.Run();
    }
  }

  AwayStore* away_ = nullptr;
};

TEST_F(SemanticFiling, WhatIsStoredWhileTheStoreIsAwayIsFiledWhenItIsBack) {
  Start();
  away_->fails = ErrorCode::kUnavailable;
  Fill(17);
  Fill(3, "small");
  // Far more attempts than a text that fails by itself has.
  Run(200);
  EXPECT_EQ(Indexed(), 0u);
  away_->fails.reset();
  Run(1);
  EXPECT_EQ(Indexed(), 17u);
  EXPECT_EQ(tier_->Stats().embedded_later, 17u);  // A small scope has none, as ever.
}

TEST_F(SemanticFiling, MembersOfAScopeThatGrowsAreNotLostToAStoreThatGoesAway) {
  SlowEmbedder model;
  model_ = &model;
  Start();
  Fill(17);
  model.before = [this] { away_->puts_fail = ErrorCode::kUnavailable; };
  Run(50);
  EXPECT_EQ(Indexed(), 0u);
  model.before = {};
  away_->puts_fail.reset();
  away_->fails = ErrorCode::kUnavailable;
  Run(50);
  away_->fails.reset();
  Run(1);
  EXPECT_EQ(Indexed(), 17u);
}

TEST_F(SemanticFiling, AReadThatFailsIsTriedAgainFiveTimesInAll) {
  Start();
  away_->fails = ErrorCode::kIo;
  Fill(17);
  Run(2);
  away_->fails.reset();
  Run(1);
  EXPECT_EQ(Indexed(), 17u);
  away_->fails = ErrorCode::kIo;
  Store(kCached);
  Run(kAttemptsMax);
  away_->fails.reset();
  Run(1);
  EXPECT_EQ(Indexed(), 17u);
}

TEST_F(SemanticFiling, ALoadWaitsForAStoreThatIsAway) {
  Start();
  Fill(30);
  jobs_.Run();
  Start();
  away_->fails = ErrorCode::kUnavailable;
  tier_->StartLoading();
  Run(20);
  EXPECT_TRUE(tier_->Stats().loading);
  EXPECT_TRUE(logger_.Saw("semantic_index_waits code=unavailable"));
  away_->fails.reset();
  EXPECT_EQ(Find(kTypo).miss, SimilarMiss::kLoading);
  Run(1);
  EXPECT_FALSE(tier_->Stats().loading);
  EXPECT_EQ(Indexed(), 30u);
  EXPECT_FALSE(logger_.Saw("semantic_index_incomplete"));
}

TEST_F(SemanticFiling, ALoadGoesWithoutWhatTheStoreCannotRead) {
  Start();
  away_->fails = ErrorCode::kIo;
  tier_->StartLoading();
  Run(kAttemptsMax - 2);
  EXPECT_TRUE(tier_->Stats().loading);
  Run(1);
  EXPECT_FALSE(tier_->Stats().loading);
  EXPECT_TRUE(logger_.Saw("semantic_index_incomplete code=io"));
}

TEST_F(SemanticFiling, WhatASnapshotBringsDuringALoadIsLoadedToo) {
  Start();
  Fill(30);
  jobs_.Run();
  Start();
  away_->after_visit = [this] {
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(cache_->Insert(Make("Who was king number " + std::to_string(i) + "?", "b"), cache_->epoch()));
    }
    tier_->StartLoading();
  };
  tier_->StartLoading();
  jobs_.Run();
  EXPECT_FALSE(tier_->Stats().loading);
  EXPECT_EQ(Indexed(), 50u);
  EXPECT_TRUE(jobs_.empty());
}

TEST_F(SemanticFiling, MembersThatHaveNoVectorsAreGoneOverAgainWhenThereAreTwiceAsMany) {
  SlowEmbedder model;
  model_ = &model;
  Start();
  model.fails = ErrorCode::kTooLarge;
  Fill(17);
  jobs_.Run();
  EXPECT_EQ(away_->passes, 1);
  model.calls = 0;
  const auto store = [this](int number) {
    Store("Who was king number " + std::to_string(number) + "?");
    jobs_.Run();
  };
  for (int i = 0; i < 16; ++i) store(i);
  EXPECT_EQ(away_->passes, 1);
  EXPECT_EQ(model.calls, 16);  // The new ones.
  model.fails.reset();
  store(16);
  EXPECT_EQ(away_->passes, 2);
  EXPECT_EQ(Indexed(), 34u);
}

TEST_F(SemanticFiling, AJobThatRunsOutOfMemoryIsNotTheLast) {
  SlowEmbedder model;
  model_ = &model;
  Start();
  model.before = [] { throw std::bad_alloc(); };
  Fill(20);
  Run(2);
  EXPECT_EQ(model.calls, 3);
  const std::string log = logger_.text(), complaint = "semantic_filing_failed";
  EXPECT_NE(log.find(complaint), std::string::npos);
  EXPECT_EQ(log.find(complaint), log.rfind(complaint));
  model.before = {};
  Run(1);
  EXPECT_EQ(Indexed(), 20u);
  model.before = [] { throw std::bad_alloc(); };
  Store(kCached);
  jobs_.Run();
  tier_.reset();  // Waits for no job.
}

}  // namespace
}  // namespace reflex::cache
