#include "vector/local_index.h"

#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "support/vector_fixture.h"

namespace reflex::vector {
namespace {

struct World {
  explicit World(LocalIndexOptions options = Small(), std::uint32_t dimension = 64)
      : size(dimension),
        index(LocalIndex::Create(
            dimension, options, [this](std::uint64_t label, std::span<float> out) { return model.Fetch(label, out); },
            [this](std::function<void()> job) { return jobs.Take(std::move(job)); })) {}

  static LocalIndexOptions Small() {
    LocalIndexOptions options;
    options.lists_from = 128;
    options.slice = 50;
    return options;
  }

  void Add(std::uint64_t label) {
    model.vectors[label] = RandomVector(random, size);
    ASSERT_TRUE(index->Add(scope, label, model.vectors[label], {}).has_value());
  }
  void Remove(std::uint64_t label) {
    model.vectors.erase(label);
    index->Remove(scope, label);
  }
  std::vector<Neighbor> Search(std::span<const float> query, std::size_t k) { return index->Search(scope, query, k).value(); }

  // Of the k nearest, the part that is found.
  double Recall(std::size_t queries, std::size_t k) {
    std::size_t right = 0, all = 0;
    for (std::size_t q = 0; q < queries; ++q) {
      const auto query = RandomVector(random, size);
      const auto found = Search(query, k);
      for (const Neighbor& n : model.Search(query, k)) {
        ++all;
        for (const Neighbor& f : found) right += f.label == n.label;
      }
    }
    return static_cast<double>(right) / static_cast<double>(all);
  }

  std::size_t size;
  std::mt19937_64 random{7};
  Digest scope = ScopeOf(1);
  Model model;
  Jobs jobs;
  std::unique_ptr<LocalIndex> index;
};

TEST(LocalIndex, EqualsBruteForceWhileAllAreCandidates) {
  for (const std::uint32_t dimension : {1u, 3u, 64u, 65u, 384u}) {
    World world(World::Small(), dimension);
    for (std::uint64_t label = 0; label < 100; ++label) {
      world.Add(label * 977);
      const auto query = RandomVector(world.random, dimension);
      const auto found = world.Search(query, 5), expected = world.model.Search(query, 5);
      ASSERT_EQ(found.size(), expected.size());
      for (std::size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i].similarity, expected[i].similarity, 1e-5);
    }
  }
}

TEST(LocalIndex, FindsWhatItHoldsBeforeAndAfterGraphsAreBuilt) {
  World world;
  for (std::uint64_t label = 0; label < 2000; ++label) world.Add(label);
  EXPECT_EQ(world.index->Stats().lists, 0u);
  for (std::uint64_t label = 0; label < 2000; label += 50) {
    EXPECT_EQ(world.Search(world.model.vectors[label], 1).at(0).label, label);
  }
  EXPECT_GT(world.jobs.RunAll(), 10u);
  const auto stats = world.index->Stats();
  EXPECT_GE(stats.lists, 1u);
  EXPECT_EQ(stats.vectors, 2000u);
  EXPECT_EQ(stats.scopes, 1u);
  EXPECT_GT(stats.memory_bytes, 2000u * 16);
  for (std::uint64_t label = 0; label < 2000; label += 10) {
    const auto found = world.Search(world.model.vectors[label], 1);
    EXPECT_EQ(found.at(0).label, label);
    EXPECT_NEAR(found.at(0).similarity, 1, 1e-5);
  }
}

TEST(LocalIndex, TheNumberOfSegmentsGrowsAsTheLogarithm) {
  World world;
  for (std::uint64_t label = 0; label < 10'000; ++label) {
    world.Add(label);
    world.jobs.RunAll();
    ASSERT_LE(world.index->Stats().segments, 9u);
  }
  EXPECT_GE(world.index->Stats().lists, 2u);
}

TEST(LocalIndex, RemovedVectorsAreNotFoundAndTheirSpaceIsReclaimed) {
  World world;
  for (std::uint64_t label = 0; label < 1024; ++label) world.Add(label);
  world.jobs.RunAll();
  for (std::uint64_t label = 0; label < 1024; ++label) {
    if (label % 2 == 0) world.Remove(label);
  }
  EXPECT_EQ(world.index->Count(world.scope), 512u);
  for (std::uint64_t label = 1; label < 1024; label += 20) {
    for (const Neighbor& n : world.Search(world.model.vectors[label], 20)) EXPECT_EQ(n.label % 2, 1u);
  }
  EXPECT_GT(world.index->Stats().deleted, 0u);
  world.jobs.RunAll();
  EXPECT_LE(world.index->Stats().deleted * 4, 1024u);
  EXPECT_EQ(world.index->Stats().vectors, 512u);
  for (std::uint64_t label = 1; label < 1024; label += 2) EXPECT_EQ(world.Search(world.model.vectors[label], 1).at(0).label, label);
}

TEST(LocalIndex, ATailOfWhichMuchIsRemovedIsCopied) {
  World world(LocalIndexOptions{});
  for (std::uint64_t label = 0; label < 5000; ++label) world.Add(label);
  const std::uint64_t before = world.index->Stats().memory_bytes;
  for (std::uint64_t label = 0; label < 1023; ++label) world.Remove(label);
  EXPECT_EQ(world.jobs.size(), 0u);  // Not worth it yet.
  for (std::uint64_t label = 1023; label < 4980; ++label) world.Remove(label);
  world.jobs.RunAll();
  const VectorIndexStats stats = world.index->Stats();
  EXPECT_EQ(stats.deleted, 0u);
  EXPECT_EQ(stats.vectors, 20u);
  EXPECT_EQ(stats.segments, 0u);
  EXPECT_LT(stats.memory_bytes, before / 20);
  // The copy is a tail like any other.
  for (std::uint64_t label = 4990; label < 5200; ++label) world.Add(label);
  for (std::uint64_t label = 4980; label < 4985; ++label) world.Remove(label);
  EXPECT_EQ(world.index->Count(world.scope), 215u);
  for (const auto& [label, vector] : world.model.vectors) EXPECT_EQ(world.Search(vector, 1).at(0).label, label);
}

TEST(LocalIndex, WhatIsRemovedOrReplacedDuringAMergeStaysSo) {
  World world;
  for (std::uint64_t label = 0; label < 1024; ++label) world.Add(label);
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(world.jobs.RunOne());
  for (std::uint64_t label = 0; label < 200; ++label) world.Remove(label);
  for (std::uint64_t label = 200; label < 400; ++label) world.Add(label);
  world.jobs.RunAll();
  EXPECT_EQ(world.index->Count(world.scope), 824u);
  for (const auto& [label, vector] : world.model.vectors) {
    const auto found = world.Search(vector, 3);
    EXPECT_EQ(found.at(0).label, label);
    EXPECT_NE(found.at(1).label, label);
    for (const Neighbor& n : found) EXPECT_GE(n.label, 200u);
  }
}

TEST(LocalIndex, AnEqualLabelIsReplaced) {
  World world;
  for (int round = 0; round < 1000; ++round) world.Add(5);
  EXPECT_EQ(world.index->Count(world.scope), 1u);
  EXPECT_EQ(world.Search(world.model.vectors[5], 10).size(), 1u);
}

TEST(LocalIndex, NearestEnoughAreFoundWhenTheNeighbourhoodIsRemoved) {
  World world;
  const auto centre = RandomVector(world.random, 64);
  for (std::uint64_t label = 0; label < 600; ++label) world.Add(label);
  for (std::uint64_t label = 1000; label < 1140; ++label) {
    auto near = centre;
    for (float& value : near) value += std::normal_distribution<float>(0, 0.1f)(world.random);
    world.model.vectors[label] = near;
    ASSERT_TRUE(world.index->Add(world.scope, label, near, {}).has_value());
  }
  world.jobs.RunAll();
  for (std::uint64_t label = 1000; label < 1140; ++label) world.Remove(label);
  EXPECT_EQ(world.Search(centre, 50).size(), 50u);
}

TEST(LocalIndex, ScopesAreApartAndLeaveWhenEmpty) {
  World world;
  const auto vector = RandomVector(world.random, 64);
  world.model.vectors[1] = world.model.vectors[2] = vector;
  ASSERT_TRUE(world.index->Add(ScopeOf(1), 1, vector, {}).has_value());
  ASSERT_TRUE(world.index->Add(ScopeOf(2), 2, vector, {}).has_value());
  EXPECT_EQ(world.index->Search(ScopeOf(2), vector, 5)->size(), 1u);
  EXPECT_EQ(world.index->Stats().scopes, 2u);
  world.index->Remove(ScopeOf(2), 1);
  EXPECT_EQ(world.index->Count(ScopeOf(2)), 1u);
  world.index->Remove(ScopeOf(2), 2);
  EXPECT_EQ(world.index->Stats().scopes, 1u);
  EXPECT_TRUE(world.index->Search(ScopeOf(2), vector, 5)->empty());
  EXPECT_EQ(world.index->Count(ScopeOf(3)), 0u);
}

TEST(LocalIndex, LabelsWhoseVectorIsGoneAreLeftOut) {
  World world;
  for (std::uint64_t label = 0; label < 20; ++label) world.Add(label);
  world.model.vectors.erase(3);
  EXPECT_EQ(world.Search(RandomVector(world.random, 64), 100).size(), 19u);
}

TEST(LocalIndex, RefusesWhatHasNoDirection) {
  World world;
  std::vector<float> bad(64, 1.0f);
  const auto refused = [&] {
    const auto added = world.index->Add(world.scope, 1, bad, {});
    const auto found = world.index->Search(world.scope, bad, 1);
    return !added && added.error().code == ErrorCode::kInvalidArgument && !found &&
           found.error().code == ErrorCode::kInvalidArgument;
  };
  for (const float value :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
    bad[63] = value;
    EXPECT_TRUE(refused()) << value;
  }
  bad.assign(64, 0.0f);
  EXPECT_TRUE(refused());
  bad.assign(63, 1.0f);
  EXPECT_TRUE(refused());
  bad.clear();
  EXPECT_TRUE(refused());
  EXPECT_EQ(world.index->Count(world.scope), 0u);
}

TEST(LocalIndex, TheLargestAndSmallestFloatsHaveADirection) {
  World world;
  const std::vector<float> large(64, std::numeric_limits<float>::max()), small(64, std::numeric_limits<float>::denorm_min());
  world.model.vectors[1] = large;
  world.model.vectors[2] = small;
  ASSERT_TRUE(world.index->Add(world.scope, 1, large, {}).has_value());
  ASSERT_TRUE(world.index->Add(world.scope, 2, small, {}).has_value());
  for (const Neighbor& n : world.Search(large, 2)) EXPECT_NEAR(n.similarity, 1, 1e-5);
  EXPECT_EQ(world.Search(small, 2).size(), 2u);
}

TEST(LocalIndex, IsFullAtItsLimit) {
  LocalIndexOptions options = World::Small();
  options.vectors_max = 3;
  World world(options);
  for (std::uint64_t label = 0; label < 3; ++label) world.Add(label);
  const auto added = world.index->Add(world.scope, 9, world.model.vectors[0], {});
  ASSERT_FALSE(added.has_value());
  EXPECT_EQ(added.error().code, ErrorCode::kFull);
  world.index->Remove(world.scope, 0);
  EXPECT_TRUE(world.index->Add(world.scope, 9, world.model.vectors[1], {}).has_value());
}

TEST(LocalIndex, ARefusedJobIsOfferedAgain) {
  World world;
  world.jobs.refusing = true;
  for (std::uint64_t label = 0; label < 300; ++label) world.Add(label);
  EXPECT_EQ(world.jobs.size(), 0u);
  world.jobs.refusing = false;
  (void)world.Search(world.model.vectors[0], 1);
  EXPECT_EQ(world.jobs.size(), 1u);
  world.jobs.RunAll();
  EXPECT_GE(world.index->Stats().lists, 1u);
}

TEST(LocalIndex, AJobThatOutlivesTheIndexDoesNothing) {
  World world;
  for (std::uint64_t label = 0; label < 300; ++label) world.Add(label);
  ASSERT_EQ(world.jobs.size(), 1u);
  world.index.reset();
  EXPECT_EQ(world.jobs.RunAll(), 1u);
}

TEST(LocalIndex, CreateRefusesWhatIsOutOfRange) {
  const auto fetch = [](std::uint64_t, std::span<float>) { return false; };
  const auto background = [](const std::function<void()>&) { return false; };
  EXPECT_EQ(LocalIndex::Create(0, {}, fetch, background), nullptr);
  EXPECT_EQ(LocalIndex::Create(65'536, {}, fetch, background), nullptr);
  EXPECT_EQ(LocalIndex::Create(384, {}, nullptr, background), nullptr);
  EXPECT_EQ(LocalIndex::Create(384, {}, fetch, nullptr), nullptr);
  LocalIndexOptions options;
  options.slice = 0;
  EXPECT_EQ(LocalIndex::Create(384, options, fetch, background), nullptr);
  EXPECT_NE(LocalIndex::Create(384, {}, fetch, background), nullptr);
}

}  // namespace
}  // namespace reflex::vector
