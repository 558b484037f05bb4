#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/half.h"

// What the tests of networks are made of: tools/train_pair_net.py and tools/train_encoder.py were given the same weights and rows.
namespace reflex::verify {

// A file of weights: five letters and three zero bytes, numbers of four bytes, then half-precision floats.
inline std::string WeightsFile(std::string_view letters, const std::vector<std::uint32_t>& numbers,
                               const std::vector<float>& values) {
  std::string bytes(letters);
  bytes.resize(8);
  for (const std::uint32_t number : numbers) {
    for (int i = 0; i < 4; ++i) bytes += static_cast<char>(number >> (8 * i) & 0xff);
  }
  for (const float value : values) {
    const std::uint16_t half = base::HalfFromFloat(value);
    bytes += static_cast<char>(half & 0xff);
    bytes += static_cast<char>(half >> 8);
  }
  return bytes;
}

inline std::vector<float> WeightValues(std::size_t count) {
  std::vector<float> values;
  for (std::size_t i = 0; i < count; ++i) values.push_back(static_cast<float>(i * 7919 % 1000) / 1000 - 0.5f);
  return values;
}

// `count` rows of unit length, one behind the other.
inline std::vector<float> UnitRows(std::size_t count, std::size_t dimension, std::size_t seed) {
  std::vector<float> rows;
  for (std::size_t i = 0; i < count; ++i) {
    float sum = 0;
    for (std::size_t j = 0; j < dimension; ++j) {
      rows.push_back(static_cast<float>((i * 31 + j * 17 + seed) * 7907 % 1000) / 1000 - 0.5f);
      sum += rows.back() * rows.back();
    }
    for (std::size_t j = 0; j < dimension; ++j) rows[i * dimension + j] /= std::sqrt(sum);
  }
  return rows;
}

}  // namespace reflex::verify
