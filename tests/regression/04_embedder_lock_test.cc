// One lock around the embedder made all look-ups wait for each other. Here two are inside it at once.
#include <gtest/gtest.h>

#include <thread>

#include "regression/meeting.h"
#include "regression/tier_world.h"

namespace reflex::regression {
namespace {

TEST(EmbedderLock, TwoLookupsEmbedAtOnce) {
  TierWorld world(32);
  ASSERT_TRUE(world.Start());
  world.Store("describe a volcano");
  world.RunJobs();
  Meeting meeting;
  world.model.inside = [&meeting] { meeting.Attend(); };
  std::thread other([&world] { world.Find("how heavy is a glacier"); });
  world.Find("why do children like a cactus");
  other.join();
  EXPECT_FALSE(meeting.missed()) << "the second look-up waited for the first one's embedding";
}

}  // namespace
}  // namespace reflex::regression
