// What is only read was behind a lock that lets one in at a time. Here two searches are inside the index, and two readers inside
// the store, at once.
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <thread>

#include "lib/store/store_test_util.h"
#include "reflex/lmdb_store.h"
#include "regression/meeting.h"
#include "support/vector_fixture.h"
#include "vector/local_index.h"

namespace reflex::regression {
namespace {

TEST(ReadersLock, TwoSearchesAreInsideTheIndexAtOnce) {
  Meeting meeting;
  std::mt19937_64 random(3);
  vector::Model model;
  const auto index = vector::LocalIndex::Create(
      16, {},
      [&](std::uint64_t label, std::span<float> out) {
        meeting.Attend();
        return model.Fetch(label, out);
      },
      [](std::function<void()>) { return false; });
  model.vectors[1] = vector::RandomVector(random, 16);
  ASSERT_TRUE(index->Add(vector::ScopeOf(1), 1, model.vectors[1], {}).has_value());
  const auto search = [&] { EXPECT_TRUE(index->Search(vector::ScopeOf(1), model.vectors[1], 1).has_value()); };
  std::thread other(search);
  search();
  other.join();
  EXPECT_FALSE(meeting.missed());
}

TEST(ReadersLock, TwoReadersAreInsideTheStoreAtOnce) {
  store::TempFolder folder;
  store::ManualClock clock;
  store::KeepingLogger logger;
  store::LmdbOptions options;
  options.path = folder.path() / "store";
  options.limit_bytes = 16 << 20;
  const auto opened = store::LmdbStore::Open(options, clock, logger);
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  EntryStore& store = **opened;
  auto entry = std::make_shared<Entry>();
  entry->key = store::KeyOf(1);
  entry->created_ms = clock.WallMs();
  entry->expires_ms = clock.WallMs() + 1'000'000;
  entry->scope = store::KeyOf(2);
  entry->canonical = store::KeyOf(3);
  entry->question = "q";
  ASSERT_TRUE(store.Put(entry).has_value());
  ASSERT_TRUE(store.PutVector(entry->key, "vector").has_value());
  ASSERT_TRUE(store.Flush(std::chrono::seconds(20)).has_value());

  Meeting meeting;
  const auto read = [&] {
    EXPECT_TRUE(store.ReadVectorByLabel(LabelOf(entry->key), [&](std::string_view bytes) {
      meeting.Attend();
      EXPECT_EQ(bytes, "vector");
    }));
  };
  std::thread other(read);
  read();
  other.join();
  EXPECT_FALSE(meeting.missed());
}

}  // namespace
}  // namespace reflex::regression
