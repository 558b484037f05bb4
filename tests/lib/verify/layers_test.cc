#include "verify/layers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace reflex::verify {
namespace {

TEST(Layers, GeluIsWithinAMillionthOfTheExactOne) {
  for (float x = -12; x <= 12; x += 0.01f) {
    std::vector<float> value{x};
    Gelu(value);
    const double exact = 0.5 * static_cast<double>(x) * (1 + std::erf(static_cast<double>(x) / std::sqrt(2.0)));
    EXPECT_NEAR(value[0], exact, 1e-6 * std::max(1.0, std::abs(static_cast<double>(x)))) << x;
  }
}

TEST(Layers, SharesAreOfOneWhateverTheirSize) {
  std::vector<float> values{1000, 1000, 0};
  Softmax(values);
  EXPECT_FLOAT_EQ(values[0], 0.5f);
  EXPECT_FLOAT_EQ(values[1], 0.5f);
  EXPECT_FLOAT_EQ(values[2], 0);
}

TEST(Layers, EachRowIsBroughtToOneMeanAndVariance) {
  const LayerNorm norm{.factor = {1, 2}, .offset = {0, 1}};
  std::vector<float> rows{3, 5, 100, 20};
  norm.Apply(rows);
  EXPECT_NEAR(rows[0], -1, 1e-3);
  EXPECT_NEAR(rows[1], 3, 1e-3);
  EXPECT_NEAR(rows[2], 1, 1e-3);
  EXPECT_NEAR(rows[3], -1, 1e-3);
}

}  // namespace
}  // namespace reflex::verify
