#include "base/worker_pool.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <vector>

#include <gtest/gtest.h>

namespace reflex::base {
namespace {

TEST(WorkerPool, RunsWhatIsSubmittedInOrder) {
  std::vector<int> seen;
  {
    WorkerPool pool(1, 100, 0);
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(pool.Submit([&seen, i] { seen.push_back(i); }));
  }
  ASSERT_EQ(seen.size(), 50u);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
}

TEST(WorkerPool, RefusesWhenTheQueueIsFull) {
  std::promise<void> started, release;
  auto gate = release.get_future().share();
  std::atomic<int> ran{0};
  {
    WorkerPool pool(1, 2, 0);
    ASSERT_TRUE(pool.Submit([&] {
      started.set_value();
      gate.wait();
    }));
    started.get_future().wait();
    EXPECT_TRUE(pool.Submit([&] { ++ran; }));
    EXPECT_TRUE(pool.Submit([&] { ++ran; }));
    EXPECT_EQ(pool.QueueLength(), 2u);
    EXPECT_FALSE(pool.Submit([&] { ran += 100; }));
    release.set_value();
  }
  // The destructor ran what was queued, and only that.
  EXPECT_EQ(ran, 2);
}

TEST(WorkerPool, SeveralThreadsWorkAtOnce) {
  WorkerPool pool(2, 10, 0);
  std::promise<void> first, second;
  std::promise<void> done_first, done_second;
  ASSERT_TRUE(pool.Submit([&] {
    first.set_value();
    second.get_future().wait();
    done_first.set_value();
  }));
  ASSERT_TRUE(pool.Submit([&] {
    second.set_value();
    first.get_future().wait();
    done_second.set_value();
  }));
  done_first.get_future().wait();
  done_second.get_future().wait();
}

TEST(WorkerPool, ThreadsAreNicerThanTheirMaker) {
  const int own = getpriority(PRIO_PROCESS, 0);
  std::promise<int> seen;
  WorkerPool pool(1, 1, 5);
  ASSERT_TRUE(pool.Submit([&] { seen.set_value(getpriority(PRIO_PROCESS, 0)); }));
  EXPECT_EQ(seen.get_future().get(), std::min(own + 5, 19));
}

}  // namespace
}  // namespace reflex::base
