#include "store/migrate.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "lib/store/store_kinds.h"
#include "lib/store/store_test_util.h"
#include "redis/redis_store.h"
#include "reflex/lmdb_store.h"
#include "server/redis/redis_server.h"

namespace reflex::redis {
namespace {

using namespace std::chrono_literals;
using store::KeyOf;
using store::MakeScoped;

TEST(Migrate, BothWaysEveryEntryVectorAndNoteAndResumedWhereItWasCut) {
  constexpr std::uint64_t kEntries = 1'000;
  RedisServer server;
  store::TempFolder folder;
  store::ManualClock clock;
  store::KeepingLogger logger;
  store::LmdbOptions options;
  options.limit_bytes = 64 << 20;
  options.path = folder.path() / "first";
  const auto local = store::LmdbStore::Open(options, clock, logger).value();
  const auto shared = RedisStore::Open(StoreOptions(server.url()), clock, logger).value();
  for (std::uint64_t i = 0; i < kEntries; ++i) ASSERT_TRUE(local->Put(MakeScoped(i, i % 5, 100 + i)));
  ASSERT_TRUE(local->Put(store::MakeEntry(kEntries, 100, 0, clock.WallMs())));  // Expired.
  ASSERT_TRUE(local->Flush(20s));
  for (std::uint64_t i = 0; i < kEntries; i += 10) ASSERT_TRUE(local->PutVector(KeyOf(i), "vector " + std::to_string(i)));
  ASSERT_TRUE(local->PutNote("pair", "never again"));
  ASSERT_TRUE(local->Flush(20s));

  const auto cut = store::Migrate(*local, *shared, clock, [&](const store::Migration& now) {
    clock.AdvanceMs(1'000);  // So that each slice is committed for itself.
    return now.looked < 200;
  });
  ASSERT_TRUE(cut) << cut.error().message;
  EXPECT_LT(cut->copied, kEntries);
  int shown = 0;
  const auto rest = store::Migrate(*local, *shared, clock, [&](const store::Migration& now) {
    clock.AdvanceMs(1'000);
    EXPECT_EQ(now.looked, now.copied + now.present + now.gone + now.too_large);
    return ++shown > 0;
  });
  ASSERT_TRUE(rest) << rest.error().message;
  EXPECT_GE(shown, 3);
  EXPECT_EQ(rest->present, cut->copied);
  EXPECT_EQ(rest->copied + cut->copied, kEntries);
  EXPECT_LE(rest->gone, 1u) << "the expired one, unless the source has collected it";
  EXPECT_EQ(shared->Stats().entries, kEntries);

  options.path = folder.path() / "second";
  const auto back = store::LmdbStore::Open(options, clock, logger).value();
  const auto home = store::Migrate(*shared, *back, clock, [](const store::Migration&) { return true; });
  ASSERT_TRUE(home) << home.error().message;
  EXPECT_EQ(home->copied, kEntries);
  for (std::uint64_t i = 0; i < kEntries; ++i) {
    const auto entry = back->Find(KeyOf(i));
    ASSERT_TRUE(entry && *entry != nullptr) << i;
    ASSERT_EQ(**entry, *MakeScoped(i, i % 5, 100 + i));
    ASSERT_EQ(*back->FindVector(KeyOf(i)), i % 10 == 0 ? "vector " + std::to_string(i) : "") << i;
  }
  EXPECT_EQ(*back->FindNote("pair"), "never again");
  EXPECT_EQ(home->vectors, kEntries / 10);
}

// A cut may come between an entry and its vector; and a store that takes no entry of some size takes the others.
TEST(Migrate, MendsWhatACutLeftHalfAndCountsWhatIsTooLarge) {
  RedisServer server;
  store::TempFolder folder;
  store::ManualClock clock;
  store::KeepingLogger logger;
  store::LmdbOptions options;
  options.limit_bytes = 64 << 20;
  options.path = folder.path();
  const auto local = store::LmdbStore::Open(options, clock, logger).value();
  RedisStoreOptions small = StoreOptions(server.url());
  small.queue_bytes = 1 << 20;
  const auto shared = RedisStore::Open(small, clock, logger).value();
  for (std::uint64_t i = 0; i < 20; ++i) ASSERT_TRUE(local->Put(MakeScoped(i, 1, 100)));
  ASSERT_TRUE(local->Put(MakeScoped(20, 1, 2 << 20)));
  ASSERT_TRUE(local->Flush(20s));
  for (std::uint64_t i = 0; i < 20; ++i) ASSERT_TRUE(local->PutVector(KeyOf(i), "vector"));
  ASSERT_TRUE(local->Flush(20s));
  for (std::uint64_t i = 0; i < 10; ++i) ASSERT_TRUE(shared->Put(MakeScoped(i, 1, 100)));
  ASSERT_TRUE(shared->Flush(20s));

  const auto migrated = store::Migrate(*local, *shared, clock, [](const store::Migration&) { return true; });
  ASSERT_TRUE(migrated) << migrated.error().message;
  EXPECT_EQ(migrated->total, 21u);
  EXPECT_EQ(migrated->present, 10u);
  EXPECT_EQ(migrated->copied, 10u);
  EXPECT_EQ(migrated->too_large, 1u);
  EXPECT_EQ(migrated->vectors, 20u);
  for (std::uint64_t i = 0; i < 20; ++i) EXPECT_EQ(*shared->FindVector(KeyOf(i)), "vector") << i;
}

}  // namespace
}  // namespace reflex::redis
