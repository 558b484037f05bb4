// One NaN among the scores broke the order of all: the sort was undefined, and the best candidate could come last.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "regression/tier_world.h"
#include "support/vector_fixture.h"
#include "vector/local_index.h"

namespace reflex::regression {
namespace {

TEST(NanScores, VectorsThatWentBadAreLeftOutAndTheRestIsInOrder) {
  constexpr std::size_t kDimension = 64;
  std::mt19937_64 random(7);
  vector::Model model;
  vector::Jobs jobs;
  const auto fetch = [&model](std::uint64_t label, std::span<float> out) {
    if (!model.Fetch(label, out)) return false;
    if (label % 3 == 0) out[label % kDimension] = label % 2 == 0 ? std::nanf("") : std::numeric_limits<float>::infinity();
    if (label % 9 == 0) std::fill(out.begin(), out.end(), 0.0F);
    return true;
  };
  const auto index =
      vector::LocalIndex::Create(kDimension, {}, fetch, [&jobs](std::function<void()> job) { return jobs.Take(std::move(job)); });
  ASSERT_NE(index, nullptr);
  for (std::uint64_t label = 0; label < 100; ++label) {
    model.vectors[label] = vector::RandomVector(random, kDimension);
    ASSERT_TRUE(index->Add(vector::ScopeOf(1), label, model.vectors[label], {}).has_value());
  }
  const auto found = index->Search(vector::ScopeOf(1), vector::RandomVector(random, kDimension), 100);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->size(), 66u) << "every third is bad";
  for (std::size_t i = 0; i < found->size(); ++i) {
    EXPECT_TRUE(std::isfinite((*found)[i].similarity));
    if (i > 0) EXPECT_LE((*found)[i].similarity, (*found)[i - 1].similarity);
  }
}

TEST(NanScores, NoneEntersTheIndex) {
  const auto index = vector::LocalIndex::Create(
      8, {}, [](std::uint64_t, std::span<float>) { return false; }, [](std::function<void()>) { return true; });
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    std::vector<float> vector(8, 1.0F);
    vector[5] = bad;
    EXPECT_EQ(index->Add(vector::ScopeOf(1), 1, vector, {}).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(index->Search(vector::ScopeOf(1), vector, 1).error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(index->Count(vector::ScopeOf(1)), 0u);
}

TEST(NanScores, AModelThatGivesThemIsAMiss) {
  TierWorld world(32);
  ASSERT_TRUE(world.Start());
  world.Store("describe a volcano");
  world.RunJobs();
  world.model.spoil = true;
  EXPECT_EQ(world.Find("how heavy is a glacier").entry, nullptr);
  world.Store("why do children like a cactus");
  world.RunJobs();
  EXPECT_EQ(world.tier->Stats().index.vectors, 1u);
}

}  // namespace
}  // namespace reflex::regression
