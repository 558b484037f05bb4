#include "verify/vectors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace reflex::verify {
namespace {

constexpr std::size_t kBytesMax = 1024;
constexpr std::size_t kLanes = 8;

float DotPlain(const float* a, const float* b, std::size_t n) {
  std::array<float, kLanes> sums{};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  }
  float sum = ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
  for (; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

#if defined(__x86_64__)
using Lanes = float __attribute__((vector_size(32)));

__attribute__((target("avx2,fma"))) float DotWide(const float* a, const float* b, std::size_t n) {
  Lanes first{}, second{};
  std::size_t i = 0;
  const auto load = [](const float* from) __attribute__((target("avx2,fma"), always_inline)) {
    Lanes lanes;
    std::memcpy(&lanes, from, sizeof(lanes));
    return lanes;
  };
  for (; i + 16 <= n; i += 16) {
    first += load(a + i) * load(b + i);
    second += load(a + i + 8) * load(b + i + 8);
  }
  first += second;
  float sum = ((first[0] + first[4]) + (first[1] + first[5])) + ((first[2] + first[6]) + (first[3] + first[7]));
  for (; i < n; ++i) sum += a[i] * b[i];
  return sum;
}
#endif

using DotFunction = float (*)(const float*, const float*, std::size_t);

DotFunction ChooseDot() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return DotWide;
#endif
  return DotPlain;
}

}  // namespace

float Dot(std::span<const float> a, std::span<const float> b) {
  static const DotFunction dot = ChooseDot();
  return dot(a.data(), b.data(), std::min(a.size(), b.size()));
}

float CommonBytes(std::string_view a, std::string_view b) {
  a = a.substr(0, kBytesMax);
  b = b.substr(0, kBytesMax);
  if (a.empty() && b.empty()) return 1;
  if (a.size() > b.size()) std::swap(a, b);  // The shorter one into bits.
  constexpr std::size_t kWordsMax = kBytesMax / 64;
  const std::size_t words = (a.size() + 63) / 64;
  std::array<std::uint64_t, 256 * kWordsMax> positions;
  std::fill_n(positions.begin(), 256 * words, 0);
  for (std::size_t i = 0; i < a.size(); ++i) positions[static_cast<unsigned char>(a[i]) * words + i / 64] |= 1ull << (i % 64);
  std::array<std::uint64_t, kWordsMax> row;
  row.fill(~0ull);
  for (const char c : b) {
    const std::uint64_t* match = positions.data() + static_cast<unsigned char>(c) * words;
    std::uint64_t carry = 0;
    for (std::size_t w = 0; w < words; ++w) {
      const std::uint64_t hit = row[w] & match[w];
      const std::uint64_t sum = row[w] + hit;
      const std::uint64_t total = sum + carry;
      carry = static_cast<std::uint64_t>(sum < hit) | static_cast<std::uint64_t>(total < sum);
      row[w] = total | (row[w] & ~match[w]);
    }
  }
  std::size_t common = 0;
  for (std::size_t i = 0; i < a.size(); ++i) common += ((row[i / 64] >> (i % 64)) & 1) == 0;
  return 2 * static_cast<float>(common) / static_cast<float>(a.size() + b.size());
}

}  // namespace reflex::verify
