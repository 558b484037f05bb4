#include "vector/kernels.h"

#include <array>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace reflex::vector {
namespace {

std::uint64_t Load(const char* bytes) {
  std::uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

int DistancePortable(const char* a, const char* b, std::size_t words) {
  int bits = 0;
  for (std::size_t i = 0; i < words; ++i) bits += std::popcount(Load(a + 8 * i) ^ Load(b + 8 * i));
  return bits;
}

void ScanPortable(const std::uint64_t* query, const char* codes, std::size_t stride, std::size_t words, std::size_t count,
                  std::uint16_t* out) {
  const auto* bytes = reinterpret_cast<const char*>(query);
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::uint16_t>(DistancePortable(bytes, codes + i * stride, words));
}

void DotsPortable(const float* a, const float* b, std::size_t count, float* ab, float* bb) {
  // Eight sums each, so that rounding is as small as with vector registers.
  std::array<float, 8> cross{}, own{};
  for (std::size_t i = 0; i < count; ++i) {
    cross[i % 8] += a[i] * b[i];
    own[i % 8] += b[i] * b[i];
  }
  *ab = *bb = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    *ab += cross[i];
    *bb += own[i];
  }
}

#if defined(__x86_64__)

#define REFLEX_POPCNT __attribute__((target("popcnt")))
#define REFLEX_AVX2 __attribute__((target("avx2,fma,popcnt")))
#define REFLEX_AVX512 __attribute__((target("avx512f,avx512bw,avx512vpopcntdq,avx2,fma,popcnt,bmi,bmi2")))

REFLEX_POPCNT inline int PopcntOf(const char* a, const char* b, std::size_t words) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < words; ++i)
    bits += static_cast<std::uint64_t>(__builtin_popcountll(Load(a + 8 * i) ^ Load(b + 8 * i)));
  return static_cast<int>(bits);
}

REFLEX_POPCNT inline int DistancePopcnt(const char* a, const char* b, std::size_t words) {
  // 384 dimensions without a loop.
  return words == 6 ? PopcntOf(a, b, 6) : PopcntOf(a, b, words);
}

REFLEX_POPCNT void ScanPopcnt(const std::uint64_t* query, const char* codes, std::size_t stride, std::size_t words,
                              std::size_t count, std::uint16_t* out) {
  const auto* bytes = reinterpret_cast<const char*>(query);
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::uint16_t>(DistancePopcnt(bytes, codes + i * stride, words));
}

// Bits set in each byte: two lookups of four bits [Mula, Kurz, Lemire: Faster Population Counts Using AVX2 Instructions, 2016].
REFLEX_AVX2 inline __m256i BitsOfBytes(__m256i value) {
  const __m256i table =
      _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
  const __m256i low = _mm256_set1_epi8(15);
  return _mm256_add_epi8(_mm256_shuffle_epi8(table, _mm256_and_si256(value, low)),
                         _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(value, 4), low)));
}

REFLEX_AVX2 inline int DistanceAvx2(const char* a, const char* b, std::size_t words) {
  __m256i total = _mm256_setzero_si256();
  std::size_t i = 0;
  while (i + 4 <= words) {
    // A byte takes 31 times 8 bits before it overflows.
    __m256i bytes = _mm256_setzero_si256();
    for (int round = 0; round < 31 && i + 4 <= words; ++round, i += 4) {
      bytes =
          _mm256_add_epi8(bytes, BitsOfBytes(_mm256_xor_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(a + 8 * i)),
                                                              _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + 8 * i)))));
    }
    total = _mm256_add_epi64(total, _mm256_sad_epu8(bytes, _mm256_setzero_si256()));
  }
  const __m128i half = _mm_add_epi64(_mm256_castsi256_si128(total), _mm256_extracti128_si256(total, 1));
  auto bits = static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm_add_epi64(half, _mm_unpackhi_epi64(half, half))));
  for (; i < words; ++i) bits += static_cast<std::uint64_t>(__builtin_popcountll(Load(a + 8 * i) ^ Load(b + 8 * i)));
  return static_cast<int>(bits);
}

REFLEX_AVX2 void ScanAvx2(const std::uint64_t* query, const char* codes, std::size_t stride, std::size_t words, std::size_t count,
                          std::uint16_t* out) {
  const char* bytes = reinterpret_cast<const char*>(query);
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::uint16_t>(DistanceAvx2(bytes, codes + i * stride, words));
}

REFLEX_AVX2 inline float SumOf(__m256 value) {
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(value), _mm256_extractf128_ps(value, 1));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

REFLEX_AVX2 void DotsAvx2(const float* a, const float* b, std::size_t count, float* ab, float* bb) {
  __m256 cross0 = _mm256_setzero_ps(), cross1 = cross0, own0 = cross0, own1 = cross0;
  std::size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    const __m256 b0 = _mm256_loadu_ps(b + i), b1 = _mm256_loadu_ps(b + i + 8);
    cross0 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), b0, cross0);
    cross1 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 8), b1, cross1);
    own0 = _mm256_fmadd_ps(b0, b0, own0);
    own1 = _mm256_fmadd_ps(b1, b1, own1);
  }
  *ab = SumOf(_mm256_add_ps(cross0, cross1));
  *bb = SumOf(_mm256_add_ps(own0, own1));
  for (; i < count; ++i) {
    *ab += a[i] * b[i];
    *bb += b[i] * b[i];
  }
}

REFLEX_AVX512 inline int DistanceAvx512(const char* a, const char* b, std::size_t words) {
  __m512i total = _mm512_setzero_si512();
  std::size_t i = 0;
  for (; i + 8 <= words; i += 8) {
    total = _mm512_add_epi64(total,
                             _mm512_popcnt_epi64(_mm512_xor_si512(_mm512_loadu_si512(a + 8 * i), _mm512_loadu_si512(b + 8 * i))));
  }
  if (i < words) {
    const auto mask = static_cast<__mmask8>((1u << (words - i)) - 1);
    total = _mm512_add_epi64(total, _mm512_popcnt_epi64(_mm512_xor_si512(_mm512_maskz_loadu_epi64(mask, a + 8 * i),
                                                                         _mm512_maskz_loadu_epi64(mask, b + 8 * i))));
  }
  // Not _mm512_reduce_add_epi64, which g++ 12 warns about inside its own header.
  alignas(64) std::int64_t parts[8];
  _mm512_store_si512(parts, total);
  return static_cast<int>(parts[0] + parts[1] + parts[2] + parts[3] + parts[4] + parts[5] + parts[6] + parts[7]);
}

REFLEX_AVX512 void ScanAvx512(const std::uint64_t* query, const char* codes, std::size_t stride, std::size_t words,
                              std::size_t count, std::uint16_t* out) {
  const char* bytes = reinterpret_cast<const char*>(query);
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::uint16_t>(DistanceAvx512(bytes, codes + i * stride, words));
}

#endif

constexpr std::size_t kSetsMax = 4;

struct Sets {
  std::array<Kernels, kSetsMax> sets;
  std::size_t count = 0;

  Sets() {
    sets[count++] = {"portable", ScanPortable, DotsPortable};
#if defined(__x86_64__)
    if (__builtin_cpu_supports("popcnt")) sets[count++] = {"popcnt", ScanPopcnt, DotsPortable};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) sets[count++] = {"avx2", ScanAvx2, DotsAvx2};
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vpopcntdq") &&
        __builtin_cpu_supports("bmi2")) {
      sets[count++] = {"avx512", ScanAvx512, DotsAvx2};
    }
#endif
  }
};

// Below this many words the POPCNT instruction is as fast as vpshufb, which has to add across its lanes at the end.
// Measured with bench/vector_bench --kernels.
constexpr std::size_t kAvx2Words = 8;

const Sets& AllSets() {
  static const Sets sets;
  return sets;
}

}  // namespace

std::span<const Kernels> AllKernels() { return {AllSets().sets.data(), AllSets().count}; }

const Kernels& BestKernels(std::size_t words) {
  static const auto choose = [](bool wide) {
    Kernels best = AllKernels().back();
    if (best.name != "avx2" || wide) return best;
    best.scan = AllKernels()[1].scan;
    return best;
  };
  static const Kernels narrow = choose(false), wide = choose(true);
  return words < kAvx2Words ? narrow : wide;
}

}  // namespace reflex::vector
