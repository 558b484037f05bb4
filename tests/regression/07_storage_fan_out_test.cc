// Every candidate of a search was read from storage at once, however many there were. Here options and constants bound what one
// look-up reads.
#include <gtest/gtest.h>

#include <string>

#include "regression/tier_world.h"

namespace reflex::regression {
namespace {

constexpr int kEntries = 400;

void Fill(TierWorld& world) {
  for (int i = 0; i < kEntries; ++i) world.Store("describe volcano number " + std::to_string(i) + " of the island");
  world.RunJobs();
  ASSERT_EQ(world.tier->Stats().index.vectors, static_cast<std::uint64_t>(kEntries));
  world.store->heads = world.store->finds = 0;
}

TEST(StorageFanOut, ALookupReadsAtMostItsCandidates) {
  TierWorld world(64);
  world.options.candidates_max = 5;
  ASSERT_TRUE(world.Start());
  Fill(world);
  world.Find("describe a volcano of the island, please");
  EXPECT_GT(world.store->heads, 0);
  EXPECT_LE(world.store->heads + world.store->finds, 5 + 4) << "the candidates, and the few that may be served";
}

TEST(StorageFanOut, AScopeThatIsComparedWholeIsSmall) {
  TierWorld world(64);
  world.options.scan_max = 64;
  ASSERT_TRUE(world.Start());
  for (int i = 0; i < 200; ++i) world.Store("describe volcano number " + std::to_string(i) + " of the island");
  world.store->heads = world.store->finds = 0;
  world.Find("describe a volcano of the island, please");
  EXPECT_LE(world.store->heads + world.store->finds, 64 + 4);
}

TEST(StorageFanOut, TheNumberHasALimitOfItsOwn) {
  TierWorld world(64);
  for (const std::size_t too_many : {std::size_t{65}, std::size_t{1} << 40}) {
    world.options.candidates_max = too_many;
    ASSERT_FALSE(world.Start());
    EXPECT_EQ(world.Start().error().code, ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace reflex::regression
