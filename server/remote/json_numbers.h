#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "wire/json.h"

namespace reflex::remote {

// A JSON number as a double; nothing for other values and for numbers beyond its range.
std::optional<double> ReadNumber(const wire::json::Value& value);

// An array of `dimension` numbers, each finite as a float. Nothing for anything else.
std::optional<std::vector<float>> ReadVector(const wire::json::Value& value, std::size_t dimension);

// Appends "[0.5,-1,…]", each number with the fewest digits that give it back. REQUIRES: finite.
void AppendVector(std::span<const float> vector, std::string& out);

// Scales to unit length. False, changing nothing, where it has no direction (all zero) or a length that is no number.
bool Normalize(std::vector<float>& vector);

}  // namespace reflex::remote
