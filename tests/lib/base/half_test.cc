#include "base/half.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace reflex::base {
namespace {

std::uint16_t EncodeFast(float value) {
  const std::vector<float> values(8, value);
  std::vector<std::uint8_t> bytes(16);
  EncodeHalf(values, bytes);
  return static_cast<std::uint16_t>(bytes[14] | bytes[15] << 8);
}

TEST(Half, KnownNumbers) {
  EXPECT_EQ(HalfFromFloat(0.0f), 0x0000);
  EXPECT_EQ(HalfFromFloat(-0.0f), 0x8000);
  EXPECT_EQ(HalfFromFloat(1.0f), 0x3c00);
  EXPECT_EQ(HalfFromFloat(-2.0f), 0xc000);
  EXPECT_EQ(HalfFromFloat(65504.0f), 0x7bff);
  EXPECT_EQ(HalfFromFloat(65519.0f), 0x7bff);
  EXPECT_EQ(HalfFromFloat(65520.0f), 0x7c00);
  EXPECT_EQ(HalfFromFloat(0x1p-24f), 0x0001);
  EXPECT_EQ(HalfFromFloat(0x1p-25f), 0x0000);
  EXPECT_EQ(HalfFromFloat(0x1.8p-25f), 0x0001);
  EXPECT_EQ(FloatFromHalf(0x3555), 0.333251953125f);
}

TEST(Half, EveryHalfSurvivesBothWays) {
  std::vector<std::uint8_t> bytes(2 * 65536), again(bytes.size());
  for (std::size_t i = 0; i < 65536; ++i) {
    bytes[2 * i] = static_cast<std::uint8_t>(i);
    bytes[2 * i + 1] = static_cast<std::uint8_t>(i >> 8);
  }
  std::vector<float> values(65536);
  DecodeHalf(bytes, values);
  EncodeHalf(values, again);
  for (std::size_t i = 0; i < 65536; ++i) {
    const float slow = FloatFromHalf(static_cast<std::uint16_t>(i));
    ASSERT_EQ(std::bit_cast<std::uint32_t>(values[i]), std::bit_cast<std::uint32_t>(slow)) << i;
    if (std::isnan(slow)) continue;
    ASSERT_EQ(HalfFromFloat(slow), i);
    ASSERT_EQ(again[2 * i] | again[2 * i + 1] << 8, static_cast<int>(i));
  }
}

TEST(Half, TheFastEncoderRoundsAsTheSlowOne) {
  for (std::uint64_t bits = 0; bits < 0x100000000ull; bits += 65521) {
    const auto value = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    ASSERT_EQ(EncodeFast(value), HalfFromFloat(value)) << bits;
  }
  for (std::uint32_t half = 0; half < 0x7c00; ++half) {  // Exact ties, and a bit to either side of them.
    const float low = FloatFromHalf(static_cast<std::uint16_t>(half)), high = FloatFromHalf(static_cast<std::uint16_t>(half + 1));
    const float tie = std::isinf(high) ? 65520.0f : low / 2 + high / 2;
    for (const float value : {tie, std::nextafter(tie, 0.0f), std::nextafter(tie, 1e9f)}) {
      ASSERT_EQ(EncodeFast(value), HalfFromFloat(value)) << value;
    }
  }
}

TEST(Half, AnyLengthAndAlignment) {
  for (std::size_t count = 0; count < 40; ++count) {
    std::vector<std::uint8_t> bytes(2 * count + 1);
    std::vector<float> values(count), back(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i) * 0.5f - 7;
    EncodeHalf(values, std::span(bytes).subspan(1));
    DecodeHalf(std::span<const std::uint8_t>(bytes).subspan(1), back);
    EXPECT_EQ(back, values);
  }
}

TEST(Half, NanAndInfinityStay) {
  EXPECT_TRUE(std::isnan(FloatFromHalf(EncodeFast(std::numeric_limits<float>::quiet_NaN()))));
  EXPECT_EQ(FloatFromHalf(EncodeFast(-std::numeric_limits<float>::infinity())), -std::numeric_limits<float>::infinity());
}

}  // namespace
}  // namespace reflex::base
