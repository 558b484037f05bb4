#include <gtest/gtest.h>

#include <cmath>

#include "verify/budget_beta.h"

namespace reflex::verify {
namespace {

TEST(Beta, ProbabilitiesMeetClosedForms) {
  // I_x(2, 3) is the chance of two or more of four: 6 x^2 (1-x)^2 + 4 x^3 (1-x) + x^4.
  EXPECT_NEAR(BetaProbability(2, 3, 0.4), 0.5248, 1e-13);
  // The arcsine law: 2 / pi * asin(sqrt(x)).
  EXPECT_NEAR(BetaProbability(0.5, 0.5, 0.25), 1.0 / 3, 1e-13);
  EXPECT_NEAR(BetaProbability(1, 7, 0.1), 1 - std::pow(0.9, 7), 1e-14);
}

TEST(Beta, ProbabilitiesMeetValuesOfFortyDigits) {
  // mpmath 1.3, betainc(regularized=True) at 40 digits.
  EXPECT_NEAR(BetaProbability(6, 1994, 0.003), 0.55407910201337099, 1e-11);
  EXPECT_NEAR(BetaProbability(5.6, 3400, 0.003), 0.95693634644244418, 1e-11);
  EXPECT_NEAR(BetaProbability(0.7, 1999.3, 0.001), 0.92375987145537717, 1e-11);
  EXPECT_NEAR(BetaProbability(2000, 3000, 0.41), 0.92526212620830467, 1e-11);
  EXPECT_NEAR(BetaProbability(0.1, 50, 1e-5), 0.49107189314612629, 1e-11);
}

TEST(Beta, QuantilesAreTheBoundsOfClopperAndPearson) {
  // 10 of 100: the textbook interval, 4.90 to 17.62 %.
  EXPECT_NEAR(BetaQuantile(11, 90, 0.975), 0.176222597740023, 1e-11);
  EXPECT_NEAR(BetaQuantile(10, 91, 0.025), 0.049004689221486, 1e-11);
  // None of n: 1 - 0.05^(1/n). 998 is the first sample that shows 0.3 %.
  EXPECT_NEAR(BetaQuantile(1, 998, 0.95), 1 - std::pow(0.05, 1.0 / 998), 1e-12);
  EXPECT_LT(BetaQuantile(1, 998, 0.95), 0.003);
  EXPECT_GT(BetaQuantile(1, 997, 0.95), 0.003);
  EXPECT_NEAR(BetaQuantile(6, 1994, 0.95), 0.00525189761418219, 1e-11);
  EXPECT_NEAR(BetaQuantile(0.5, 76.5, 0.95), 0.0248749747299891, 1e-11);
}

TEST(Beta, QuantileUndoesProbability) {
  for (const double a : {0.2, 1.0, 6.0, 150.0, 2500.0}) {
    for (const double b : {0.5, 3.0, 2000.0, 7000.0}) {
      for (const double p : {0.001, 0.05, 0.5, 0.95, 0.999}) {
        const double x = BetaQuantile(a, b, p);
        ASSERT_GT(x, 0);
        ASSERT_LE(x, 1);
        // Where the distribution is steep beside 1, a double next to x is already another probability.
        if (x < 0.999) {
          EXPECT_NEAR(BetaProbability(a, b, x), p, 1e-9) << a << " " << b << " " << p;
        }
      }
    }
  }
}

TEST(Beta, EndsAreZeroAndOne) {
  EXPECT_EQ(BetaProbability(2, 3, 0), 0);
  EXPECT_EQ(BetaProbability(2, 3, -1), 0);
  EXPECT_EQ(BetaProbability(2, 3, 1), 1);
  EXPECT_EQ(BetaQuantile(2, 3, 0), 0);
  EXPECT_EQ(BetaQuantile(2, 3, 1), 1);
}

TEST(Beta, MirrorsItself) {
  for (const double x : {0.01, 0.3, 0.5, 0.77, 0.999}) {
    EXPECT_NEAR(BetaProbability(3.5, 40, x) + BetaProbability(40, 3.5, 1 - x), 1, 1e-12) << x;
  }
}

}  // namespace
}  // namespace reflex::verify
