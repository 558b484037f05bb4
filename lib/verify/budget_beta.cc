#include "verify/budget_beta.h"

#include <cmath>

namespace reflex::verify {
namespace {

constexpr double kTiny = 1e-300;
constexpr double kPrecise = 1e-15;
// The fraction needs about the square root of max(a, b) terms.
constexpr int kTermsMax = 20'000;

double NotZero(double value) { return std::fabs(value) < kTiny ? kTiny : value; }

// ln Gamma by Stirling's series (DLMF 5.11.1), after raising the argument by the recurrence. std::lgamma writes a global.
double LogGamma(double x) {
  double product = 1;
  while (x < 15) product *= x++;
  const double inverse = 1 / (x * x);
  const double series = (1.0 / 12 - inverse * (1.0 / 360 - inverse * (1.0 / 1260 - inverse * (1.0 / 1680 - inverse / 1188)))) / x;
  constexpr double kHalfLogTwoPi = 0.91893853320467274178;
  return (x - 0.5) * std::log(x) - x + kHalfLogTwoPi + series - std::log(product);
}

// The continued fraction, from its front (Lentz's method). Converges quickly for x below (a + 1) / (a + b + 2).
double Fraction(double a, double b, double x) {
  double c = 1, d = 1 / NotZero(1 - (a + b) * x / (a + 1)), value = d;
  for (int m = 1; m <= kTermsMax; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / NotZero(1 + even * d);
    c = NotZero(1 + even / c);
    value *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / NotZero(1 + odd * d);
    c = NotZero(1 + odd / c);
    value *= d * c;
    if (std::fabs(d * c - 1) < kPrecise) break;
  }
  return value;
}

}  // namespace

double BetaProbability(double a, double b, double x) {
  if (!(x > 0)) return 0;
  if (x >= 1) return 1;
  const double front = std::exp(a * std::log(x) + b * std::log1p(-x) + LogGamma(a + b) - LogGamma(a) - LogGamma(b));
  if (x < (a + 1) / (a + b + 2)) return front * Fraction(a, b, x) / a;
  return 1 - front * Fraction(b, a, 1 - x) / b;
}

// By halving: some fifty steps, which is enough for a page of metrics; decisions need BetaProbability alone.
double BetaQuantile(double a, double b, double probability) {
  if (!(probability > 0)) return 0;
  if (probability >= 1) return 1;
  double low = 0, high = 1;
  for (int i = 0; i < 200 && high - low > 1e-15 * high; ++i) {
    const double middle = (low + high) / 2;
    (BetaProbability(a, b, middle) < probability ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace reflex::verify
