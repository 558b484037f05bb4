// Two sign codes of different lengths gave a distance, as if the shorter one had been compared whole. Here no call compares them:
// an index has one dimension, and a vector of another is refused.
#include <gtest/gtest.h>

#include <vector>

#include "support/vector_fixture.h"
#include "vector/local_index.h"

namespace reflex::vector {
namespace {

TEST(CodeLengths, AVectorOfAnotherLengthIsRefused) {
  for (const std::uint32_t dimension : {1u, 63u, 64u, 65u, 384u}) {
    const auto index = LocalIndex::Create(
        dimension, {}, [](std::uint64_t, std::span<float>) { return false; }, [](std::function<void()>) { return false; });
    ASSERT_NE(index, nullptr);
    ASSERT_TRUE(index->Add(ScopeOf(1), 1, std::vector<float>(dimension, 1.0F), {}).has_value());
    for (const std::size_t other : {dimension - 1, dimension + 1, dimension + 64, dimension * 2}) {
      const std::vector<float> vector(other, 1.0F);
      const auto added = index->Add(ScopeOf(1), 2, vector, {});
      ASSERT_FALSE(added.has_value()) << dimension << " took " << other;
      EXPECT_EQ(added.error().code, ErrorCode::kInvalidArgument);
      const auto found = index->Search(ScopeOf(1), vector, 1);
      ASSERT_FALSE(found.has_value()) << dimension << " searched with " << other;
      EXPECT_EQ(found.error().code, ErrorCode::kInvalidArgument);
    }
    EXPECT_EQ(index->Count(ScopeOf(1)), 1u);
  }
}

}  // namespace
}  // namespace reflex::vector
