// The server paused, killed, restarted and full while it is in use: every call returns in time, and all is well again by itself.
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "lib/store/store_kinds.h"
#include "lib/store/store_test_util.h"
#include "redis/redis_store.h"
#include "server/redis/redis_server.h"

namespace reflex::redis {
namespace {

using namespace std::chrono_literals;
using store::KeyOf;
using store::MakeEntry;
using store::MakeScoped;

class TroubleTest : public ::testing::Test {
 protected:
  RedisStoreOptions Options() const {
    RedisStoreOptions options = StoreOptions(server_.url());
    options.client.breaker_pause = 100ms;
    return options;
  }
  std::unique_ptr<RedisStore> Open(const RedisStoreOptions& options) { return RedisStore::Open(options, clock_, logger_).value(); }
  std::unique_ptr<RedisStore> Open() { return Open(Options()); }
  // Null as well when the store does not know, which fails the test.
  static EntryPtr Found(RedisStore& store, std::uint64_t number) {
    const auto found = store.Find(KeyOf(number));
    EXPECT_TRUE(found) << found.error().message;
    return found ? *found : nullptr;
  }
  // Looks until it is a hit; how long that took.
  std::chrono::milliseconds UntilHit(RedisStore& store, const Digest& key) {
    const auto start = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - start < 20s) {
      const auto found = store.Find(key);
      if (found && *found != nullptr) break;
    }
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
  }

  RedisServer server_;
  store::ManualClock clock_;
  store::KeepingLogger logger_;
};

TEST_F(TroubleTest, APausedServerCostsMissesOnlyAndNoCallOutlastsItsLimit) {
  RedisStoreOptions options = Options();
  options.lookup_timeout = 100ms;
  options.write_timeout = 200ms;
  const auto store = Open(options);
  ASSERT_TRUE(store->Put(MakeEntry(1, 1'000)));
  ASSERT_TRUE(store->Flush(10s));
  server_.Pause();
  std::atomic<std::int64_t> slowest_ms{0};
  std::atomic<int> failures{0}, fast{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      const auto end = std::chrono::steady_clock::now() + 2s;
      while (std::chrono::steady_clock::now() < end) {
        const auto start = std::chrono::steady_clock::now();
        failures += store->Find(KeyOf(1)) ? 0 : 1;
        const std::int64_t ms =
            std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start).count();
        if (ms < 10) ++fast;
        for (std::int64_t seen = slowest_ms; seen < ms && !slowest_ms.compare_exchange_weak(seen, ms);) {
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(failures, 0);
  EXPECT_GT(fast, failures / 2) << "an open breaker answers at once";
  EXPECT_LT(slowest_ms, 1'000);
  EXPECT_NE(store->Health().degraded.find("away"), std::string::npos);
  ASSERT_TRUE(store->Put(MakeEntry(2, 1'000))) << "what is put meanwhile waits";
  server_.Resume();
  EXPECT_LT(UntilHit(*store, KeyOf(1)), 2s);
  ASSERT_TRUE(store->Flush(10s));
  EXPECT_EQ(store->Health().degraded, "");
  EXPECT_EQ(store->Stats().puts, 2u);
}

TEST_F(TroubleTest, WhatIsPutBackBeforeTheServerKnowsIsNotToldAsGone) {
  std::vector<Digest> gone;  // Of the writer's thread, until a Flush.
  const auto store = Open();
  store->SetOnRemoved([&](const Digest&, const Digest& key) { gone.push_back(key); });
  for (std::uint64_t i = 1; i <= 2; ++i) ASSERT_TRUE(store->Put(MakeScoped(i, 1, 100)));
  ASSERT_TRUE(store->Flush(10s));
  server_.Pause();
  for (std::uint64_t i = 1; i <= 2; ++i) ASSERT_TRUE(store->Erase(KeyOf(i)));
  ASSERT_TRUE(store->Put(MakeScoped(1, 1, 300)));
  server_.Resume();
  ASSERT_TRUE(store->Flush(10s));
  EXPECT_EQ(gone, std::vector<Digest>{KeyOf(2)});
}

TEST_F(TroubleTest, AKilledServerComesBackEmptyAndInUse) {
  const auto store = Open();
  ASSERT_TRUE(store->Put(MakeEntry(1, 1'000)));
  ASSERT_TRUE(store->Flush(10s));
  server_.Kill();
  EXPECT_FALSE(store->Find(KeyOf(1)));
  ASSERT_TRUE(store->Put(MakeEntry(2, 1'000)));
  EXPECT_NE(Found(*store, 2), nullptr) << "what waits is found here";
  EXPECT_EQ(store->Flush(50ms).error().code, ErrorCode::kTimeout);
  server_.Restart();
  ASSERT_TRUE(store->Flush(10s));
  EXPECT_LT(UntilHit(*store, KeyOf(2)), 2s);
  EXPECT_EQ(Found(*store, 1), nullptr);
}

TEST_F(TroubleTest, AFullServerIsCountedAndReadsGoOn) {
  const auto store = Open();
  ASSERT_TRUE(store->Put(MakeEntry(1, 1'000)));
  ASSERT_TRUE(store->Flush(10s));
  server_.Ask({"CONFIG", "SET", "maxmemory-policy", "noeviction"});
  server_.Ask({"CONFIG", "SET", "maxmemory", "1mb"});
  ASSERT_TRUE(store->Put(MakeEntry(2, 1'000)));
  ASSERT_TRUE(store->Flush(10s));
  EXPECT_EQ(store->Stats().puts_dropped, 1u);
  EXPECT_EQ(Found(*store, 2), nullptr);
  EXPECT_NE(Found(*store, 1), nullptr);
  EXPECT_NE(store->Health().degraded.find("no memory"), std::string::npos);
  server_.Ask({"CONFIG", "SET", "maxmemory", "0"});
  ASSERT_TRUE(store->Put(MakeEntry(3, 1'000)));
  ASSERT_TRUE(store->Flush(10s));
  EXPECT_EQ(store->Health().degraded, "");
}

TEST_F(TroubleTest, TheServersPolicyBoundsTheStore) {
  server_.Ask({"CONFIG", "SET", "maxmemory-policy", "allkeys-lfu"});
  server_.Ask({"CONFIG", "SET", "maxmemory", "8mb"});
  const auto store = Open();
  constexpr std::uint64_t kEntries = 400;
  for (std::uint64_t i = 0; i < kEntries; ++i) {
    ASSERT_TRUE(store->Put(MakeEntry(i, 50'000)));
    if (i % 20 == 19) {
      ASSERT_TRUE(store->Flush(10s));
    }
  }
  EXPECT_EQ(store->Stats().puts_dropped, 0u);
  EXPECT_EQ(store->Health().degraded, "");
  std::uint64_t found = 0;
  for (std::uint64_t i = 0; i < kEntries; ++i) {
    const auto entry = store->Find(KeyOf(i));
    ASSERT_TRUE(entry) << entry.error().message;
    if (*entry == nullptr) continue;
    EXPECT_EQ((*entry)->key, KeyOf(i));
    ++found;
  }
  EXPECT_GT(found, 20u);
  EXPECT_LT(found, kEntries / 2);
}

TEST_F(TroubleTest, AQueueThatIsFullRefusesAndCounts) {
  server_.Kill();
  RedisStoreOptions options = StoreOptions(server_.url());
  options.queue_entries = 10;
  const auto store = RedisStore::Open(options, clock_, logger_).value();
  ErrorCode code = ErrorCode::kInternal;
  for (std::uint64_t i = 0; i < 30; ++i) {
    if (const auto put = store->Put(MakeEntry(i, 100)); !put) code = put.error().code;
  }
  EXPECT_EQ(code, ErrorCode::kFull);
  EXPECT_EQ(store->Stats().puts_dropped, 20u);
}

}  // namespace
}  // namespace reflex::redis
