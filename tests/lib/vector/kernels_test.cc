#include "vector/kernels.h"

#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "vector/code.h"

namespace reflex::vector {
namespace {

TEST(Kernels, AllSetsGiveTheDistancesOfThePortableOne) {
  std::mt19937_64 random(1);
  for (std::size_t words = 1; words <= 40; ++words) {
    const std::size_t stride = words * 8 + 12, count = 37;
    std::vector<std::uint64_t> query(words);
    for (auto& word : query) word = random();
    std::vector<char> codes(stride * count + 1);
    for (auto& byte : codes) byte = static_cast<char>(random());
    std::vector<std::uint16_t> expected(count), out(count);
    AllKernels()[0].scan(query.data(), codes.data() + 1, stride, words, count, expected.data());
    for (const Kernels& kernels : AllKernels()) {
      kernels.scan(query.data(), codes.data() + 1, stride, words, count, out.data());
      EXPECT_EQ(out, expected) << kernels.name << " " << words;
    }
  }
}

TEST(Kernels, AllBitsDifferInTheLongestCode) {
  const std::size_t words = 1023;
  const std::vector<std::uint64_t> zeros(words), ones(words, ~std::uint64_t{0});
  for (const Kernels& kernels : AllKernels()) {
    std::uint16_t distance = 0;
    kernels.scan(zeros.data(), reinterpret_cast<const char*>(ones.data()), words * 8, words, 1, &distance);
    EXPECT_EQ(distance, 65'472) << kernels.name;
  }
}

TEST(Kernels, DotProductsAgree) {
  std::mt19937_64 random(2);
  std::normal_distribution<float> normal;
  for (std::size_t count = 1; count < 100; ++count) {
    std::vector<float> a(count), b(count);
    double cross = 0, own = 0;
    for (std::size_t i = 0; i < count; ++i) {
      a[i] = normal(random);
      b[i] = normal(random);
      cross += static_cast<double>(a[i]) * b[i];
      own += static_cast<double>(b[i]) * b[i];
    }
    for (const Kernels& kernels : AllKernels()) {
      float ab = 0, bb = 0;
      kernels.dots(a.data(), b.data(), count, &ab, &bb);
      EXPECT_NEAR(ab, cross, 1e-3) << kernels.name;
      EXPECT_NEAR(bb, own, 1e-3) << kernels.name;
    }
  }
}

TEST(SignCode, OneBitADimensionAndZerosPastTheLast) {
  std::vector<float> vector(70, -1.0f);
  vector[0] = vector[63] = vector[69] = 0.5f;
  vector[1] = 0.0f;
  std::uint64_t code[2];
  SignCode(vector, code);
  EXPECT_EQ(code[0], 1u | std::uint64_t{1} << 63);
  EXPECT_EQ(code[1], 1u << 5);
}

}  // namespace
}  // namespace reflex::vector
