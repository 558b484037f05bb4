#include "reflex/cache.h"

#include <atomic>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "fakes/faulty_store.h"
#include "lib/store/store_test_util.h"

namespace reflex {
namespace {

using fakes::FaultyStore;
using store::KeyOf;
using store::MakeEntry;

class CacheTest : public ::testing::Test {
 protected:
  void Make(MemoryOptions options = {}, bool with_store = true) {
    auto store = std::make_unique<FaultyStore>();
    store_ = store.get();
    auto made = Cache::Create(options, with_store ? std::move(store) : nullptr, clock_, logger_);
    ASSERT_TRUE(made) << made.error().message;
    cache_ = std::move(*made);
  }
  bool InStore(std::uint64_t number) { return *store_->Find(KeyOf(number)) != nullptr; }

  store::ManualClock clock_;
  store::KeepingLogger logger_;
  std::unique_ptr<Cache> cache_;
  FaultyStore* store_ = nullptr;
};

// A store that tells of changes elsewhere, as one does that several processes share.
class TellingStore final : public FaultyStore {
 public:
  bool IsShared() const override { return true; }
  void SetOnNotice(OnNotice on_notice) override { tell = std::move(on_notice); }
  Result<EntryPtr> Find(const Digest& key) override {
    auto found = FaultyStore::Find(key);
    if (while_finding) while_finding();
    return found;
  }

  OnNotice tell;
  std::function<void()> while_finding;
};

TEST(SharedStoreCache, WhatChangedElsewhereLeavesMemoryAndSilenceHidesAllOfIt) {
  store::ManualClock clock;
  store::KeepingLogger logger;
  auto made = std::make_unique<TellingStore>();
  TellingStore& store = *made;
  const auto cache = Cache::Create({}, std::move(made), clock, logger).value();
  for (std::uint64_t i = 0; i < 20; ++i) cache->Insert(MakeEntry(i, 100), cache->epoch());
  store.tell({StoreNotice::Kind::kEntry, LabelOf(KeyOf(3))});
  for (std::uint64_t i = 0; i < 20; ++i) EXPECT_EQ(cache->FindInMemory(KeyOf(i)) != nullptr, i != 3) << i;
  EXPECT_NE(cache->FindInStore(KeyOf(3)), nullptr);
  EXPECT_NE(cache->FindInMemory(KeyOf(3)), nullptr);
  store.tell({StoreNotice::Kind::kBlind, 0});
  cache->Insert(MakeEntry(30, 100), cache->epoch());
  EXPECT_EQ(cache->FindInMemory(KeyOf(30)), nullptr);
  EXPECT_NE(cache->FindInStore(KeyOf(30)), nullptr) << "the store itself is still asked";
  // Replaced elsewhere, which nobody tells now.
  ASSERT_TRUE(store.Put(MakeEntry(30, 900)));
  EXPECT_EQ(*cache->FindInStore(KeyOf(30)), *MakeEntry(30, 900));
  store.tell({StoreNotice::Kind::kAll, 0});
  EXPECT_EQ(cache->FindInMemory(KeyOf(30)), nullptr);
  EXPECT_NE(cache->FindInStore(KeyOf(30)), nullptr);
  EXPECT_NE(cache->FindInMemory(KeyOf(30)), nullptr);
}

TEST(SharedStoreCache, WhatWasAskedForBeforeAPurgeElsewhereIsNotStored) {
  store::ManualClock clock;
  store::KeepingLogger logger;
  auto made = std::make_unique<TellingStore>();
  TellingStore& store = *made;
  const auto cache = Cache::Create({}, std::move(made), clock, logger).value();
  const std::uint64_t asked = cache->epoch();
  store.tell({StoreNotice::Kind::kEntry, LabelOf(KeyOf(7))});
  EXPECT_TRUE(cache->Insert(MakeEntry(1, 100), asked)) << "an entry that changed is no purge";
  store.tell({StoreNotice::Kind::kAll, 0});
  EXPECT_TRUE(cache->Insert(MakeEntry(3, 100), asked)) << "nor is a connection that is back";
  store.tell({StoreNotice::Kind::kPurge, 0});
  EXPECT_FALSE(cache->Insert(MakeEntry(2, 100), asked));
  EXPECT_EQ(cache->FindInStore(KeyOf(2)), nullptr);
  EXPECT_TRUE(cache->Insert(MakeEntry(2, 100), cache->epoch()));
}

TEST(SharedStoreCache, WhatChangesWhileItIsReadDoesNotStayInMemory) {
  store::ManualClock clock;
  store::KeepingLogger logger;
  auto made = std::make_unique<TellingStore>();
  TellingStore& store = *made;
  const auto cache = Cache::Create({}, std::move(made), clock, logger).value();
  ASSERT_TRUE(store.Put(MakeEntry(1, 100)));
  store.while_finding = [&] { store.tell({StoreNotice::Kind::kEntry, LabelOf(KeyOf(1))}); };
  EXPECT_NE(cache->FindInStore(KeyOf(1)), nullptr);
  EXPECT_EQ(cache->FindInMemory(KeyOf(1)), nullptr);
  store.while_finding = nullptr;
  EXPECT_NE(cache->FindInStore(KeyOf(1)), nullptr);
  EXPECT_NE(cache->FindInMemory(KeyOf(1)), nullptr);
}

class SharedCacheTest : public ::testing::Test {
 protected:
  void Make(std::chrono::milliseconds shared_ttl) {
    auto made = std::make_unique<TellingStore>();
    store_ = made.get();
    cache_ = Cache::Create({.shared_ttl = shared_ttl}, std::move(made), clock_, logger_).value();
  }
  bool InMemory(std::uint64_t number) { return cache_->FindInMemory(KeyOf(number)) != nullptr; }
  std::vector<EntryPtr> FindMany(std::initializer_list<std::uint64_t> numbers) {
    std::vector<Digest> keys;
    for (const std::uint64_t number : numbers) keys.push_back(KeyOf(number));
    return cache_->FindManyInStore(keys).value();
  }

  // Lines of the log that say so.
  std::size_t Failures() const {
    const std::string text = logger_.text();
    std::size_t count = 0;
    for (std::size_t at = text.find("store_find_failed"); at != std::string::npos; at = text.find("store_find_failed", at + 1))
      ++count;
    return count;
  }

  store::ManualClock clock_;
  store::KeepingLogger logger_;
  TellingStore* store_ = nullptr;
  std::unique_ptr<Cache> cache_;
};

TEST_F(SharedCacheTest, ACopyIsUsedForItsTimeOnlySoThatALostNoticeCannotLast) {
  Make(std::chrono::seconds(60));
  cache_->Insert(MakeEntry(1, 100), cache_->epoch());
  ASSERT_TRUE(store_->Put(MakeEntry(2, 100)));
  clock_.AdvanceMs(30'000);
  EXPECT_NE(cache_->FindInStore(KeyOf(2)), nullptr);
  // Replaced elsewhere, and nobody tells.
  ASSERT_TRUE(store_->Put(MakeEntry(1, 900)));
  ASSERT_TRUE(store_->Put(MakeEntry(2, 900)));
  clock_.AdvanceMs(30'000);
  EXPECT_EQ(*cache_->FindInMemory(KeyOf(1)), *MakeEntry(1, 100)) << "a minute old, to the millisecond";
  clock_.AdvanceMs(1);
  EXPECT_FALSE(InMemory(1));
  EXPECT_TRUE(InMemory(2)) << "read later";
  EXPECT_EQ(*cache_->FindInStore(KeyOf(1)), *MakeEntry(1, 900));
  EXPECT_EQ(*cache_->FindInMemory(KeyOf(1)), *MakeEntry(1, 900));
  clock_.AdvanceMs(30'000);
  // Found in the store without a look into memory before: the old copy goes all the same.
  EXPECT_EQ(*FindMany({2})[0], *MakeEntry(2, 900));
  EXPECT_EQ(*cache_->FindInMemory(KeyOf(2)), *MakeEntry(2, 900));
}

TEST_F(SharedCacheTest, WithATimeOfZeroMemoryHoldsNothing) {
  Make(std::chrono::seconds(0));
  EXPECT_TRUE(cache_->Insert(MakeEntry(1, 100), cache_->epoch()));
  EXPECT_FALSE(InMemory(1));
  EXPECT_NE(cache_->FindInStore(KeyOf(1)), nullptr);
  EXPECT_NE(FindMany({1})[0], nullptr);
  EXPECT_FALSE(InMemory(1));
  EXPECT_EQ(cache_->Stats().memory_entries, 0u);
  EXPECT_EQ(cache_->Stats().store_hits, 2u);
}

TEST_F(SharedCacheTest, ManyKeysAreFoundInOrderAndKept) {
  Make(std::chrono::seconds(60));
  for (const std::uint64_t number : {1, 3}) ASSERT_TRUE(store_->Put(MakeEntry(number, 100)));
  const auto found = FindMany({3, 2, 1, 3});
  ASSERT_EQ(found.size(), 4u);
  EXPECT_EQ(*found[0], *MakeEntry(3, 100));
  EXPECT_EQ(found[1], nullptr);
  EXPECT_EQ(*found[2], *MakeEntry(1, 100));
  EXPECT_EQ(found[3], found[0]);
  EXPECT_TRUE(InMemory(1));
  EXPECT_FALSE(InMemory(2));
  EXPECT_EQ(cache_->Stats().store_hits, 3u);
  EXPECT_TRUE(cache_->FindManyInStore({}).value().empty());
  const std::vector<Digest> too_many(EntryStore::kKeysMax + 1);
  EXPECT_EQ(cache_->FindManyInStore(too_many).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(SharedCacheTest, OfManyKeysThoseThatChangeWhileTheyAreReadDoNotStay) {
  Make(std::chrono::seconds(60));
  for (const std::uint64_t number : {1, 2, 3}) ASSERT_TRUE(store_->Put(MakeEntry(number, 100)));
  store_->while_finding = [&] { store_->tell({StoreNotice::Kind::kEntry, LabelOf(KeyOf(2))}); };
  for (const EntryPtr& entry : FindMany({1, 2, 3})) EXPECT_NE(entry, nullptr);
  EXPECT_TRUE(InMemory(1));
  EXPECT_FALSE(InMemory(2));
  EXPECT_TRUE(InMemory(3));
  store_->while_finding = [&] { store_->tell({StoreNotice::Kind::kAll, 0}); };
  for (const EntryPtr& entry : FindMany({1, 2, 3})) EXPECT_NE(entry, nullptr);
  for (const std::uint64_t number : {1, 2, 3}) EXPECT_FALSE(InMemory(number)) << number;
}

TEST_F(SharedCacheTest, WhatAPurgeTakesWhileManyKeysAreReadIsNotServed) {
  Make(std::chrono::seconds(60));
  for (const std::uint64_t number : {1, 2}) ASSERT_TRUE(store_->Put(MakeEntry(number, 100)));
  bool purged = false;
  store_->while_finding = [&] {
    if (std::exchange(purged, true)) return;
    PurgeRule rule;
    rule.before_ms = clock_.WallMs();
    rule.model = "odd";
    ASSERT_TRUE(cache_->Purge(rule, nullptr));
  };
  const auto found = FindMany({1, 2});
  EXPECT_EQ(found[0], nullptr);
  EXPECT_NE(found[1], nullptr);
  EXPECT_FALSE(InMemory(1));
}

TEST_F(SharedCacheTest, AStoreThatIsAwayIsLoggedOnceASecondAndCountedEachTime) {
  Make(std::chrono::seconds(60));
  store_->broken = true;
  const Digest key = KeyOf(1);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(cache_->FindManyInStore({&key, 1}).error().code, ErrorCode::kIo);
    EXPECT_EQ(cache_->FindInStore(key), nullptr);
  }
  EXPECT_EQ(cache_->Stats().store_failures, 200u);
  EXPECT_EQ(Failures(), 1u);
  clock_.AdvanceMs(1'000);
  EXPECT_EQ(cache_->FindInStore(key), nullptr);
  EXPECT_EQ(Failures(), 2u);
}

TEST_F(CacheTest, AStoreOfThisProcessAloneHasCopiesOfAnyAge) {
  Make({.shared_ttl = std::chrono::milliseconds(0)});
  EXPECT_TRUE(cache_->Insert(MakeEntry(1, 100), cache_->epoch()));
  clock_.AdvanceMs(1'000'000);
  EXPECT_NE(cache_->FindInMemory(KeyOf(1)), nullptr);
}

TEST_F(CacheTest, APurgeTakesFromMemoryAndStoreAndMovesTheEpoch) {
  for (const bool with_store : {true, false}) {
    Make({}, with_store);
    for (std::uint64_t i = 0; i < 10; ++i) cache_->Insert(MakeEntry(i, 100), cache_->epoch());
    const std::uint64_t before = cache_->epoch();
    PurgeRule rule;
    rule.before_ms = clock_.WallMs();
    rule.model = "odd";
    std::uint64_t told = 0, calls = 0;
    ASSERT_TRUE(cache_->Purge(rule, [&](std::uint64_t count) { told = count, ++calls; }));
    EXPECT_EQ(calls, 1u);
    EXPECT_EQ(told, 5u);
    EXPECT_EQ(cache_->store() != nullptr, with_store);
    for (std::uint64_t i = 0; i < 10; ++i) {
      EXPECT_EQ(cache_->FindInMemory(KeyOf(i)) != nullptr, i % 2 == 0) << i;
      EXPECT_EQ(cache_->FindInStore(KeyOf(i)) != nullptr, with_store && i % 2 == 0) << i;
    }
    EXPECT_FALSE(cache_->Insert(MakeEntry(11, 100), before)) << "asked for before the purge";
    EXPECT_TRUE(cache_->Insert(MakeEntry(11, 100), cache_->epoch()));
  }
}

TEST_F(CacheTest, APurgeTheStoreRefusesStillCleansMemory) {
  Make();
  cache_->Insert(MakeEntry(1, 100), cache_->epoch());
  store_->refuses_to_erase = true;
  PurgeRule rule;
  rule.before_ms = clock_.WallMs();
  const auto purged = cache_->Purge(rule, [](std::uint64_t) { ADD_FAILURE() << "nothing went"; });
  ASSERT_FALSE(purged);
  EXPECT_EQ(purged.error().code, ErrorCode::kIo);
  EXPECT_EQ(cache_->FindInMemory(KeyOf(1)), nullptr);
}

TEST_F(CacheTest, OptionsOutOfRangeAreRefused) {
  EXPECT_EQ(Cache::Create({.bytes = 0}, nullptr, clock_, logger_).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(Cache::Create({.entries = 0}, nullptr, clock_, logger_).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(Cache::Create({.shared_ttl = std::chrono::milliseconds(-1)}, nullptr, clock_, logger_).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(Cache::Create({.shards = 3}, nullptr, clock_, logger_).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(CacheTest, InsertedIsInMemoryAtOnceAndInTheStore) {
  Make();
  const EntryPtr entry = MakeEntry(1, 100);
  EXPECT_TRUE(cache_->Insert(entry, cache_->epoch()));
  EXPECT_EQ(cache_->FindInMemory(KeyOf(1)), entry);
  EXPECT_TRUE(InStore(1));
  EXPECT_EQ(cache_->Stats().memory_entries, 1u);
  EXPECT_EQ(cache_->Stats().store.puts, 1u);
}

TEST_F(CacheTest, WhatTheStoreHasMovesIntoMemory) {
  Make();
  ASSERT_TRUE(store_->Put(MakeEntry(1, 100)));
  EXPECT_EQ(cache_->FindInMemory(KeyOf(1)), nullptr);
  const EntryPtr found = cache_->FindInStore(KeyOf(1));
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(cache_->FindInMemory(KeyOf(1)), found);
  EXPECT_EQ(cache_->FindInStore(KeyOf(2)), nullptr);
  EXPECT_EQ(cache_->Stats().store_hits, 1u);
}

TEST_F(CacheTest, WithoutAStoreMemoryIsTheCache) {
  Make({}, false);
  EXPECT_FALSE(cache_->has_store());
  EXPECT_FALSE(cache_->StoreFindsInPlace());
  EXPECT_TRUE(cache_->Insert(MakeEntry(1, 10), cache_->epoch()));
  EXPECT_TRUE(cache_->Insert(MakeEntry(2, 10), cache_->epoch()));
  EXPECT_EQ(cache_->FindInStore(KeyOf(1)), nullptr);
  EXPECT_EQ(*cache_->EraseIf([](const Entry& entry) { return entry.model == "odd"; }), 1u);
  EXPECT_EQ(cache_->FindInMemory(KeyOf(1)), nullptr);
  EXPECT_TRUE(cache_->Erase(KeyOf(2)));
  EXPECT_EQ(cache_->Stats().memory_entries, 0u);
  EXPECT_TRUE(cache_->Clear());
  EXPECT_TRUE(cache_->Flush(std::chrono::seconds(1)));
  EXPECT_EQ(cache_->Health().degraded, "");
}

TEST_F(CacheTest, ABrokenStoreIsAMissAndMemoryGoesOn) {
  Make();
  store_->broken = true;
  EXPECT_TRUE(cache_->Insert(MakeEntry(1, 10), cache_->epoch()));
  EXPECT_NE(cache_->FindInMemory(KeyOf(1)), nullptr);
  EXPECT_EQ(cache_->FindInStore(KeyOf(2)), nullptr);
  EXPECT_TRUE(logger_.Saw("store_find_failed"));
  const auto erased = cache_->Erase(KeyOf(1));
  ASSERT_FALSE(erased);
  EXPECT_EQ(erased.error().code, ErrorCode::kIo);
  EXPECT_EQ(cache_->FindInMemory(KeyOf(1)), nullptr);
}

TEST_F(CacheTest, AnAnswerAskedForBeforeAPurgeIsNotStored) {
  Make();
  const auto purges = std::vector<std::function<void()>>{
      [&] { ASSERT_TRUE(cache_->Clear()); },
      [&] { ASSERT_TRUE(cache_->Erase(KeyOf(9))); },
      [&] { ASSERT_TRUE(cache_->EraseIf([](const Entry&) { return false; })); },
  };
  for (const auto& purge : purges) {
    const std::uint64_t before = cache_->epoch();
    purge();
    EXPECT_GT(cache_->epoch(), before);
    EXPECT_FALSE(cache_->Insert(MakeEntry(1, 10), before));
    EXPECT_EQ(cache_->FindInMemory(KeyOf(1)), nullptr);
    EXPECT_FALSE(InStore(1));
  }
}

TEST_F(CacheTest, EraseIfCleansBothTiersAndCountsTheStores) {
  Make();
  for (std::uint64_t i = 0; i < 10; ++i) cache_->Insert(MakeEntry(i, 10), cache_->epoch());
  ASSERT_TRUE(store_->Put(MakeEntry(11, 10)));
  const auto erased = cache_->EraseIf([](const Entry& entry) { return entry.model == "odd"; });
  ASSERT_TRUE(erased);
  EXPECT_EQ(*erased, 6u);
  for (std::uint64_t i = 0; i < 10; ++i) {
    EXPECT_EQ(cache_->FindInMemory(KeyOf(i)) != nullptr, i % 2 == 0);
    EXPECT_EQ(InStore(i), i % 2 == 0);
  }
}

// Threads ask, purge and insert at once. Whatever was asked for before a purge that has returned must not be found after it.
TEST_F(CacheTest, NothingOldSurvivesAPurgeUnderLoad) {
  Make({.bytes = 4 << 20, .entries = 64, .shards = 2});
  // Entry n of a key has version n; `purged` is the version below which everything was purged.
  std::atomic<std::uint64_t> version{1}, purged{0};
  std::atomic<bool> stop{false};
  std::atomic<int> stale{0};
  std::vector<std::thread> threads;
  for (std::uint64_t thread = 0; thread < 3; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::uint64_t i = 0; !stop; ++i) {
        const std::uint64_t number = (i + thread) % 20;
        const std::uint64_t least = purged.load();
        EntryPtr found = cache_->FindInMemory(KeyOf(number));
        if (found == nullptr) found = cache_->FindInStore(KeyOf(number));
        if (found != nullptr && static_cast<std::uint64_t>(found->created_ms) < least) ++stale;
        const std::uint64_t epoch = cache_->epoch();
        auto entry = std::make_shared<Entry>(*MakeEntry(number, 10));
        // Numbered after the epoch was read and before the purge that may come now: such an answer is old after that purge.
        entry->created_ms = static_cast<std::int64_t>(version.load());
        cache_->Insert(std::move(entry), epoch);
      }
    });
  }
  for (int round = 0; round < 300; ++round) {
    // From here on new answers have a higher version than any that may be in a tier or on its way there.
    const std::uint64_t next = version.fetch_add(1) + 1;
    if (round % 3 == 2) {
      ASSERT_TRUE(cache_->EraseIf([&](const Entry&) { return true; }));
    } else {
      ASSERT_TRUE(cache_->Clear());
    }
    purged.store(next);
    std::this_thread::yield();
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(stale, 0);
}

}  // namespace
}  // namespace reflex
