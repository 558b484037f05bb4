#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/worker_pool.h"
#include "support/vector_fixture.h"
#include "vector/local_index.h"

namespace reflex::vector {
namespace {

constexpr std::size_t kDimension = 64;

// The vector of a label, made anew each time.
bool Make(std::uint64_t label, std::span<float> out) {
  std::mt19937_64 random(label);
  for (float& value : out) value = std::uniform_real_distribution<float>(-1, 1)(random);
  return true;
}

// Two writers, and a search that goes on until both are done.
template <class Write, class Search>
void Beside(const Write& write, const Search& search, std::atomic<bool>& stop) {
  std::thread first(write, 0), second(write, 1), reader(search);
  first.join();
  second.join();
  stop.store(true);
  reader.join();
}

TEST(LocalIndexThreads, AddsRemovesAndSearchesBesideMerges) {
  base::WorkerPool pool(2, 16, 0);
  LocalIndexOptions options;
  options.lists_from = 128;
  options.lists.list_entries = 8;
  options.slice = 20;
  const auto index =
      LocalIndex::Create(kDimension, options, Make, [&](std::function<void()> job) { return pool.Submit(std::move(job)); });
  std::atomic<bool> stop{false};
  std::atomic<std::size_t> wrong{0}, searches{0};
  // Each writer has labels of its own, keeps the even ones and churns the odd ones.
  const auto write = [&](std::uint64_t writer) {
    std::vector<float> vector(kDimension);
    for (std::uint64_t i = 0; i < 1500; ++i) {
      const std::uint64_t label = writer * 1'000'000 + i;
      Make(label, vector);
      if (!index->Add(ScopeOf(static_cast<unsigned>(i % 2)), label, vector, {})) ++wrong;
      if (i >= 20 && i % 4 == 3) index->Remove(ScopeOf(1), label - 2);
    }
  };
  const auto search = [&] {
    std::vector<float> vector(kDimension);
    for (std::uint64_t i = 0; !stop.load(); ++i) {
      Make(i % 1500, vector);
      const auto found = index->Search(ScopeOf(static_cast<unsigned>(i % 2)), vector, 5);
      if (!found) ++wrong;
      for (std::size_t j = 1; found && j < found->size(); ++j) wrong += (*found)[j - 1].similarity < (*found)[j].similarity;
      (void)index->Stats();
      ++searches;
    }
  };
  Beside(write, search, stop);
  EXPECT_EQ(wrong.load(), 0u);
  EXPECT_EQ(index->Count(ScopeOf(0)), 1500u);
  EXPECT_EQ(index->Count(ScopeOf(1)), 1500u - 2 * 370u);
  std::vector<float> vector(kDimension);
  for (std::uint64_t i = 0; i < 1500; i += 10) {
    Make(i, vector);
    EXPECT_EQ(index->Search(ScopeOf(0), vector, 1)->at(0).label, i);
  }
}

// Much is removed and some replaced while the tail is copied without its dead, again and again.
TEST(LocalIndexThreads, ATailIsCopiedBesideAddsRemovesAndSearches) {
  base::WorkerPool pool(1, 16, 0);
  const auto index =
      LocalIndex::Create(kDimension, {}, Make, [&](std::function<void()> job) { return pool.Submit(std::move(job)); });
  std::atomic<bool> stop{false};
  std::atomic<std::size_t> wrong{0};
  constexpr std::uint64_t kEach = 6000;
  const auto write = [&](std::uint64_t writer) {
    std::vector<float> vector(kDimension);
    const auto add = [&](std::uint64_t label) {
      Make(label, vector);
      if (!index->Add(ScopeOf(1), label, vector, {})) ++wrong;
    };
    for (std::uint64_t i = 0; i < kEach; ++i) {
      const std::uint64_t label = writer * 1'000'000 + i;
      add(label);
      if (i % 8 == 7) add(label - 7);
      if (i % 8 != 0) index->Remove(ScopeOf(1), label);
    }
  };
  // One that stays is found at any time.
  constexpr std::uint64_t kStays = 9'000'000;
  std::vector<float> stays(kDimension);
  Make(kStays, stays);
  ASSERT_TRUE(index->Add(ScopeOf(1), kStays, stays, {}).has_value());
  const auto search = [&] {
    while (!stop.load()) {
      const auto found = index->Search(ScopeOf(1), stays, 1);
      if (!found || found->size() != 1 || found->front().label != kStays) ++wrong;
    }
  };
  Beside(write, search, stop);
  EXPECT_EQ(wrong.load(), 0u);
  EXPECT_EQ(index->Count(ScopeOf(1)), 1 + 2 * kEach / 8);
  std::vector<float> vector(kDimension);
  for (std::uint64_t writer = 0; writer < 2; ++writer) {
    for (std::uint64_t i = 0; i < kEach; i += 8) {
      Make(writer * 1'000'000 + i, vector);
      const auto found = index->Search(ScopeOf(1), vector, 2);
      EXPECT_EQ(found->at(0).label, writer * 1'000'000 + i);
      EXPECT_NE(found->at(1).label, writer * 1'000'000 + i);
    }
  }
}

TEST(LocalIndexThreads, TheIndexMayGoWhileASliceRuns) {
  for (std::uint64_t round = 0; round < 20; ++round) {
    base::WorkerPool pool(1, 16, 0);
    LocalIndexOptions options;
    options.lists_from = 128;
    options.slice = 5;
    auto index =
        LocalIndex::Create(kDimension, options, Make, [&](std::function<void()> job) { return pool.Submit(std::move(job)); });
    std::vector<float> vector(kDimension);
    for (std::uint64_t label = 0; label < 400 + 7 * round; ++label) {
      Make(label, vector);
      ASSERT_TRUE(index->Add(ScopeOf(1), label, vector, {}).has_value());
    }
    index.reset();
  }
}

TEST(LocalIndexThreads, AScopeThatEmptiesAndFillsLosesNothing) {
  const auto index = LocalIndex::Create(kDimension, {}, Make, [](const std::function<void()>&) { return false; });
  const auto churn = [&](std::uint64_t label) {
    std::vector<float> vector(kDimension);
    Make(label, vector);
    for (int i = 0; i < 2000; ++i) {
      (void)index->Add(ScopeOf(1), label, vector, {});
      if (index->Count(ScopeOf(1)) == 0) ADD_FAILURE() << "an added vector is gone";
      index->Remove(ScopeOf(1), label);
    }
    (void)index->Add(ScopeOf(1), label, vector, {});
  };
  std::thread first(churn, 1), second(churn, 2);
  first.join();
  second.join();
  EXPECT_EQ(index->Count(ScopeOf(1)), 2u);
}

}  // namespace
}  // namespace reflex::vector
