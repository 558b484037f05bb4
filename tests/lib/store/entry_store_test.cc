// One suite over every EntryStore: what the contract promises, whoever keeps it.
#include "reflex/entry_store.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "lib/store/store_kinds.h"
#include "lib/store/store_test_util.h"

namespace reflex::store {
namespace {

using namespace std::chrono_literals;

class EntryStoreTest : public ::testing::TestWithParam<StoreKind> {
 protected:
  void SetUp() override {
    store_ = GetParam().make(folder_.path() / "store", clock_, logger_);
    ASSERT_NE(store_, nullptr);
  }
  EntryPtr Get(std::uint64_t number) {
    auto found = store_->Find(KeyOf(number));
    if (!found) ADD_FAILURE() << found.error().message;
    return found ? *found : nullptr;
  }
  void Put(const EntryPtr& entry) {
    const auto put = store_->Put(entry);
    ASSERT_TRUE(put) << put.error().message;
  }
  void Flush() {
    const auto flushed = store_->Flush(10s);
    ASSERT_TRUE(flushed) << flushed.error().message;
  }

  TempFolder folder_;
  ManualClock clock_;
  KeepingLogger logger_;
  std::unique_ptr<EntryStore> store_;
};

TEST_P(EntryStoreTest, WhatIsPutIsFoundAtOnceAndAfterTheCommit) {
  for (const std::size_t bytes : {0u, 1u, 1'500u, 2'022u, 2'023u, 65'536u, 1'000'000u}) {
    const EntryPtr entry = MakeEntry(bytes, bytes);
    Put(entry);
    ASSERT_NE(Get(bytes), nullptr);
    EXPECT_EQ(*Get(bytes), *entry);
  }
  Flush();
  for (const std::size_t bytes : {0u, 1u, 1'500u, 2'022u, 2'023u, 65'536u, 1'000'000u}) {
    ASSERT_NE(Get(bytes), nullptr) << bytes;
    EXPECT_EQ(*Get(bytes), *MakeEntry(bytes, bytes));
  }
  EXPECT_EQ(Get(77), nullptr);
  EXPECT_EQ(store_->Stats().entries, 7u);
}

TEST_P(EntryStoreTest, PuttingAgainReplaces) {
  Put(MakeEntry(1, 5'000, 1));
  Put(MakeEntry(1, 100, 2));
  EXPECT_EQ(Get(1)->reply, ReplyOf(1, 100, 2));
  Flush();
  EXPECT_EQ(Get(1)->reply, ReplyOf(1, 100, 2));
  Put(MakeEntry(1, 9'000, 3));
  EXPECT_EQ(Get(1)->reply, ReplyOf(1, 9'000, 3));
  Flush();
  EXPECT_EQ(Get(1)->reply, ReplyOf(1, 9'000, 3));
  EXPECT_EQ(store_->Stats().entries, 1u);
}

TEST_P(EntryStoreTest, ErasedIsGoneAtOnceAndStaysGone) {
  Put(MakeEntry(1, 100));
  Put(MakeEntry(2, 100));
  Flush();
  ASSERT_TRUE(store_->Erase(KeyOf(1)));
  ASSERT_TRUE(store_->Erase(KeyOf(99)));
  EXPECT_EQ(Get(1), nullptr);
  Flush();
  EXPECT_EQ(Get(1), nullptr);
  EXPECT_NE(Get(2), nullptr);
}

TEST_P(EntryStoreTest, ErasedBeforeTheCommitNeverAppears) {
  Put(MakeEntry(1, 100));
  ASSERT_TRUE(store_->Erase(KeyOf(1)));
  EXPECT_EQ(Get(1), nullptr);
  Flush();
  EXPECT_EQ(Get(1), nullptr);
  Put(MakeEntry(1, 100, 5));
  EXPECT_EQ(Get(1)->reply, ReplyOf(1, 100, 5));
  Flush();
  EXPECT_EQ(Get(1)->reply, ReplyOf(1, 100, 5));
}

TEST_P(EntryStoreTest, ClearHidesEverythingAtOnceAndKeepsWhatComesAfter) {
  for (std::uint64_t i = 0; i < 1'000; ++i) Put(MakeEntry(i, 200));
  Flush();
  for (std::uint64_t i = 1'000; i < 1'100; ++i) Put(MakeEntry(i, 200));
  ASSERT_TRUE(store_->Clear());
  for (std::uint64_t i = 0; i < 1'100; ++i) ASSERT_EQ(Get(i), nullptr) << i;
  Put(MakeEntry(5, 300, 2));
  EXPECT_EQ(Get(5)->reply, ReplyOf(5, 300, 2));
  Flush();
  EXPECT_EQ(Get(5)->reply, ReplyOf(5, 300, 2));
  EXPECT_EQ(Get(6), nullptr);
  EXPECT_EQ(Get(1'050), nullptr);
  EXPECT_EQ(store_->Stats().entries, 1u);
}

TEST_P(EntryStoreTest, EraseIfRemovesWhatItCondemnsWherever) {
  for (std::uint64_t i = 0; i < 600; ++i) Put(MakeEntry(i, 100 + i * 10));
  Flush();
  for (std::uint64_t i = 600; i < 700; ++i) Put(MakeEntry(i, 100));
  bool saw_reply = false;
  const auto erased = store_->EraseIf([&](const Entry& head) {
    saw_reply = saw_reply || !head.reply.empty();
    return head.model == "odd" && head.tags[0] != "none" && head.usage.output_tokens == 7;
  });
  ASSERT_TRUE(erased) << erased.error().message;
  EXPECT_EQ(*erased, 350u);
  EXPECT_FALSE(saw_reply);
  for (std::uint64_t i = 0; i < 700; ++i) ASSERT_EQ(Get(i) != nullptr, i % 2 == 0) << i;
}

TEST_P(EntryStoreTest, ManyThreadsSeeOnlyWholeEntriesOfTheirKey) {
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (std::uint64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::uint64_t i = 0; i < 400; ++i) {
        const std::uint64_t number = (i * 7 + thread) % 50;
        if (i % 3 == 0) (void)store_->Put(MakeEntry(number, number * 100, i));
        if (i % 61 == 0) (void)store_->Erase(KeyOf(number));
        if (i % 173 == 0 && thread == 0) (void)store_->Clear();
        const auto found = store_->Find(KeyOf(number));
        if (!found) {
          ++wrong;
          continue;
        }
        const EntryPtr entry = *found;
        if (entry != nullptr && (entry->key != KeyOf(number) || entry->reply.size() != number * 100)) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

// Erase and Clear against a concurrent reader: once the call has returned, no later Find may bring the value back.
TEST_P(EntryStoreTest, NothingErasedComesBackWhileTheWriterCommits) {
  int came_back = 0;
  for (std::uint64_t round = 0; round < 200; ++round) {
    Put(MakeEntry(1, 3'000, round));
    if (round % 3 == 0) (void)store_->Flush(10s);
    ASSERT_TRUE(round % 2 == 0 ? store_->Erase(KeyOf(1)) : store_->Clear());
    for (int look = 0; look < 20; ++look) came_back += Get(1) != nullptr ? 1 : 0;
  }
  EXPECT_EQ(came_back, 0);
}

INSTANTIATE_TEST_SUITE_P(Stores, EntryStoreTest, ::testing::ValuesIn(StoreKinds()),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace reflex::store
