#pragma once

#include <string_view>

#include "text/numbers.h"

namespace reflex::text {

struct Unit {
  std::string_view name;
  Measure measure = Measure::kPlain;
  double factor = 1;           // Of the measure's own unit.
  bool attached_only = false;  // Means its unit only directly behind a number: "5m", "3s".
};

// The unit of a lower-case word, singular or plural; null when it is none. `attached`: the word stands directly behind digits.
const Unit* FindUnit(std::string_view word, bool attached);

// How Quantity::currency names the currency of a unit; 0 for none.
char CurrencyOf(std::string_view unit);

}  // namespace reflex::text
