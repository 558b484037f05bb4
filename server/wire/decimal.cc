#include "wire/decimal.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace reflex::wire {
namespace {

constexpr std::size_t kExponentDigitsMax = 18;

struct Parts {
  bool negative = false;
  std::string_view whole;
  std::string_view fraction;
  bool exponent_negative = false;
  std::string_view exponent;  // Without leading zeros.
};

void StripLeadingZeros(std::string_view& digits) { digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size())); }

std::size_t StripTrailingZeros(std::string_view& digits) {
  const std::size_t last = digits.find_last_not_of('0');
  const std::size_t kept = last == std::string_view::npos ? 0 : last + 1;
  const std::size_t stripped = digits.size() - kept;
  digits.remove_suffix(stripped);
  return stripped;
}

Parts Split(std::string_view number) {
  Parts parts;
  if (number.starts_with('-')) {
    parts.negative = true;
    number.remove_prefix(1);
  }
  const std::size_t e = std::min(number.find_first_of("eE"), number.size());
  const std::string_view mantissa = number.substr(0, e);
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  parts.whole = mantissa.substr(0, point);
  if (point < mantissa.size()) parts.fraction = mantissa.substr(point + 1);
  if (e < number.size()) {
    parts.exponent = number.substr(e + 1);
    parts.exponent_negative = parts.exponent.starts_with('-');
    if (parts.exponent_negative || parts.exponent.starts_with('+')) parts.exponent.remove_prefix(1);
    StripLeadingZeros(parts.exponent);
  }
  return parts;
}

}  // namespace

void AppendDecimal(std::string_view number, std::string& out) {
  Parts parts = Split(number);
  StripLeadingZeros(parts.whole);
  StripTrailingZeros(parts.fraction);
  std::int64_t power = -static_cast<std::int64_t>(parts.fraction.size());
  if (parts.fraction.empty()) power += static_cast<std::int64_t>(StripTrailingZeros(parts.whole));
  if (parts.whole.empty()) StripLeadingZeros(parts.fraction);
  if (parts.whole.empty() && parts.fraction.empty()) {
    out += '0';
    return;
  }
  if (parts.exponent.size() > kExponentDigitsMax) {
    out += 'x';
    out += number;
    return;
  }
  std::int64_t exponent = 0;
  for (const char digit : parts.exponent) exponent = exponent * 10 + (digit - '0');
  power += parts.exponent_negative ? -exponent : exponent;
  if (parts.negative) out += '-';
  out += parts.whole;
  out += parts.fraction;
  if (power != 0) {
    out += 'e';
    out += std::to_string(power);
  }
}

}  // namespace reflex::wire
