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

void RowsPlain(const float* vector, const float* rows, std::size_t n, std::size_t count, float* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = DotPlain(vector, rows + i * n, n);
}

#if defined(__x86_64__)
using Lanes = float __attribute__((vector_size(32)));

// Some rows side by side, enough of them to hide the latency of a multiplication.
template <std::size_t kRows>
__attribute__((target("avx2,fma"), always_inline)) inline void BlockWide(const float* vector, const float* rows, std::size_t n,
                                                                         float* out) {
  const std::size_t whole = n / kLanes * kLanes;
  Lanes sums[kRows] = {};
  for (std::size_t i = 0; i < whole; i += kLanes) {
    Lanes x, y;
    std::memcpy(&x, vector + i, sizeof(x));
    for (std::size_t r = 0; r < kRows; ++r) {
      std::memcpy(&y, rows + r * n + i, sizeof(y));
      sums[r] += x * y;
    }
  }
  for (std::size_t r = 0; r < kRows; ++r) {
    const Lanes s = sums[r];
    float sum = ((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7]));
    for (std::size_t i = whole; i < n; ++i) sum += vector[i] * rows[r * n + i];
    out[r] = sum;
  }
}

__attribute__((target("avx2,fma"))) void RowsWide(const float* vector, const float* rows, std::size_t n, std::size_t count,
                                                  float* out) {
  std::size_t at = 0;
  for (; at + 8 <= count; at += 8) BlockWide<8>(vector, rows + at * n, n, out + at);
  if (at + 4 <= count) {
    BlockWide<4>(vector, rows + at * n, n, out + at);
    at += 4;
  }
  for (; at < count; ++at) BlockWide<1>(vector, rows + at * n, n, out + at);
}
#endif

using RowsFunction = void (*)(const float*, const float*, std::size_t, std::size_t, float*);

RowsFunction ChooseRows() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return RowsWide;
#endif
  return RowsPlain;
}

}  // namespace

void DotRows(std::span<const float> vector, std::span<const float> rows, std::span<float> out) {
  static const RowsFunction rows_function = ChooseRows();
  if (vector.empty()) {
    std::ranges::fill(out, 0.f);
    return;
  }
  const std::size_t count = std::min(out.size(), rows.size() / vector.size());
  rows_function(vector.data(), rows.data(), vector.size(), count, out.data());
  std::ranges::fill(out.subspan(count), 0.f);
}

float Dot(std::span<const float> a, std::span<const float> b) {
  float dot = 0;
  const std::size_t n = std::min(a.size(), b.size());
  DotRows(a.first(n), b.first(n), std::span(&dot, 1));
  return dot;
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
