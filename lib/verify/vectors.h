#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace reflex::verify {

// The dot product of two vectors of equal length.
float Dot(std::span<const float> a, std::span<const float> b);

// The dot products of one vector with `out.size()` rows that lie one behind the other.
void DotRows(std::span<const float> vector, std::span<const float> rows, std::span<float> out);

// The dot products of `count` vectors of `size` floats, whose beginnings are `stride` floats apart, with `out.size() / count` rows
// that lie one behind the other: out has those of the first vector first. REQUIRES: what is read lies inside the spans; count
// divides.
void MultiplyRows(std::span<const float> vectors, std::size_t stride, std::size_t count, std::span<const float> rows,
                  std::size_t size, std::span<float> out);

// Adds `row` to `sum`, which is as long.
void AddRow(std::span<const float> row, std::span<float> sum);

// To unit length; a row of zeros stays.
void Normalise(std::span<float> row);

// The length of the longest common subsequence of two texts, as 2 * length / (a + b): 1 for equal texts, and for two empty ones.
// Bytes up to 1,024; longer texts are cut there. Bit-parallel [Hyyrö 2004].
float CommonBytes(std::string_view a, std::string_view b);

}  // namespace reflex::verify
