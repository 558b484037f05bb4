// The factor by which a search takes more candidates than it returns had no limit: one number in the settings read the whole store.
#include <gtest/gtest.h>

#include <random>

#include "support/vector_fixture.h"
#include "vector/local_index.h"

namespace reflex::vector {
namespace {

TEST(Oversampling, HasALimit) {
  const auto create = [](std::size_t oversampling) {
    LocalIndexOptions options;
    options.oversampling = oversampling;
    return LocalIndex::Create(
        8, options, [](std::uint64_t, std::span<float>) { return false; }, [](std::function<void()>) { return false; });
  };
  EXPECT_NE(create(kOversamplingMax), nullptr);
  EXPECT_EQ(create(kOversamplingMax + 1), nullptr);
  EXPECT_EQ(create(SIZE_MAX), nullptr);
  EXPECT_EQ(create(0)->Oversampling(SIZE_MAX), kOversamplingMax) << "nor does a large k lift it";
}

TEST(Oversampling, BoundsWhatASearchReads) {
  std::mt19937_64 random(11);
  Model model;
  std::size_t read = 0;
  LocalIndexOptions options;
  options.oversampling = 40;
  const auto index = LocalIndex::Create(
      32, options,
      [&](std::uint64_t label, std::span<float> out) {
        ++read;
        return model.Fetch(label, out);
      },
      [](std::function<void()>) { return false; });
  for (std::uint64_t label = 0; label < 1000; ++label) {
    model.vectors[label] = RandomVector(random, 32);
    ASSERT_TRUE(index->Add(ScopeOf(1), label, model.vectors[label], {}).has_value());
  }
  ASSERT_TRUE(index->Search(ScopeOf(1), model.vectors[5], 5).has_value());
  EXPECT_EQ(read, 40u);
}

}  // namespace
}  // namespace reflex::vector
