#include "base/pace.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace reflex::base {
namespace {

using std::chrono::nanoseconds;

TEST(Pace, IsDueAtOnceAndThenOnceInItsTime) {
  Pace pace(nanoseconds(100));
  EXPECT_TRUE(pace.IsDue(5));
  EXPECT_FALSE(pace.IsDue(104));
  EXPECT_TRUE(pace.IsDue(105));
  EXPECT_FALSE(pace.IsDue(105));
  EXPECT_TRUE(pace.IsDue(1'000));
}

TEST(Pace, MayBeginLater) {
  Pace pace(nanoseconds(100), 50);
  EXPECT_FALSE(pace.IsDue(49));
  EXPECT_TRUE(pace.IsDue(50));
}

TEST(Pace, IsDueForOneOfManyThreads) {
  Pace pace(nanoseconds(100));
  std::atomic<int> due{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (std::int64_t now_ns = 0; now_ns < 100; ++now_ns) due += pace.IsDue(now_ns) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(due, 1);
}

}  // namespace
}  // namespace reflex::base
