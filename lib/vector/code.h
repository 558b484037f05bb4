#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "reflex/result.h"

namespace reflex::vector {

// 64-bit words of the sign code of a vector.
constexpr std::size_t WordsOf(std::size_t dimension) { return (dimension + 63) / 64; }

// The vector's length (euclidean), more than 0. Returns: kInvalidArgument when it has not `dimension` floats, one of them is NaN or
// infinite, or all are zero.
Result<double> CheckedNorm(std::span<const float> vector, std::size_t dimension);

// One bit a dimension, set where the number is above zero; bits past the last dimension are 0. `code` has WordsOf(vector.size())
// words.
void SignCode(std::span<const float> vector, std::uint64_t* code);

}  // namespace reflex::vector
