// Scopes, vectors, notes and purges in the LMDB store: across restarts, eviction and expiry.
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "lib/store/store_kinds.h"
#include "reflex/lmdb_store.h"

namespace reflex::store {
namespace {

using namespace std::chrono_literals;

class LmdbScopesTest : public ::testing::Test {
 protected:
  LmdbScopesTest() {
    options_.path = folder_.path() / "store";
    options_.limit_bytes = 16 << 20;
  }
  void TearDown() override { store_.reset(); }
  void Open() {
    store_.reset();
    auto opened = LmdbStore::Open(options_, clock_, logger_);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
    store_->SetOnRemoved([this](const Digest&, const Digest& key) {
      const std::lock_guard lock(mutex_);
      gone_.insert(key);
    });
  }
  void Flush() {
    const auto flushed = store_->Flush(20s);
    ASSERT_TRUE(flushed) << flushed.error().message;
  }
  template <class Condition>
  bool Eventually(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + 20s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::yield();
    }
    return true;
  }
  std::size_t MembersOf(std::uint64_t scope) { return store_->FindScope(ScopeOf(scope), 100'000)->size(); }
  std::size_t AllMembers() {
    std::size_t count = 0;
    EXPECT_TRUE(store_->VisitScopes([&](const Digest&, const ScopeMember&) { return ++count > 0; }));
    return count;
  }
  std::size_t gone() {
    const std::lock_guard lock(mutex_);
    return gone_.size();
  }

  TempFolder folder_;
  ManualClock clock_;
  KeepingLogger logger_;
  LmdbOptions options_;
  std::mutex mutex_;
  std::set<Digest> gone_;
  std::unique_ptr<LmdbStore> store_;
};

TEST_F(LmdbScopesTest, ARestartKeepsScopesVectorsAndNotes) {
  Open();
  for (std::uint64_t i = 0; i < 200; ++i) {
    ASSERT_TRUE(store_->Put(MakeScoped(i, i % 5, i * 31)));
    ASSERT_TRUE(store_->PutVector(KeyOf(i), ReplyOf(i, i * 13)));
    ASSERT_TRUE(store_->PutNote("note " + std::to_string(i), std::to_string(i)));
  }
  Open();
  EXPECT_EQ(AllMembers(), 200u);
  for (std::uint64_t i = 0; i < 200; ++i) {
    EXPECT_EQ(**store_->Find(KeyOf(i)), *MakeScoped(i, i % 5, i * 31));
    EXPECT_EQ(*store_->FindVector(KeyOf(i)), ReplyOf(i, i * 13));
    EXPECT_EQ(*store_->FindNote("note " + std::to_string(i)), std::to_string(i));
  }
  EXPECT_EQ(MembersOf(3), 40u);
}

TEST_F(LmdbScopesTest, ExpiredEntriesLeaveTheirScopes) {
  Open();
  const std::int64_t soon = clock_.WallMs() + 1'000;
  for (std::uint64_t i = 0; i < 900; ++i) {
    auto entry = std::make_shared<Entry>(*MakeScoped(i, 1, 500));
    if (i < 800) entry->expires_ms = soon;
    ASSERT_TRUE(store_->Put(std::move(entry)));
    ASSERT_TRUE(store_->PutVector(KeyOf(i), "vector"));
  }
  Flush();
  EXPECT_EQ(MembersOf(1), 900u);
  clock_.AdvanceMs(1'000);
  EXPECT_TRUE(Eventually([&] { return store_->Stats().entries == 100; }));
  EXPECT_EQ(MembersOf(1), 100u);
  EXPECT_EQ(gone(), 800u);
  EXPECT_FALSE(store_->ReadVectorByLabel(LabelOf(KeyOf(1)), [](std::string_view) {}));
  EXPECT_TRUE(store_->ReadVectorByLabel(LabelOf(KeyOf(850)), [](std::string_view) {}));
}

TEST_F(LmdbScopesTest, EvictionTakesScopesAndVectorsAlongAndSparesWhatIsRead) {
  Open();
  constexpr std::uint64_t kEntries = 6'000;
  for (std::uint64_t i = 0; i < kEntries; ++i) {
    ASSERT_TRUE(store_->Put(MakeScoped(i, i, 3'000)));
    ASSERT_TRUE(store_->PutVector(KeyOf(i), ReplyOf(i, 1'536)));
    if (i % 100 != 99) continue;
    (void)store_->Flush(20s);
    for (std::uint64_t hot = 0; hot < 5; ++hot) ASSERT_NE(*store_->Find(KeyOf(hot)), nullptr);
  }
  Flush();
  const StoreStats stats = store_->Stats();
  EXPECT_EQ(stats.puts_dropped, 0u);
  EXPECT_LE(stats.used_bytes, options_.limit_bytes);
  EXPECT_LE(stats.file_bytes, options_.limit_bytes * 13 / 10);
  EXPECT_EQ(AllMembers(), stats.entries);
  EXPECT_EQ(gone(), kEntries - stats.entries);
  for (std::uint64_t hot = 0; hot < 5; ++hot) {
    EXPECT_EQ(MembersOf(hot), 1u);
    EXPECT_EQ(*store_->FindVector(KeyOf(hot)), ReplyOf(hot, 1'536)) << "a second chance keeps the vector";
  }
  EXPECT_EQ(MembersOf(50), 0u);
  EXPECT_FALSE(store_->ReadVectorByLabel(LabelOf(KeyOf(50)), [](std::string_view) {}));
}

TEST_F(LmdbScopesTest, AClearGivesTheSpaceOfEveryTableBack) {
  Open();
  for (std::uint64_t i = 0; i < 2'000; ++i) {
    ASSERT_TRUE(store_->Put(MakeScoped(i, i, 100)));
    ASSERT_TRUE(store_->PutVector(KeyOf(i), ReplyOf(i, 500)));
  }
  Flush();
  ASSERT_TRUE(store_->Clear());
  Open();
  EXPECT_EQ(AllMembers(), 0u);
  EXPECT_TRUE(Eventually([&] { return store_->Stats().used_bytes < 20 * 4096; }));
}

TEST_F(LmdbScopesTest, APurgeGoesOnAfterARestart) {
  options_.commit_interval = 1ms;
  Open();
  for (std::uint64_t i = 0; i < 20'000; ++i) ASSERT_TRUE(store_->Put(MakeScoped(i, i % 9, 100)));
  Flush();
  ASSERT_EQ(store_->Stats().puts_dropped + store_->Stats().evictions, 0u) << store_->Stats().used_bytes;
  PurgeRule rule = PurgeModel("odd");
  rule.tag = "tag-1";
  ASSERT_TRUE(store_->Purge(rule, nullptr));
  Open();
  std::uint64_t hidden = 0;
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    const bool purged = i % 2 == 1 && i % 3 == 1;
    hidden += purged ? 1 : 0;
    ASSERT_EQ(*store_->Find(KeyOf(i)) == nullptr, purged) << i;
    ASSERT_EQ(*store_->FindHead(KeyOf(i)) == nullptr, purged) << i;
  }
  EXPECT_TRUE(Eventually([&] { return store_->Stats().entries == 20'000 - hidden; }));
  EXPECT_EQ(AllMembers(), 20'000 - hidden);
  EXPECT_TRUE(Eventually([&] { return *store_->CountPurge(PurgeAll()) == 20'000 - hidden; }));
  Open();
  EXPECT_EQ(store_->Stats().entries, 20'000 - hidden);
}

// In a store at its limit, with eviction giving second chances, nothing purged may come back under a new id.
TEST_F(LmdbScopesTest, NothingPurgedComesBackBesideEviction) {
  Open();
  std::uint64_t number = 0;
  for (; number < 4'000; ++number) ASSERT_TRUE(store_->Put(MakeScoped(number, 1, 4'000)));
  (void)store_->Flush(20s);
  for (std::uint64_t i = 0; i < number; ++i) (void)store_->Find(KeyOf(i));
  std::atomic<bool> done{false};
  ASSERT_TRUE(store_->Purge(PurgeModel("odd"), [&](std::uint64_t) { done = true; }));
  const std::uint64_t purged = number;
  std::uint64_t back = 0;
  for (int round = 0; round < 200 && back == 0; ++round) {
    for (int i = 0; i < 10; ++i) (void)store_->Put(MakeScoped(number++, 2, 4'000));
    (void)store_->Flush(20s);
    for (std::uint64_t i = 1; i < purged; i += 202) back += *store_->Find(KeyOf(i)) != nullptr ? 1 : 0;
  }
  EXPECT_EQ(back, 0u);
  EXPECT_TRUE(Eventually([&] { return done.load(); }));
  for (std::uint64_t i = 1; i < purged; i += 2) ASSERT_EQ(*store_->Find(KeyOf(i)), nullptr) << i;
}

TEST_F(LmdbScopesTest, ALargeScopeThatIsPendingIsQuickToAskAndToCommit) {
  options_.limit_bytes = 256 << 20;
  options_.commit_interval = 60s;
  Open();
  for (std::uint64_t i = 0; i < 20'000; ++i) ASSERT_TRUE(store_->Put(MakeScoped(i, 1, 20)));
  EXPECT_EQ(MembersOf(1), 20'000u);
  EXPECT_EQ(store_->FindScope(ScopeOf(1), 16)->size(), 16u);
  Flush();
  EXPECT_EQ(MembersOf(1), 20'000u);
}

}  // namespace
}  // namespace reflex::store
