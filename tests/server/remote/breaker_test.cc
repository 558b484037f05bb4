#include "remote/breaker.h"

#include <gtest/gtest.h>

#include "server/remote/remote_world.h"

namespace reflex::remote {
namespace {

using std::chrono::milliseconds;

struct World {
  fakes::ManualClock clock;
  Breaker breaker{{.failures_max = 3, .pause = milliseconds(100), .pause_max = milliseconds(350)}, clock};
  void Fail(int times = 1) {
    for (int i = 0; i < times; ++i) {
      ASSERT_TRUE(breaker.Allow());
      breaker.Failed();
    }
  }
};

TEST(Breaker, StopsAfterFailuresInARow) {
  World world;
  world.Fail(2);
  EXPECT_TRUE(world.breaker.Allow());
  world.breaker.Succeeded();
  world.Fail(2);
  EXPECT_FALSE(world.breaker.open());
  world.Fail();
  EXPECT_TRUE(world.breaker.open());
  EXPECT_FALSE(world.breaker.Allow());
}

TEST(Breaker, LetsOneTrialThroughAndClosesWhenItSucceeds) {
  World world;
  world.Fail(3);
  world.clock.Advance(milliseconds(99));
  EXPECT_FALSE(world.breaker.Allow());
  world.clock.Advance(milliseconds(1));
  EXPECT_TRUE(world.breaker.Allow());
  EXPECT_FALSE(world.breaker.Allow());
  world.breaker.Succeeded();
  EXPECT_FALSE(world.breaker.open());
  EXPECT_TRUE(world.breaker.Allow());
}

TEST(Breaker, PausesGrowUpToALimitAndBeginAnew) {
  World world;
  world.Fail(3);
  for (const int pause : {100, 200, 350, 350}) {
    world.clock.Advance(milliseconds(pause - 1));
    EXPECT_FALSE(world.breaker.Allow()) << pause;
    world.clock.Advance(milliseconds(1));
    world.Fail();
  }
  world.clock.Advance(milliseconds(350));
  ASSERT_TRUE(world.breaker.Allow());
  world.breaker.Succeeded();
  world.Fail(3);
  world.clock.Advance(milliseconds(100));
  EXPECT_TRUE(world.breaker.Allow());
}

TEST(Breaker, ATrialThatWasCancelledIsTriedAgain) {
  World world;
  world.Fail(3);
  world.clock.Advance(milliseconds(100));
  ASSERT_TRUE(world.breaker.Allow());
  world.breaker.Dropped();
  EXPECT_TRUE(world.breaker.open());
  EXPECT_TRUE(world.breaker.Allow());
}

TEST(Breaker, ALateFailureDoesNotLengthenThePause) {
  World world;
  ASSERT_TRUE(world.breaker.Allow());
  world.Fail(3);
  world.clock.Advance(milliseconds(50));
  world.breaker.Failed();
  world.clock.Advance(milliseconds(50));
  EXPECT_TRUE(world.breaker.Allow());
}

}  // namespace
}  // namespace reflex::remote
