#include "reflex/memory_store.h"

#include <set>

#include <gtest/gtest.h>

#include "lib/store/store_kinds.h"

namespace reflex::store {
namespace {

TEST(MemoryStore, OptionsOutOfRangeAreNamed) {
  EXPECT_EQ(MemoryStore::Create({.limit_bytes = 1'000}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(MemoryStore::Create({.entries = 0}).error().code, ErrorCode::kInvalidArgument);
}

TEST(MemoryStore, AtItsBoundsTheOldestGoesAndIsTold) {
  const auto store = std::move(*MemoryStore::Create({.limit_bytes = 1 << 20, .entries = 10}));
  std::set<Digest> gone;
  store->SetOnRemoved([&](const Digest& scope, const Digest& key) {
    EXPECT_EQ(scope, ScopeOf(1));
    gone.insert(key);
  });
  for (std::uint64_t i = 0; i < 12; ++i) ASSERT_TRUE(store->Put(MakeScoped(i, 1, 100)));
  EXPECT_EQ(gone, (std::set<Digest>{KeyOf(0), KeyOf(1)}));
  EXPECT_EQ(store->Stats().entries, 10u);
  EXPECT_EQ(store->FindScope(ScopeOf(1), 100)->size(), 10u);
  for (std::uint64_t i = 100; i < 130; ++i) ASSERT_TRUE(store->Put(MakeScoped(i, 1, 100'000)));
  EXPECT_LE(store->Stats().used_bytes, 1u << 20);
  EXPECT_NE(*store->Find(KeyOf(129)), nullptr);
  EXPECT_EQ(*store->Find(KeyOf(11)), nullptr);
}

TEST(MemoryStore, AVectorCountsAndMakesRoom) {
  const auto store = std::move(*MemoryStore::Create({.limit_bytes = 256 << 10}));
  for (std::uint64_t i = 0; i < 10; ++i) ASSERT_TRUE(store->Put(MakeScoped(i, 1, 100)));
  for (std::uint64_t i = 0; i < 10; ++i) ASSERT_TRUE(store->PutVector(KeyOf(i), std::string(30'000, 'v')));
  EXPECT_LE(store->Stats().used_bytes, 256u << 10);
  EXPECT_EQ(*store->Find(KeyOf(0)), nullptr);
  EXPECT_EQ(store->FindVector(KeyOf(9))->size(), 30'000u);
}

TEST(MemoryStore, AnEntryLargerThanItsShareIsRefused) {
  const auto store = std::move(*MemoryStore::Create({.limit_bytes = 64 << 10}));
  const auto put = store->Put(MakeEntry(1, 10'000));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(store->Stats().puts_dropped, 1u);
}

}  // namespace
}  // namespace reflex::store
