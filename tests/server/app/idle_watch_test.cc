// When the program counts as idle, by a clock moved by hand.
#include "app/idle_watch.h"

#include <gtest/gtest.h>

#include <memory>

#include "fakes/manual_clock.h"

namespace reflex::app {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

class IdleWatchTest : public testing::Test {
 protected:
  // Looks once a second for `time`; true if any look said idle.
  bool LooksIdleWithin(seconds time) {
    bool idle = false;
    for (seconds passed{0}; passed < time; ++passed) {
      clock_.Advance(seconds(1));
      idle = watch_.Look() || idle;
    }
    return idle;
  }
  gateway::ActivityCount Count() const {
    gateway::ActivityCount count;
    for (const auto& thread : threads_) thread->AddTo(count);
    return count;
  }

  fakes::ManualClock clock_;
  const std::shared_ptr<gateway::Activity> threads_[2] = {std::make_shared<gateway::Activity>(),
                                                          std::make_shared<gateway::Activity>()};
  IdleWatch watch_{[this] { return Count(); }, clock_, minutes(5)};
};

TEST_F(IdleWatchTest, NothingForTheTimeIsIdle) {
  EXPECT_FALSE(LooksIdleWithin(seconds(299)));
  EXPECT_TRUE(LooksIdleWithin(seconds(1)));
}

TEST_F(IdleWatchTest, BusyIsNeverIdle) {
  for (int i = 0; i < 100; ++i) {
    {
      const gateway::ActiveRequest request(threads_[i % 2]);
    }
    EXPECT_FALSE(LooksIdleWithin(seconds(290)));
  }
  EXPECT_TRUE(LooksIdleWithin(seconds(11)));
}

TEST_F(IdleWatchTest, OneLongStreamIsNeverIdle) {
  auto stream = std::make_unique<gateway::ActiveRequest>(threads_[0]);
  EXPECT_FALSE(LooksIdleWithin(std::chrono::hours(3)));
  stream.reset();
  // The time counts from its last byte.
  EXPECT_FALSE(LooksIdleWithin(seconds(299)));
  EXPECT_TRUE(LooksIdleWithin(seconds(2)));
}

TEST_F(IdleWatchTest, WhatDoesNotCountKeepsNobodyAwake) {
  for (int i = 0; i < 299; ++i) {
    const gateway::ActiveRequest health_check(nullptr);
    EXPECT_FALSE(LooksIdleWithin(seconds(1)));
  }
  EXPECT_TRUE(LooksIdleWithin(seconds(1)));
}

TEST_F(IdleWatchTest, ARequestStirsAnIdleOne) {
  ASSERT_TRUE(LooksIdleWithin(seconds(300)));
  EXPECT_FALSE(watch_.Stirred());
  const gateway::ActiveRequest request(threads_[1]);
  EXPECT_TRUE(watch_.Stirred());
}

TEST_F(IdleWatchTest, RestartBeginsTheTimeAnew) {
  ASSERT_TRUE(LooksIdleWithin(seconds(300)));
  watch_.Restart();
  EXPECT_FALSE(LooksIdleWithin(seconds(299)));
  EXPECT_TRUE(LooksIdleWithin(seconds(1)));
}

}  // namespace
}  // namespace reflex::app
