#include "support/vector_index_suite.h"

#include <limits>
#include <utility>

namespace reflex::vector {

void VectorIndexSuite::Make(std::uint32_t dimension) {
  world_ = GetParam().make(dimension);
  ASSERT_NE(world_, nullptr);
}

void VectorIndexSuite::Add(const Digest& scope, std::uint64_t label, std::vector<float> vector) {
  world_->model.vectors[label] = std::move(vector);
  ASSERT_TRUE(world_->index().Add(scope, label, world_->model.vectors[label], {}).has_value());
}

void VectorIndexSuite::Remove(const Digest& scope, std::uint64_t label) {
  world_->model.vectors.erase(label);
  world_->index().Remove(scope, label);
}

std::vector<Neighbor> VectorIndexSuite::Search(const Digest& scope, std::span<const float> query, std::size_t k) {
  const auto found = world_->index().Search(scope, query, k);
  EXPECT_TRUE(found.has_value()) << found.error().message;
  return found.value_or(std::vector<Neighbor>());
}

namespace {

TEST_P(VectorIndexSuite, FindsTheNearestAsBruteForceDoes) {
  for (const std::uint32_t dimension : {1u, 3u, 64u, 384u}) {
    Make(dimension);
    EXPECT_EQ(world_->index().dimension(), dimension);
    for (std::uint64_t label = 0; label < 60; ++label) Add(ScopeOf(1), label * 977, RandomVector(random_, dimension));
    world_->Settle();
    for (int query = 0; query < 10; ++query) {
      const auto vector = RandomVector(random_, dimension);
      const auto found = Search(ScopeOf(1), vector, 5), expected = world_->model.Search(vector, 5);
      ASSERT_EQ(found.size(), expected.size());
      for (std::size_t i = 0; i < found.size(); ++i) {
        ASSERT_NEAR(found[i].similarity, expected[i].similarity, 1e-5) << GetParam().name << " " << dimension;
        if (i > 0) {
          ASSERT_LE(found[i].similarity, found[i - 1].similarity);
        }
      }
    }
  }
}

TEST_P(VectorIndexSuite, FindsEachOfManyByItself) {
  Make(64);
  for (std::uint64_t label = 0; label < 600; ++label) Add(ScopeOf(1), label, RandomVector(random_, 64));
  world_->Settle();
  EXPECT_EQ(world_->index().Count(ScopeOf(1)), 600u);
  for (std::uint64_t label = 0; label < 600; label += 37) {
    const auto found = Search(ScopeOf(1), world_->model.vectors[label], 1);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].label, label);
    EXPECT_NEAR(found[0].similarity, 1, 1e-5);
  }
}

TEST_P(VectorIndexSuite, GivesFewerWhereThereAreFewer) {
  Make(8);
  for (std::uint64_t label = 0; label < 3; ++label) Add(ScopeOf(1), label, RandomVector(random_, 8));
  world_->Settle();
  EXPECT_EQ(Search(ScopeOf(1), RandomVector(random_, 8), 64).size(), 3u);
  EXPECT_EQ(Search(ScopeOf(1), RandomVector(random_, 8), 2).size(), 2u);
  EXPECT_TRUE(Search(ScopeOf(2), RandomVector(random_, 8), 2).empty());
  EXPECT_EQ(world_->index().Count(ScopeOf(2)), 0u);
}

TEST_P(VectorIndexSuite, RemovedVectorsAreNotFound) {
  Make(16);
  for (std::uint64_t label = 0; label < 100; ++label) Add(ScopeOf(1), label, RandomVector(random_, 16));
  world_->Settle();
  for (std::uint64_t label = 0; label < 100; label += 2) Remove(ScopeOf(1), label);
  world_->index().Remove(ScopeOf(1), 12345);
  world_->Settle();
  EXPECT_EQ(world_->index().Count(ScopeOf(1)), 50u);
  const auto found = Search(ScopeOf(1), RandomVector(random_, 16), 64);
  EXPECT_EQ(found.size(), 50u);
  for (const Neighbor& neighbor : found) EXPECT_EQ(neighbor.label % 2, 1u);
}

TEST_P(VectorIndexSuite, WhatIsRemovedRightAfterItWasAddedIsGone) {
  Make(16);
  const auto vector = RandomVector(random_, 16);
  Add(ScopeOf(1), 5, vector);
  Remove(ScopeOf(1), 5);
  world_->Settle();
  EXPECT_EQ(world_->index().Count(ScopeOf(1)), 0u);
  Add(ScopeOf(1), 5, vector);
  world_->Settle();
  EXPECT_EQ(Search(ScopeOf(1), vector, 2).size(), 1u);
}

TEST_P(VectorIndexSuite, AnEqualLabelIsReplaced) {
  Make(16);
  for (int round = 0; round < 300; ++round) Add(ScopeOf(1), 5, RandomVector(random_, 16));
  world_->Settle();
  EXPECT_EQ(world_->index().Count(ScopeOf(1)), 1u);
  const auto found = Search(ScopeOf(1), world_->model.vectors[5], 10);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_NEAR(found[0].similarity, 1, 1e-5);
}

TEST_P(VectorIndexSuite, ScopesAreApart) {
  Make(16);
  const auto vector = RandomVector(random_, 16);
  Add(ScopeOf(1), 1, vector);
  Add(ScopeOf(2), 2, vector);
  // The same label in another scope is another vector.
  Add(ScopeOf(2), 1, vector);
  world_->Settle();
  EXPECT_EQ(Search(ScopeOf(1), vector, 5).size(), 1u);
  EXPECT_EQ(Search(ScopeOf(2), vector, 5).size(), 2u);
  world_->index().Remove(ScopeOf(2), 1);
  world_->Settle();
  EXPECT_EQ(Search(ScopeOf(1), vector, 5).size(), 1u);
  EXPECT_EQ(Search(ScopeOf(2), vector, 5).size(), 1u);
}

TEST_P(VectorIndexSuite, RefusesWhatHasNoDirection) {
  Make(16);
  std::vector<float> bad(16, 1.0f);
  const auto refused = [&] {
    const auto added = world_->index().Add(ScopeOf(1), 1, bad, {});
    const auto found = world_->index().Search(ScopeOf(1), bad, 1);
    return !added && added.error().code == ErrorCode::kInvalidArgument && !found &&
           found.error().code == ErrorCode::kInvalidArgument;
  };
  for (const float value :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
    bad[15] = value;
    EXPECT_TRUE(refused()) << value;
  }
  bad.assign(16, 0.0f);
  EXPECT_TRUE(refused());
  bad.assign(15, 1.0f);
  EXPECT_TRUE(refused());
  bad.clear();
  EXPECT_TRUE(refused());
  world_->Settle();
  EXPECT_EQ(world_->index().Count(ScopeOf(1)), 0u);
}

TEST_P(VectorIndexSuite, TheLargestAndSmallestFloatsHaveADirection) {
  Make(64);
  const std::vector<float> large(64, std::numeric_limits<float>::max()), small(64, std::numeric_limits<float>::denorm_min());
  Add(ScopeOf(1), 1, large);
  Add(ScopeOf(1), 2, small);
  world_->Settle();
  for (const auto& query : {large, small}) {
    const auto found = Search(ScopeOf(1), query, 2);
    ASSERT_EQ(found.size(), 2u);
    for (const Neighbor& neighbor : found) EXPECT_NEAR(neighbor.similarity, 1, 1e-4);
  }
}

}  // namespace
}  // namespace reflex::vector
