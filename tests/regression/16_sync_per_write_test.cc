// Each write waited for a sync of its own. Here writes are queued, seen at once, and share a commit.
#include <gtest/gtest.h>

#include <chrono>

#include "lib/store/store_test_util.h"
#include "reflex/lmdb_store.h"

namespace reflex::store {
namespace {

TEST(SyncPerWrite, ManyWritesShareACommitAndAreSeenBeforeIt) {
  constexpr std::uint64_t kWrites = 500;
  TempFolder folder;
  ManualClock clock;
  KeepingLogger logger;
  LmdbOptions options;
  options.path = folder.path() / "store";
  options.limit_bytes = 64 << 20;
  options.commit = CommitMode::kInterval;
  options.commit_interval = std::chrono::seconds(60);
  const auto opened = LmdbStore::Open(options, clock, logger);
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  EntryStore& store = **opened;
  const std::uint64_t before = store.Stats().commits;
  for (std::uint64_t i = 0; i < kWrites; ++i) {
    auto entry = std::make_shared<Entry>();
    entry->key = KeyOf(i);
    entry->created_ms = clock.WallMs();
    entry->expires_ms = clock.WallMs() + 1'000'000;
    entry->reply = "answer";
    ASSERT_TRUE(store.Put(std::move(entry)).has_value());
    const auto found = store.Find(KeyOf(i));
    ASSERT_TRUE(found && *found != nullptr) << "seen before it is durable";
  }
  ASSERT_TRUE(store.Flush(std::chrono::seconds(30)).has_value());
  const std::uint64_t commits = store.Stats().commits - before;
  EXPECT_GE(commits, 1u);
  EXPECT_LE(commits, 3u) << "for " << kWrites << " writes";
}

}  // namespace
}  // namespace reflex::store
