#include "vector/code.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace reflex::vector {

Result<double> CheckedNorm(std::span<const float> vector, std::size_t dimension) {
  if (vector.size() != dimension) {
    return Fail(ErrorCode::kInvalidArgument,
                "a vector of " + std::to_string(vector.size()) + " numbers; the index takes " + std::to_string(dimension));
  }
  // In double the square of any float neither overflows nor vanishes, and a NaN or an infinity stays one.
  double square = 0;
  for (const float value : vector) square += static_cast<double>(value) * value;
  if (!std::isfinite(square))
    return Fail(ErrorCode::kInvalidArgument, "a vector with a NaN or infinite number; all must be finite");
  if (square == 0) return Fail(ErrorCode::kInvalidArgument, "a vector of zeros; one number at least must not be zero");
  return std::sqrt(square);
}

void SignCode(std::span<const float> vector, std::uint64_t* code) {
  for (std::size_t word = 0; word < WordsOf(vector.size()); ++word) {
    const auto part = vector.subspan(64 * word, std::min<std::size_t>(64, vector.size() - 64 * word));
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < part.size(); ++i) bits |= static_cast<std::uint64_t>(part[i] > 0) << i;
    code[word] = bits;
  }
}

}  // namespace reflex::vector
