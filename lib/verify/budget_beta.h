#pragma once

namespace reflex::verify {

// The regularized incomplete beta function I_x(a, b): the probability that a Beta(a, b) variable is at most x. a, b above 0; x
// outside 0 to 1 gives 0 or 1. To about 1e-13. By the continued fraction of NIST's Digital Library of Mathematical
// Functions, 8.17.22.
double BetaProbability(double a, double b, double x);

// The x with I_x(a, b) = probability, 0 to 1. Clopper and Pearson (1934): with k wrong of n labels the upper 95 % bound of the
// share of wrong ones is BetaQuantile(k + 1, n - k, 0.95), the lower one BetaQuantile(k, n - k + 1, 0.05).
double BetaQuantile(double a, double b, double probability);

}  // namespace reflex::verify
