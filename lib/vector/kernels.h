#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace reflex::vector {

// The inner loops, one set for each kind of processor. All sets give equal distances; dot products differ in rounding only.
// A code is `words` 64-bit words; its address needs no alignment.
struct Kernels {
  std::string_view name;
  // For each of `count` codes, `stride` bytes apart, in how many bits it differs from the query.
  void (*scan)(const std::uint64_t* query, const char* codes, std::size_t stride, std::size_t words, std::size_t count,
               std::uint16_t* out);
  // Dot product of a and b, and of b with itself.
  void (*dots)(const float* a, const float* b, std::size_t count, float* ab, float* bb);
};

// The sets this processor can run, portable code first.
std::span<const Kernels> AllKernels();

// The fastest set for codes of that many words.
const Kernels& BestKernels(std::size_t words);

}  // namespace reflex::vector
