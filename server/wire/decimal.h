#pragma once

#include <string>
#include <string_view>

namespace reflex::wire {

// Appends the one spelling of a JSON number's exact value: digits without leading or trailing zeros, then "e" and the power of ten
// unless it is zero. 0.2, 2e-1 and 0.20 give "2e-1"; -0 gives "0". An exponent of more than 18 digits is not calculated with: such
// a number stands for its spelling only, marked by a leading "x". The text is never longer than the number's spelling plus 21
// bytes.
void AppendDecimal(std::string_view number, std::string& out);

}  // namespace reflex::wire
