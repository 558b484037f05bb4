#include "cache/memory_tier.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "lib/store/store_test_util.h"

namespace reflex::cache {
namespace {

using store::KeyOf;
using store::MakeEntry;

TEST(MemoryTier, FindsWhatWasInsertedAndNothingElse) {
  MemoryTier tier({});
  const EntryPtr entry = MakeEntry(1, 100);
  EXPECT_TRUE(tier.Insert(entry));
  EXPECT_EQ(tier.Find(KeyOf(1)), entry);
  EXPECT_EQ(tier.Find(KeyOf(2)), nullptr);
  EXPECT_EQ(tier.Count().hits, 1u);
}

TEST(MemoryTier, BothBoundsHold) {
  MemoryTier by_count({.bytes = 64 << 20, .entries = 1'000, .shards = 4});
  for (std::uint64_t i = 0; i < 5'000; ++i) {
    by_count.Insert(MakeEntry(i, 10));
    if (i % 3 == 0) by_count.Find(KeyOf(i / 2));
    ASSERT_LE(by_count.Count().entries, 1'000u);
  }
  EXPECT_GT(by_count.Count().entries, 900u);
  EXPECT_EQ(by_count.Count().evictions + by_count.Count().entries, 5'000u);

  MemoryTier by_bytes({.bytes = 4 << 20, .entries = 100'000, .shards = 4});
  for (std::uint64_t i = 0; i < 3'000; ++i) {
    by_bytes.Insert(MakeEntry(i, 1'000 + i * 37 % 9'000));
    ASSERT_LE(by_bytes.Count().bytes, 4u << 20);
  }
  EXPECT_GT(by_bytes.Count().bytes, 3u << 20);
}

TEST(MemoryTier, AnEntryLargerThanAShardStaysOutAndTakesItsOldVersionWithIt) {
  MemoryTier tier({.bytes = 4 << 20, .entries = 10'000, .shards = 4});
  EXPECT_TRUE(tier.Insert(MakeEntry(1, 100)));
  EXPECT_FALSE(tier.Insert(MakeEntry(1, 2 << 20)));
  EXPECT_EQ(tier.Find(KeyOf(1)), nullptr);
  const EntryPtr large = MakeEntry(2, 2 << 20);
  EXPECT_EQ(tier.InsertIfAbsent(large), large);
  EXPECT_EQ(tier.Count().entries, 0u);
}

TEST(MemoryTier, SmallBoundsUseFewerShards) {
  EXPECT_EQ(MemoryTier({}).shards(), 16u);
  EXPECT_EQ(MemoryTier({.bytes = 3 << 20, .entries = 10'000, .shards = 16}).shards(), 2u);
  EXPECT_EQ(MemoryTier({.bytes = 64 << 20, .entries = 1, .shards = 16}).shards(), 1u);
}

TEST(MemoryTier, ReplacingKeepsTheCountsRight) {
  MemoryTier tier({.bytes = 1 << 20, .entries = 100, .shards = 1});
  for (std::uint64_t version = 0; version < 50; ++version) tier.Insert(MakeEntry(1, version * 1'000, version));
  EXPECT_EQ(tier.Count().entries, 1u);
  EXPECT_EQ(tier.Find(KeyOf(1))->reply, store::ReplyOf(1, 49'000, 49));
  EXPECT_EQ(tier.Count().bytes, MemoryTier::CountedBytes(*MakeEntry(1, 49'000)));
  tier.Erase(KeyOf(1));
  EXPECT_EQ(tier.Count().bytes, 0u);
}

TEST(MemoryTier, GrowingAnEntryByReplacementEvictsOthers) {
  MemoryTier tier({.bytes = 1 << 20, .entries = 1'000, .shards = 1});
  for (std::uint64_t i = 0; i < 100; ++i) tier.Insert(MakeEntry(i, 9'000));
  for (std::uint64_t i = 90; i < 100; ++i) {
    tier.Insert(MakeEntry(i, 90'000));
    ASSERT_LE(tier.Count().bytes, 1u << 20);
  }
  EXPECT_NE(tier.Find(KeyOf(99)), nullptr);
}

TEST(MemoryTier, InsertIfAbsentKeepsTheFirst) {
  MemoryTier tier({});
  const EntryPtr first = MakeEntry(1, 10, 1);
  EXPECT_EQ(tier.InsertIfAbsent(first), first);
  EXPECT_EQ(tier.InsertIfAbsent(MakeEntry(1, 10, 2)), first);
  EXPECT_EQ(tier.Find(KeyOf(1)), first);
}

TEST(MemoryTier, AScanDoesNotDisplaceWhatIsInUse) {
  MemoryTier tier({.bytes = 64 << 20, .entries = 1'000, .shards = 1});
  for (int round = 0; round < 3; ++round) {
    for (std::uint64_t hot = 0; hot < 500; ++hot) {
      if (tier.Find(KeyOf(hot)) == nullptr) tier.Insert(MakeEntry(hot, 10));
    }
  }
  for (std::uint64_t i = 10'000; i < 15'000; ++i) tier.Insert(MakeEntry(i, 10));
  std::uint64_t kept = 0;
  for (std::uint64_t hot = 0; hot < 500; ++hot) kept += tier.Find(KeyOf(hot)) != nullptr ? 1 : 0;
  EXPECT_GE(kept, 490u);
}

TEST(MemoryTier, WhatComesBackSoonAfterLeavingGoesToTheMainQueue) {
  MemoryTier tier({.bytes = 64 << 20, .entries = 100, .shards = 1});
  for (std::uint64_t i = 0; i < 130; ++i) tier.Insert(MakeEntry(i, 10));
  ASSERT_EQ(tier.Find(KeyOf(10)), nullptr);
  tier.Insert(MakeEntry(10, 10));
  for (std::uint64_t i = 200; i < 290; ++i) tier.Insert(MakeEntry(i, 10));
  EXPECT_NE(tier.Find(KeyOf(10)), nullptr);
}

TEST(MemoryTier, EraseIfAndClearEmptyEveryShard) {
  MemoryTier tier({});
  for (std::uint64_t i = 0; i < 1'000; ++i) tier.Insert(MakeEntry(i, 10));
  EXPECT_EQ(tier.EraseIf([](const Entry& entry) { return entry.model == "odd"; }), 500u);
  EXPECT_EQ(tier.Count().entries, 500u);
  EXPECT_EQ(tier.Find(KeyOf(1)), nullptr);
  EXPECT_NE(tier.Find(KeyOf(2)), nullptr);
  tier.Clear();
  EXPECT_EQ(tier.Count().entries, 0u);
  EXPECT_EQ(tier.Count().bytes, 0u);
  EXPECT_TRUE(tier.Insert(MakeEntry(2, 10)));
}

TEST(MemoryTier, ManyThreadsKeepItWhole) {
  MemoryTier tier({.bytes = 1 << 20, .entries = 200, .shards = 2});
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (std::uint64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::uint64_t i = 0; i < 2'000; ++i) {
        const std::uint64_t number = (i * 31 + thread * 7) % 300;
        const EntryPtr found = tier.Find(KeyOf(number));
        if (found != nullptr && found->key != KeyOf(number)) ++wrong;
        if (found == nullptr) tier.Insert(MakeEntry(number, number));
        if (i % 97 == 0) tier.Erase(KeyOf(number));
        if (i % 991 == 0) tier.Clear();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(tier.Count().entries, 200u);
}

}  // namespace
}  // namespace reflex::cache
