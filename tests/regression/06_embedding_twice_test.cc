// A miss embedded its question to look it up and again to store the answer. Here the look-up hands its vector on.
#include <gtest/gtest.h>

#include "regression/tier_world.h"

namespace reflex::regression {
namespace {

TEST(EmbeddingTwice, AMissEmbedsItsQuestionOnce) {
  TierWorld world(48);
  ASSERT_TRUE(world.Start());
  world.Store("describe a volcano");
  world.RunJobs();
  const int before = world.model.calls;
  const SimilarFound miss = world.Find("how heavy is a glacier");
  ASSERT_EQ(miss.entry, nullptr);
  EXPECT_EQ(world.model.calls, before + 1);
  world.Store("how heavy is a glacier", miss.vector);
  world.RunJobs();
  EXPECT_EQ(world.model.calls, before + 1) << "storing the answer embedded the question again";
  EXPECT_EQ(world.tier->Stats().index.vectors, 2u);
}

TEST(EmbeddingTwice, NothingIsEmbeddedWhereNothingCanBeCompared) {
  TierWorld world(48);
  ASSERT_TRUE(world.Start());
  EXPECT_EQ(world.Find("describe a volcano").entry, nullptr);
  EXPECT_EQ(world.model.calls, 0) << "the scope is empty";
}

}  // namespace
}  // namespace reflex::regression
