#include "text/units.h"

#include <algorithm>
#include <array>

namespace reflex::text {
namespace {

constexpr auto kUnits = std::to_array<Unit>({
    {"ns", Measure::kSeconds, 1e-9},
    {"nanosecond", Measure::kSeconds, 1e-9},
    {"us", Measure::kSeconds, 1e-6, true},
    {"microsecond", Measure::kSeconds, 1e-6},
    {"ms", Measure::kSeconds, 1e-3},
    {"millisecond", Measure::kSeconds, 1e-3},
    {"msec", Measure::kSeconds, 1e-3},
    {"s", Measure::kSeconds, 1},
    {"sec", Measure::kSeconds, 1},
    {"second", Measure::kSeconds, 1},
    {"min", Measure::kSeconds, 60},
    {"minute", Measure::kSeconds, 60},
    {"h", Measure::kSeconds, 3600},
    {"hr", Measure::kSeconds, 3600},
    {"hour", Measure::kSeconds, 3600},
    {"day", Measure::kSeconds, 86400},
    {"d", Measure::kSeconds, 86400, true},
    {"week", Measure::kSeconds, 604800},
    {"wk", Measure::kSeconds, 604800},
    {"fortnight", Measure::kSeconds, 1209600},
    {"month", Measure::kSeconds, 2629746},
    {"year", Measure::kSeconds, 31556952},
    {"yr", Measure::kSeconds, 31556952},
    {"decade", Measure::kSeconds, 315569520},
    {"century", Measure::kSeconds, 3155695200.},
    {"centurie", Measure::kSeconds, 3155695200.},
    {"mm", Measure::kMetres, 1e-3},
    {"millimeter", Measure::kMetres, 1e-3},
    {"millimetre", Measure::kMetres, 1e-3},
    {"cm", Measure::kMetres, 1e-2},
    {"centimeter", Measure::kMetres, 1e-2},
    {"centimetre", Measure::kMetres, 1e-2},
    {"meter", Measure::kMetres, 1},
    {"metre", Measure::kMetres, 1},
    {"km", Measure::kMetres, 1e3},
    {"kilometer", Measure::kMetres, 1e3},
    {"kilometre", Measure::kMetres, 1e3},
    {"mile", Measure::kMetres, 1609.344},
    {"mi", Measure::kMetres, 1609.344, true},
    {"inch", Measure::kMetres, .0254},
    {"inche", Measure::kMetres, .0254},
    {"foot", Measure::kMetres, .3048},
    {"feet", Measure::kMetres, .3048},
    {"ft", Measure::kMetres, .3048},
    {"yard", Measure::kMetres, .9144},
    {"mg", Measure::kGrams, 1e-3},
    {"milligram", Measure::kGrams, 1e-3},
    {"g", Measure::kGrams, 1},
    {"gram", Measure::kGrams, 1},
    {"kg", Measure::kGrams, 1e3},
    {"kilo", Measure::kGrams, 1e3},
    {"kilogram", Measure::kGrams, 1e3},
    {"lb", Measure::kGrams, 453.59237},
    {"ounce", Measure::kGrams, 28.349523},
    {"oz", Measure::kGrams, 28.349523},
    {"tonne", Measure::kGrams, 1e6},
    {"ml", Measure::kLitres, 1e-3},
    {"milliliter", Measure::kLitres, 1e-3},
    {"millilitre", Measure::kLitres, 1e-3},
    {"cl", Measure::kLitres, 1e-2},
    {"l", Measure::kLitres, 1},
    {"liter", Measure::kLitres, 1},
    {"litre", Measure::kLitres, 1},
    {"gallon", Measure::kLitres, 3.785411784},
    {"byte", Measure::kBytes, 1},
    {"kb", Measure::kBytes, 1e3},
    {"kilobyte", Measure::kBytes, 1e3},
    {"mb", Measure::kBytes, 1e6},
    {"megabyte", Measure::kBytes, 1e6},
    {"gb", Measure::kBytes, 1e9},
    {"gigabyte", Measure::kBytes, 1e9},
    {"tb", Measure::kBytes, 1e12},
    {"terabyte", Measure::kBytes, 1e12},
    {"kib", Measure::kBytes, 1024},
    {"mib", Measure::kBytes, 1048576},
    {"gib", Measure::kBytes, 1073741824},
    {"celsius", Measure::kCelsius, 1},
    {"fahrenheit", Measure::kFahrenheit, 1},
    {"c", Measure::kCelsius, 1, true},
    {"f", Measure::kFahrenheit, 1, true},
    {"watt", Measure::kWatts, 1},
    {"w", Measure::kWatts, 1},
    {"kw", Measure::kWatts, 1e3},
    {"kilowatt", Measure::kWatts, 1e3},
    {"wh", Measure::kWattHours, 1},
    {"kwh", Measure::kWattHours, 1e3},
    {"mah", Measure::kAmpereHours, 1e-3},
    {"ah", Measure::kAmpereHours, 1},
    {"ma", Measure::kAmperes, 1e-3},
    {"dollar", Measure::kMoney, 1},
    {"buck", Measure::kMoney, 1},
    {"usd", Measure::kMoney, 1},
    {"euro", Measure::kMoney, 1},
    {"eur", Measure::kMoney, 1},
    {"gbp", Measure::kMoney, 1},
    {"yen", Measure::kMoney, 1},
    {"jpy", Measure::kMoney, 1},
});

}  // namespace

char CurrencyOf(std::string_view unit) {
  if (unit == "dollar" || unit == "usd" || unit == "buck") return '$';
  if (unit == "euro" || unit == "eur") return 'e';
  if (unit == "gbp") return 'p';
  return unit == "yen" || unit == "jpy" ? 'y' : 0;
}

const Unit* FindUnit(std::string_view word, bool attached) {
  const auto find = [&](std::string_view name) {
    const auto found = std::ranges::find(kUnits, name, &Unit::name);
    return found != kUnits.end() && (attached || !found->attached_only) ? &*found : nullptr;
  };
  if (word.size() > 12) return nullptr;
  if (const Unit* unit = find(word)) return unit;
  return word.size() > 2 && word.ends_with('s') ? find(word.substr(0, word.size() - 1)) : nullptr;
}

}  // namespace reflex::text
