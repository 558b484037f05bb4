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

class Migrate : public testing::Test {
 protected:
  std::unique_ptr<store::LmdbStore> OpenLocal(const char* name) {
    store::LmdbOptions options;
    options.path = folder_.path() / name;
    options.limit_bytes = 64 << 20;
    return store::LmdbStore::Open(options, clock_, logger_).value();
  }

  RedisServer server_;
  store::TempFolder folder_;
  store::ManualClock clock_;
  store::KeepingLogger logger_;
};

TEST_F(Migrate, BothWaysEveryEntryVectorAndNoteAndResumedWhereItWasCut) {
  constexpr std::uint64_t kEntries = 1'000;
  const auto local = OpenLocal("first");
  const auto shared = RedisStore::Open(StoreOptions(server_.url()), clock_, logger_).value();
  for (std::uint64_t i = 0; i < kEntries; ++i) ASSERT_TRUE(local->Put(MakeScoped(i, i % 5, 100 + i)));
  ASSERT_TRUE(local->Put(store::MakeEntry(kEntries, 100, 0, clock_.WallMs())));  // Expired.
  ASSERT_TRUE(local->Flush(20s));
  for (std::uint64_t i = 0; i < kEntries; i += 10) ASSERT_TRUE(local->PutVector(KeyOf(i), "vector " + std::to_string(i)));
  ASSERT_TRUE(local->PutNote("pair", "never again"));
  ASSERT_TRUE(local->Flush(20s));

  const auto cut = store::Migrate(*local, *shared, clock_, [&](const store::Migration& now) {
    clock_.AdvanceMs(1'000);  // So that each slice is committed for itself.
    return now.looked < 200;
  });
  ASSERT_TRUE(cut) << cut.error().message;
  EXPECT_LT(cut->copied, kEntries);
  int shown = 0;
  const auto rest = store::Migrate(*local, *shared, clock_, [&](const store::Migration& now) {
    clock_.AdvanceMs(1'000);
    EXPECT_EQ(now.looked, now.copied + now.present + now.gone + now.too_large);
    return ++shown > 0;
  });
  ASSERT_TRUE(rest) << rest.error().message;
  EXPECT_GE(shown, 3);
  EXPECT_EQ(rest->present, cut->copied);
  EXPECT_EQ(rest->copied + cut->copied, kEntries);
  EXPECT_LE(rest->gone, 1u) << "the expired one, unless the source has collected it";
  EXPECT_EQ(shared->Stats().entries, kEntries);

  const auto back = OpenLocal("second");
  const auto home = store::Migrate(*shared, *back, clock_, [](const store::Migration&) { return true; });
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
TEST_F(Migrate, MendsWhatACutLeftHalfAndCountsWhatIsTooLarge) {
  const auto local = OpenLocal("first");
  RedisStoreOptions small = StoreOptions(server_.url());
  small.queue_bytes = 1 << 20;
  const auto shared = RedisStore::Open(small, clock_, logger_).value();
  for (std::uint64_t i = 0; i < 20; ++i) ASSERT_TRUE(local->Put(MakeScoped(i, 1, 100)));
  ASSERT_TRUE(local->Put(MakeScoped(20, 1, 2 << 20)));
  ASSERT_TRUE(local->Flush(20s));
  for (std::uint64_t i = 0; i < 20; ++i) ASSERT_TRUE(local->PutVector(KeyOf(i), "vector"));
  ASSERT_TRUE(local->Flush(20s));
  for (std::uint64_t i = 0; i < 10; ++i) ASSERT_TRUE(shared->Put(MakeScoped(i, 1, 100)));
  ASSERT_TRUE(shared->Flush(20s));

  const auto migrated = store::Migrate(*local, *shared, clock_, [](const store::Migration&) { return true; });
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
