#include "verify/vectors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace reflex::verify {
namespace {

constexpr std::size_t kBytesMax = 1024;

// Vectors of `V`'s lanes at a time: kVectors of them beside kRows rows, so that a row that was read serves several vectors, and
// sums enough to hide the latency of a multiplication.
template <class V, std::size_t kVectors, std::size_t kRows>
[[gnu::always_inline]] inline void Block(const float* vectors, std::size_t stride, const float* rows, std::size_t n, float* out,
                                         std::size_t outputs) {
  constexpr std::size_t kWide = sizeof(V) / sizeof(float);
  const std::size_t whole = n / kWide * kWide;
  V sums[kVectors][kRows] = {};
  for (std::size_t i = 0; i < whole; i += kWide) {
    V x[kVectors], y;
    for (std::size_t v = 0; v < kVectors; ++v) std::memcpy(&x[v], vectors + v * stride + i, sizeof(V));
    for (std::size_t r = 0; r < kRows; ++r) {
      std::memcpy(&y, rows + r * n + i, sizeof(V));
      for (std::size_t v = 0; v < kVectors; ++v) sums[v][r] += x[v] * y;
    }
  }
  for (std::size_t v = 0; v < kVectors; ++v) {
    for (std::size_t r = 0; r < kRows; ++r) {
      float sum = 0;
      for (std::size_t lane = 0; lane < kWide; ++lane) sum += sums[v][r][lane];
      for (std::size_t i = whole; i < n; ++i) sum += vectors[v * stride + i] * rows[r * n + i];
      out[v * outputs + r] = sum;
    }
  }
}

template <class V, std::size_t kVectors>
[[gnu::always_inline]] inline void AllRows(const float* vectors, std::size_t stride, const float* rows, std::size_t n, float* out,
                                           std::size_t outputs) {
  constexpr std::size_t kRows = kVectors == 1 ? 8 : 4;
  std::size_t at = 0;
  for (; at + kRows <= outputs; at += kRows) Block<V, kVectors, kRows>(vectors, stride, rows + at * n, n, out + at, outputs);
  for (; at < outputs; ++at) Block<V, kVectors, 1>(vectors, stride, rows + at * n, n, out + at, outputs);
}

template <class V>
[[gnu::always_inline]] inline void Product(const float* vectors, std::size_t stride, std::size_t count, const float* rows,
                                           std::size_t n, float* out, std::size_t outputs) {
  std::size_t at = 0;
  for (; at + 4 <= count; at += 4) AllRows<V, 4>(vectors + at * stride, stride, rows, n, out + at * outputs, outputs);
  for (; at < count; ++at) AllRows<V, 1>(vectors + at * stride, stride, rows, n, out + at * outputs, outputs);
}

using Function = void (*)(const float* vectors, std::size_t stride, std::size_t count, const float* rows, std::size_t n, float* out,
                          std::size_t outputs);

#if defined(__x86_64__)
using Eight = float __attribute__((vector_size(32)));
using Sixteen = float __attribute__((vector_size(64)));

__attribute__((target("avx2,fma"))) void ProductAvx2(const float* vectors, std::size_t stride, std::size_t count, const float* rows,
                                                     std::size_t n, float* out, std::size_t outputs) {
  Product<Eight>(vectors, stride, count, rows, n, out, outputs);
}

__attribute__((target("avx512f,avx512vl,avx512dq,avx2,fma"))) void ProductAvx512(const float* vectors, std::size_t stride,
                                                                                 std::size_t count, const float* rows,
                                                                                 std::size_t n, float* out, std::size_t outputs) {
  Product<Sixteen>(vectors, stride, count, rows, n, out, outputs);
}
#endif

void ProductPlain(const float* vectors, std::size_t stride, std::size_t count, const float* rows, std::size_t n, float* out,
                  std::size_t outputs) {
  using Four = float __attribute__((vector_size(16)));
  Product<Four>(vectors, stride, count, rows, n, out, outputs);
}

Function Choose() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
    return ProductAvx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return ProductAvx2;
#endif
  return ProductPlain;
}

}  // namespace

void MultiplyRows(std::span<const float> vectors, std::size_t stride, std::size_t count, std::span<const float> rows,
                  std::size_t size, std::span<float> out) {
  static const Function function = Choose();
  if (count > 0) function(vectors.data(), stride, count, rows.data(), size, out.data(), out.size() / count);
}

void DotRows(std::span<const float> vector, std::span<const float> rows, std::span<float> out) {
  if (vector.empty()) {
    std::ranges::fill(out, 0.f);
    return;
  }
  const std::size_t count = std::min(out.size(), rows.size() / vector.size());
  if (count > 0) MultiplyRows(vector, vector.size(), 1, rows, vector.size(), out.first(count));
  std::ranges::fill(out.subspan(count), 0.f);
}

float Dot(std::span<const float> a, std::span<const float> b) {
  float dot = 0;
  const std::size_t n = std::min(a.size(), b.size());
  DotRows(a.first(n), b.first(n), std::span(&dot, 1));
  return dot;
}

void AddRow(std::span<const float> row, std::span<float> sum) {
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += row[i];
}

void Normalise(std::span<float> row) {
  const float squares = Dot(row, row);
  if (squares <= 0) return;
  const float factor = 1 / std::sqrt(squares);
  for (float& x : row) x *= factor;
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
