#include "wire/decimal.h"

#include <gtest/gtest.h>

namespace reflex::wire {
namespace {

std::string Decimal(std::string_view number) {
  std::string out;
  AppendDecimal(number, out);
  return out;
}

TEST(Decimal, SpellsAValueInOneWay) {
  EXPECT_EQ(Decimal("0.2"), "2e-1");
  EXPECT_EQ(Decimal("2e-1"), "2e-1");
  EXPECT_EQ(Decimal("0.20"), "2e-1");
  EXPECT_EQ(Decimal("20E-2"), "2e-1");
  EXPECT_EQ(Decimal("0.002e+2"), "2e-1");
  EXPECT_EQ(Decimal("64"), "64");
  EXPECT_EQ(Decimal("6400"), "64e2");
  EXPECT_EQ(Decimal("10.50"), "105e-1");
  EXPECT_EQ(Decimal("-100"), "-1e2");
  EXPECT_EQ(Decimal("1.0"), "1");
  EXPECT_EQ(Decimal("1000.0e-3"), "1");
  EXPECT_EQ(Decimal("1e00005"), "1e5");
}

TEST(Decimal, ZeroHasOneSpelling) {
  for (const std::string_view zero : {"0", "-0", "0.000", "-0e5", "0e-99999999999999999999999", "0.0E+7"})
    EXPECT_EQ(Decimal(zero), "0") << zero;
}

TEST(Decimal, KeepsEveryDigit) {
  EXPECT_EQ(Decimal("9007199254740993"), "9007199254740993");
  EXPECT_EQ(Decimal("0.1000000000000000000000001"), "1000000000000000000000001e-25");
  EXPECT_EQ(Decimal("123456789012345678901234567890"), "12345678901234567890123456789e1");
}

TEST(Decimal, DoesNotCalculateWithAbsurdExponents) {
  EXPECT_EQ(Decimal("1e999999999999999999"), "1e999999999999999999");
  EXPECT_EQ(Decimal("1e1000000000000000000"), "x1e1000000000000000000");
  EXPECT_EQ(Decimal("1e-1000000000000000000"), "x1e-1000000000000000000");
}

}  // namespace
}  // namespace reflex::wire
