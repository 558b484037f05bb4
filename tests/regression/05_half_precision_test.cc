// Half-precision vectors were read through a cast pointer: undefined at odd addresses, and wrong on machines of the other byte
// order.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/half.h"

namespace reflex::base {
namespace {

TEST(HalfPrecision, IsLittleEndianAtAnyAddress) {
  const std::array<float, 4> values = {1.0F, -2.0F, 0.333251953125F, 65504.0F};
  const std::array<std::uint8_t, 8> bytes = {0x00, 0x3c, 0x00, 0xc0, 0x55, 0x35, 0xff, 0x7b};
  for (std::size_t offset = 0; offset < 4; ++offset) {
    alignas(16) std::array<std::uint8_t, 16> buffer{};
    const std::span<std::uint8_t> place = std::span(buffer).subspan(offset, bytes.size());
    EncodeHalf(values, place);
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), place.begin())) << offset;
    std::array<float, 4> back{};
    DecodeHalf(place, back);
    EXPECT_EQ(back, values) << offset;
  }
}

// Long enough for the wide instructions.
TEST(HalfPrecision, LongRowsAtOddAddressesAreTheSame) {
  std::vector<float> values(1037);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) - 500;
  std::vector<std::uint8_t> buffer(2 * values.size() + 1);
  const auto place = std::span(buffer).subspan(1);
  EncodeHalf(values, place);
  std::vector<float> back(values.size());
  DecodeHalf(place, back);
  EXPECT_EQ(back, values);
}

}  // namespace
}  // namespace reflex::base
