// Index and embedder were never compared: one of another dimension failed at each request, or worse. Here it stops the start.
#include <gtest/gtest.h>

#include "regression/tier_world.h"

namespace reflex::regression {
namespace {

TEST(IndexDimension, IsComparedWithTheEmbeddersAtTheStart) {
  TierWorld world(48);
  const auto started = world.Start(47);
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(started.error().message, "the index has 47 dimensions, the embedder word-sum-48 has 48");
  EXPECT_TRUE(world.Start(48).has_value());
}

}  // namespace
}  // namespace reflex::regression
