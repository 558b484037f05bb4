#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "text/words.h"

namespace reflex::text {

// What a number counts. Values are kept in the first unit named.
enum class Measure : std::uint8_t {
  kPlain,  // A count, a version, a year, a percentage.
  kSeconds,
  kMetres,
  kGrams,
  kLitres,
  kBytes,
  kCelsius,
  kFahrenheit,
  kWatts,
  kWattHours,
  kAmperes,
  kAmpereHours,
  kMoney,    // In the currency named in `currency`.
  kClock,    // Minutes since midnight.
  kMonth,    // 1 to 12, beside a day.
  kVersion,  // major * 10^6 + minor * 10^3 + patch, after a name or "version".
};

struct Quantity {
  Measure measure = Measure::kPlain;
  double value = 0;    // In the measure's unit: "2 min" is 120 seconds.
  double written = 0;  // As written: 2. Of a version: its first two parts.
  char currency = 0;   // '$', 'e' for euros, 'p' for pounds, 'y' for yen; 0 for others.
  bool percent = false;
  bool weak = false;  // Written as a word without a unit ("two strings", "once"), an ordinal, or digits inside a longer name: the
                      // same question may be put without it.

  friend bool operator==(const Quantity&, const Quantity&) = default;
};

// All numbers of a text in order, with units folded in: "120 s" equals "2 min", "1k" equals 1000, "half an hour" equals 30 minutes,
// "twenty-five" equals 25, "5pm" equals 17:00.
std::vector<Quantity> FindQuantities(std::string_view prepared, const std::vector<Word>& words);

// Whether two quantities may stand for each other: equal ones, a percentage and its share of one, a number with and without its
// unit.
bool SameQuantity(const Quantity& a, const Quantity& b);

// The quantities of `a` that have no partner in `b` (each partner is used once).
std::vector<Quantity> UnmatchedQuantities(const std::vector<Quantity>& a, const std::vector<Quantity>& b);

}  // namespace reflex::text
