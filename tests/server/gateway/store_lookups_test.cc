// Look-ups in a store that is not at hand: what goes together, what is refused, and who is woken where.
#include "gateway/store_lookups.h"

#include <algorithm>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "fakes/faulty_store.h"
#include "gateway_world.h"
#include "lib/store/store_test_util.h"

namespace reflex::gateway {
namespace {

using store::KeyOf;
using store::MakeEntry;
using End = StoreLookups::End;

constexpr std::chrono::seconds kLimit{20};

// Holds every call until it is told, and remembers how many keys each had.
class HeldStore final : public fakes::FaultyStore {
 public:
  explicit HeldStore(std::size_t keys_at_once) : keys_at_once_(keys_at_once) {}

  bool FindsInPlace() const override { return false; }
  std::size_t KeysAtOnce() const override { return keys_at_once_; }
  Result<std::vector<EntryPtr>> FindMany(std::span<const Digest> keys) override {
    {
      std::unique_lock lock(mutex_);
      sizes_.push_back(keys.size());
      changed_.notify_all();
      changed_.wait(lock, [&] { return open_; });
    }
    return EntryStore::FindMany(keys);
  }

  void Hold() {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  void Release() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  // False when so many calls do not come.
  bool WaitForCalls(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kLimit, [&] { return sizes_.size() >= count; });
  }
  std::vector<std::size_t> sizes() {
    const std::lock_guard lock(mutex_);
    return sizes_;
  }

 private:
  const std::size_t keys_at_once_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::size_t> sizes_;
  bool open_ = true;
};

struct Told {
  StoreLookups::Answer answer;
  std::thread::id on;
};

http::Task<void> AskAndTell(StoreLookups& lookups, http::IoThread& io, Digest key, std::shared_ptr<std::promise<Told>> told) {
  StoreLookups::Answer answer = co_await lookups.Find(io, key);
  told->set_value({std::move(answer), std::this_thread::get_id()});
}

class StoreLookupsTest : public ::testing::Test {
 protected:
  void Start(std::size_t keys_at_once, std::size_t pool_threads, std::size_t queue_limit = 64, std::size_t io_threads = 2) {
    auto made = std::make_unique<HeldStore>(keys_at_once);
    store_ = made.get();
    for (std::uint64_t i = 0; i < 100; i += 2) ASSERT_TRUE(store_->Put(MakeEntry(i, 100)));
    cache_ = Cache::Create({}, std::move(made), clock_, logger_).value();
    pool_ = std::make_unique<base::WorkerPool>(pool_threads, queue_limit, 0);
    lookups_ = std::make_unique<StoreLookups>(*cache_, *pool_);
    for (std::size_t i = 0; i < io_threads; ++i) {
      io_.push_back(std::make_unique<http::IoThread>());
      runners_.emplace_back([&io = *io_.back()] { io.Run(); });
    }
  }
  void TearDown() override {
    if (store_ != nullptr) store_->Release();
    StopIo();
    lookups_.reset();
    io_.clear();
    pool_.reset();
  }
  void StopIo() {
    for (auto& io : io_) io->Stop();
    for (std::thread& runner : runners_) runner.join();
    runners_.clear();
  }

  std::future<Told> Ask(std::uint64_t number, std::size_t thread = 0) {
    auto told = std::make_shared<std::promise<Told>>();
    std::future<Told> future = told->get_future();
    http::IoThread& io = *io_.at(thread);
    io.Post([this, &io, number, told] { io.Spawn(AskAndTell(*lookups_, io, KeyOf(number), told)); });
    return future;
  }
  // Until the thread has done what it was given so far, as a look-up's way into the queue.
  void Settle(std::size_t thread = 0) {
    std::promise<void> done;
    io_.at(thread)->Post([&done] { done.set_value(); });
    done.get_future().wait();
  }
  static Told Get(std::future<Told>& future) {
    if (future.wait_for(kLimit) != std::future_status::ready) {
      ADD_FAILURE() << "no answer in time";
      return {};
    }
    return future.get();
  }

  store::ManualClock clock_;
  store::KeepingLogger logger_;
  HeldStore* store_ = nullptr;
  std::unique_ptr<Cache> cache_;
  std::unique_ptr<base::WorkerPool> pool_;
  std::unique_ptr<StoreLookups> lookups_;
  std::vector<std::unique_ptr<http::IoThread>> io_;
  std::vector<std::thread> runners_;
};

TEST_F(StoreLookupsTest, WhatWaitsGoesInOneCallAndEachIsAnsweredOnItsThread) {
  Start(EntryStore::kKeysMax, 1);
  store_->Hold();
  std::future<Told> first = Ask(0);
  ASSERT_TRUE(store_->WaitForCalls(1));
  std::vector<std::future<Told>> others;
  for (std::uint64_t i = 1; i <= 40; ++i) others.push_back(Ask(i, i % 2));
  Settle(0);
  Settle(1);
  store_->Release();
  EXPECT_EQ(Get(first).answer.entry->key, KeyOf(0));
  const std::thread::id ids[] = {runners_[0].get_id(), runners_[1].get_id()};
  for (std::uint64_t i = 1; i <= 40; ++i) {
    const Told told = Get(others[i - 1]);
    EXPECT_EQ(told.answer.end, End::kLooked);
    EXPECT_EQ(told.on, ids[i % 2]);
    ASSERT_EQ(told.answer.entry != nullptr, i % 2 == 0) << i;
    if (i % 2 == 0) {
      EXPECT_EQ(*told.answer.entry, *MakeEntry(i, 100));
      EXPECT_NE(cache_->FindInMemory(KeyOf(i)), nullptr) << "kept in memory";
    }
  }
  EXPECT_EQ(store_->sizes(), (std::vector<std::size_t>{1, 40}));
}

TEST_F(StoreLookupsTest, ACallTakesNoMoreThanTheStoreTakes) {
  Start(16, 1);
  store_->Hold();
  std::vector<std::future<Told>> all;
  all.push_back(Ask(0));
  ASSERT_TRUE(store_->WaitForCalls(1));
  for (std::uint64_t i = 1; i <= 40; ++i) all.push_back(Ask(i));
  Settle();
  store_->Release();
  for (auto& one : all) EXPECT_EQ(Get(one).answer.end, End::kLooked);
  EXPECT_EQ(store_->sizes(), (std::vector<std::size_t>{1, 16, 16, 8}));
}

TEST_F(StoreLookupsTest, AStoreOnADiskIsAskedByAllThreadsAtOnce) {
  Start(1, 3);
  store_->Hold();
  std::vector<std::future<Told>> all;
  for (std::uint64_t i = 0; i < 10; ++i) all.push_back(Ask(i));
  EXPECT_TRUE(store_->WaitForCalls(3)) << "three threads, each in a call of its own";
  store_->Release();
  for (std::uint64_t i = 0; i < 10; ++i) EXPECT_EQ(Get(all[i]).answer.entry != nullptr, i % 2 == 0);
  EXPECT_EQ(store_->sizes(), std::vector<std::size_t>(10, 1));
}

TEST_F(StoreLookupsTest, BeyondTheBoundALookUpIsBusy) {
  Start(EntryStore::kKeysMax, 1, 8);
  store_->Hold();
  std::vector<std::future<Told>> waiting;
  waiting.push_back(Ask(0));
  ASSERT_TRUE(store_->WaitForCalls(1));
  for (std::uint64_t i = 1; i <= 8; ++i) waiting.push_back(Ask(i));
  std::future<Told> over = Ask(10);
  const Told told = Get(over);
  EXPECT_EQ(told.answer.end, End::kBusy);
  EXPECT_EQ(told.answer.entry, nullptr);
  store_->Release();
  for (auto& one : waiting) EXPECT_EQ(Get(one).answer.end, End::kLooked);
}

TEST_F(StoreLookupsTest, WithAFullPoolALookUpIsBusyAndLaterOnesAreNot) {
  Start(EntryStore::kKeysMax, 1, 1);
  std::promise<void> begun, go;
  ASSERT_TRUE(pool_->Submit([&] {
    begun.set_value();
    go.get_future().wait();
  }));
  begun.get_future().wait();
  std::promise<void> ran;
  ASSERT_TRUE(pool_->Submit([&] { ran.set_value(); }));
  std::future<Told> refused = Ask(0);
  EXPECT_EQ(Get(refused).answer.end, End::kBusy);
  go.set_value();
  ran.get_future().wait();
  std::future<Told> taken = Ask(0);
  EXPECT_NE(Get(taken).answer.entry, nullptr);
}

TEST_F(StoreLookupsTest, WhoWaitedBehindAFailedCallIsAMissAtOnce) {
  Start(EntryStore::kKeysMax, 1);
  store_->Hold();
  store_->broken = true;
  std::vector<std::future<Told>> all;
  all.push_back(Ask(0));
  ASSERT_TRUE(store_->WaitForCalls(1));
  for (std::uint64_t i = 1; i <= 5; ++i) all.push_back(Ask(i * 2));
  Settle();
  store_->Release();
  for (auto& one : all) {
    const Told told = Get(one);
    EXPECT_EQ(told.answer.end, End::kFailed);
    EXPECT_EQ(told.answer.entry, nullptr);
  }
  EXPECT_EQ(store_->sizes(), std::vector<std::size_t>{1});
  EXPECT_EQ(cache_->Stats().store_failures, 1u);
  store_->broken = false;
  std::future<Told> again = Ask(0);
  EXPECT_NE(Get(again).answer.entry, nullptr);
}

TEST_F(StoreLookupsTest, OtherWorkOfThePoolHasItsTurn) {
  Start(1, 1);
  store_->Hold();
  std::vector<std::future<Told>> all;
  for (std::uint64_t i = 0; i < 20; ++i) all.push_back(Ask(i));
  ASSERT_TRUE(store_->WaitForCalls(1));
  Settle();
  std::promise<std::size_t> calls_before;
  ASSERT_TRUE(pool_->Submit([&] { calls_before.set_value(store_->sizes().size()); }));
  store_->Release();
  EXPECT_EQ(calls_before.get_future().get(), 1u);
  for (auto& one : all) EXPECT_EQ(Get(one).answer.end, End::kLooked);
}

TEST_F(StoreLookupsTest, AnEndWhileACallRunsLeavesNobodyBehind) {
  Start(EntryStore::kKeysMax, 1);
  store_->Hold();
  std::vector<std::future<Told>> all;
  all.push_back(Ask(0));
  ASSERT_TRUE(store_->WaitForCalls(1));
  for (std::uint64_t i = 1; i <= 5; ++i) all.push_back(Ask(i));
  Settle();
  StopIo();
  std::thread ending([&] { lookups_.reset(); });
  store_->Release();
  ending.join();
  io_.clear();  // And with them the coroutines, answered or not.
  for (auto& one : all) EXPECT_THROW(one.get(), std::future_error);
}

TEST(ChatLookups, AStoreThatFailsIsAMissThatSaysSo) {
  testing::GatewayWorld world;
  auto made = std::make_unique<HeldStore>(EntryStore::kKeysMax);
  HeldStore& store = *made;
  world.Start(std::move(made));
  world.provider.OnCall([](testing::ProviderCall& call) { call.Json(200, testing::PlainAnswer("fresh")); });
  const auto first = world.Run(testing::Chat("q"));
  EXPECT_EQ(first->Header("X-Reflex-Status"), "miss");
  EXPECT_EQ(first->Header("X-Reflex-Reason"), "no-entry");
  world.WaitForNoFlights();
  store.broken = true;
  const auto other = world.Run(testing::Chat("another"));
  EXPECT_EQ(other->status(), 200);
  EXPECT_EQ(other->Header("X-Reflex-Reason"), "failed");
  EXPECT_EQ(world.Metric("reflex_store_lookup_failures_total"), 1);
}

TEST(ChatLookups, BeyondTheQueueARequestIsAMissThatSaysSoAndIsCounted) {
  testing::GatewayWorld world;  // Two threads in the pool, 64 places in its queue.
  auto made = std::make_unique<HeldStore>(1);
  HeldStore& store = *made;
  world.Start(std::move(made));
  world.provider.OnCall([](testing::ProviderCall& call) { call.Json(200, testing::PlainAnswer("fresh")); });
  store.Hold();
  std::vector<testing::ExchangePtr> held;
  const auto ask = [&](int number) { held.push_back(world.Ask(testing::Chat("question " + std::to_string(number)))); };
  for (int i = 0; i < 2; ++i) ask(i);
  ASSERT_TRUE(store.WaitForCalls(2));
  for (int i = 2; i < 66; ++i) ask(i);
  for (int i = 66; i < 70; ++i) {
    const auto over = world.Run(testing::Chat("question " + std::to_string(i)));
    EXPECT_EQ(over->status(), 200);
    EXPECT_EQ(over->Header("X-Reflex-Status"), "miss");
    EXPECT_EQ(over->Header("X-Reflex-Reason"), "busy");
  }
  EXPECT_EQ(world.Metric("reflex_store_lookups_refused_total"), 4);
  store.Release();
  for (const auto& exchange : held) {
    exchange->WaitForDone();
    EXPECT_EQ(exchange->Header("X-Reflex-Reason"), "no-entry");
  }
}

}  // namespace
}  // namespace reflex::gateway
