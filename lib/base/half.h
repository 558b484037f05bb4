#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace reflex::base {

// IEEE 754 half precision as it lies in files: two bytes a number, little endian on every machine. Both directions round to
// nearest, ties to even; what is too large becomes infinite, NaN stays NaN. Conversions use F16C where the processor has it.

// One number, portable. The slow one that judges the fast one.
std::uint16_t HalfFromFloat(float value);
float FloatFromHalf(std::uint16_t half);

// REQUIRES: bytes.size() == 2 * values.size(). No alignment is needed.
void EncodeHalf(std::span<const float> values, std::span<std::uint8_t> bytes);
void DecodeHalf(std::span<const std::uint8_t> bytes, std::span<float> values);

}  // namespace reflex::base
