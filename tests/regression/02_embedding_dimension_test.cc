// An embedding's dimension stood in several places as a number: other models gave errors or nonsense. Here the model says it, once.
#include <gtest/gtest.h>

#include "regression/tier_world.h"

namespace reflex::regression {
namespace {

TEST(EmbeddingDimension, IsTheModelsEverywhere) {
  for (const std::uint32_t dimension : {1u, 7u, 64u, 100u, 384u, 1536u, 4097u}) {
    TierWorld world(dimension);
    ASSERT_TRUE(world.Start());
    world.Store("describe a volcano");
    world.Store("who first painted a violin");
    world.RunJobs();
    EXPECT_EQ(world.tier->Stats().index.vectors, 2u) << dimension;
    const SimilarFound found = world.Find("how heavy is a glacier");
    ASSERT_NE(found.vector, nullptr) << dimension;
    EXPECT_EQ(found.vector->text.size(), dimension);
    EXPECT_NE(found.miss, SimilarMiss::kFailed) << dimension;
    EXPECT_NE(found.miss, SimilarMiss::kNoCandidate) << dimension << ": the index has neighbours";
    // As after a restart: the vectors come back from the store.
    ASSERT_TRUE(world.Start());
    world.tier->StartLoading();
    world.RunJobs();
    EXPECT_EQ(world.tier->Stats().index.vectors, 2u) << dimension;
    EXPECT_EQ(world.tier->Stats().vectors_dropped, 0u) << dimension;
  }
}

}  // namespace
}  // namespace reflex::regression
