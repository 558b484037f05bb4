#include "verify/vectors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

namespace reflex::verify {
namespace {

std::size_t SlowCommon(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (const char c : a) {
    std::size_t diagonal = 0;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t above = row[j + 1];
      row[j + 1] = c == b[j] ? diagonal + 1 : std::max(row[j + 1], row[j]);
      diagonal = above;
    }
  }
  return row.back();
}

TEST(Vectors, DotOfAnyLengthIsTheSum) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  for (const std::size_t n : {1u, 7u, 8u, 9u, 16u, 127u, 128u, 384u}) {
    for (const std::size_t count : {1u, 7u, 8u, 20u}) {
      std::vector<float> vector(n), rows(n * count), out(count);
      for (float& x : vector) x = normal(random);
      for (float& x : rows) x = normal(random);
      DotRows(vector, rows, out);
      for (std::size_t r = 0; r < count; ++r) {
        double expected = 0;
        for (std::size_t i = 0; i < n; ++i) expected += static_cast<double>(vector[i]) * static_cast<double>(rows[r * n + i]);
        ASSERT_NEAR(out[r], expected, 1e-3) << n << " " << count;
      }
    }
  }
}

TEST(Vectors, ManyVectorsMeetManyRows) {
  std::mt19937 random(4);
  std::normal_distribution<float> normal;
  for (const std::size_t n : {3u, 16u, 36u, 772u}) {
    for (const std::size_t count : {1u, 3u, 4u, 9u}) {
      for (const std::size_t rows_count : {1u, 4u, 11u}) {
        const std::size_t stride = n + 5;
        std::vector<float> vectors(stride * count), rows(n * rows_count), out(count * rows_count);
        for (float& x : vectors) x = normal(random);
        for (float& x : rows) x = normal(random);
        MultiplyRows(vectors, stride, count, rows, n, out);
        for (std::size_t v = 0; v < count; ++v) {
          for (std::size_t r = 0; r < rows_count; ++r) {
            double expected = 0;
            for (std::size_t i = 0; i < n; ++i)
              expected += static_cast<double>(vectors[v * stride + i]) * static_cast<double>(rows[r * n + i]);
            ASSERT_NEAR(out[v * rows_count + r], expected, 1e-3) << n << " " << count << " " << rows_count;
          }
        }
      }
    }
  }
}

TEST(Vectors, RowsAreAddedAndBroughtToUnitLength) {
  std::vector<float> sum{1, 2}, none(2);
  AddRow(std::vector<float>{2, 2}, sum);
  Normalise(sum);
  EXPECT_FLOAT_EQ(sum[0], 0.6f);
  EXPECT_FLOAT_EQ(sum[1], 0.8f);
  Normalise(none);
  EXPECT_EQ(none, (std::vector<float>{0, 0}));
}

TEST(Vectors, MissingRowsCountAsZero) {
  std::vector<float> vector(4, 1), rows(4, 1), out(3, 9);
  DotRows(vector, rows, out);
  EXPECT_EQ(out, (std::vector<float>{4, 0, 0}));
  DotRows({}, rows, out);
  EXPECT_EQ(out, (std::vector<float>{0, 0, 0}));
}

TEST(Vectors, CommonBytesAreTheLongestCommonSubsequence) {
  EXPECT_EQ(CommonBytes("", ""), 1);
  EXPECT_EQ(CommonBytes("abc", ""), 0);
  EXPECT_EQ(CommonBytes("abc", "abc"), 1);
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    std::string a(random() % 200, ' '), b(random() % 200, ' ');
    for (char& c : a) c = static_cast<char>('a' + random() % 4);
    for (char& c : b) c = static_cast<char>('a' + random() % 4);
    if (a.empty() && b.empty()) continue;
    ASSERT_FLOAT_EQ(CommonBytes(a, b), 2 * static_cast<float>(SlowCommon(a, b)) / static_cast<float>(a.size() + b.size()));
  }
}

}  // namespace
}  // namespace reflex::verify
