#include "base/half.h"

#include <bit>
#include <cassert>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace reflex::base {
namespace {

void EncodePortable(const float* values, std::size_t count, std::uint8_t* bytes) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint16_t half = HalfFromFloat(values[i]);
    bytes[2 * i] = static_cast<std::uint8_t>(half);
    bytes[2 * i + 1] = static_cast<std::uint8_t>(half >> 8);
  }
}

void DecodePortable(const std::uint8_t* bytes, std::size_t count, float* values) {
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = FloatFromHalf(static_cast<std::uint16_t>(bytes[2 * i] | bytes[2 * i + 1] << 8));
  }
}

#if defined(__x86_64__)
bool HasF16c() {
  static const bool has = __builtin_cpu_supports("avx") && __builtin_cpu_supports("f16c");
  return has;
}

// Eight at a time; returns how many were done.
__attribute__((target("avx,f16c"))) std::size_t EncodeF16c(const float* values, std::size_t count, std::uint8_t* bytes) {
  std::size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes + 2 * i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(values + i), _MM_FROUND_TO_NEAREST_INT));
  }
  return i;
}

__attribute__((target("avx,f16c"))) std::size_t DecodeF16c(const std::uint8_t* bytes, std::size_t count, float* values) {
  std::size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    _mm256_storeu_ps(values + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes + 2 * i))));
  }
  return i;
}
#endif

}  // namespace

std::uint16_t HalfFromFloat(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu));
  if (magnitude >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // Rounds to 65536 or more.
  if (magnitude < 0x33000000u) return static_cast<std::uint16_t>(sign);             // Below half of the smallest subnormal.
  const std::uint32_t exponent = magnitude >> 23;
  std::uint32_t mantissa = magnitude & 0x7fffffu;
  std::uint32_t shift = 13, base = (exponent - 112) << 10;
  if (exponent < 113) {
    mantissa |= 0x800000u;
    shift = 126 - exponent;
    base = 0;
  }
  // A carry out of the mantissa goes into the exponent, which is the right number.
  std::uint32_t half = base + (mantissa >> shift);
  const std::uint32_t rest = mantissa & ((1u << shift) - 1), middle = 1u << (shift - 1);
  if (rest > middle || (rest == middle && (half & 1u) != 0)) ++half;
  return static_cast<std::uint16_t>(sign | half);
}

float FloatFromHalf(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000u) << 16;
  const std::uint32_t exponent = half >> 10 & 0x1fu, mantissa = half & 0x3ffu;
  if (exponent == 31) {
    const std::uint32_t quiet = mantissa != 0 ? 0x400000u : 0;
    return std::bit_cast<float>(sign | 0x7f800000u | quiet | mantissa << 13);
  }
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
  return sign != 0 ? -magnitude : magnitude;
}

void EncodeHalf(std::span<const float> values, std::span<std::uint8_t> bytes) {
  assert(bytes.size() == 2 * values.size());
  std::size_t done = 0;
#if defined(__x86_64__)
  if (HasF16c()) done = EncodeF16c(values.data(), values.size(), bytes.data());
#endif
  EncodePortable(values.data() + done, values.size() - done, bytes.data() + 2 * done);
}

void DecodeHalf(std::span<const std::uint8_t> bytes, std::span<float> values) {
  assert(bytes.size() == 2 * values.size());
  std::size_t done = 0;
#if defined(__x86_64__)
  if (HasF16c()) done = DecodeF16c(bytes.data(), values.size(), values.data());
#endif
  DecodePortable(bytes.data() + 2 * done, values.size() - done, values.data() + done);
}

}  // namespace reflex::base
