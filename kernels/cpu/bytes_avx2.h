// Products of signed and unsigned bytes for AVX2: tiles of some rows and one panel of outputs
// (kernels/include/packing.h), of a linear's rows or a convolution's windows.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "kernels/include/packing.h"

namespace tmpq::kernels {
namespace {

// Eight of a panel's outputs, from half a group of weights on.
constexpr int kHalfOutputs = kGroupOutputs / 2, kHalfValues = kGroupValues / 2;
// Of a tile: more would not fit the registers as GCC 12 orders the loads.
constexpr int kRowsAtOnce = 4;

// How many groups' sums of two products fit into 16 bits, which vpmaddubsw saturates: weights below
// 2^bits times |activations| up to 2^(a_bits - 1). 0: it is not exact.
inline int64_t ExactDepth(int a_bits, int bits) {
  return 32767 / ((1 << a_bits) * ((1 << bits) - 1));
}

inline __m256i FourInputs(const int8_t* a) {
  int32_t word;
  __builtin_memcpy(&word, a, sizeof(word));
  return _mm256_set1_epi32(word);
}

inline void AddTo(int32_t* out, __m256i sums) {
  auto* at = (__m256i*)out;
  _mm256_storeu_si256(at, _mm256_add_epi32(_mm256_loadu_si256(at), sums));
}

// out (Rows, 16) += rows `a` of signed bytes times unsigned weights; sums of `depth` groups stay in
// 16 bits.
template <int Rows>
void DeepTile(int64_t groups, int64_t depth, const int8_t* const* a, const uint8_t* w,
              int64_t group_stride, int32_t* out, int64_t out_stride) {
  const __m256i ones = _mm256_set1_epi16(1);
  for (int64_t begin = 0; begin < groups; begin += depth) {
    const int64_t end = begin + depth < groups ? begin + depth : groups;
    __m256i sums[Rows][2];
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) sums[r][0] = sums[r][1] = _mm256_setzero_si256();
    for (int64_t g = begin; g < end; ++g, w += group_stride) {
      const __m256i low = _mm256_loadu_si256((const __m256i*)w),
                    high = _mm256_loadu_si256((const __m256i*)(w + kHalfValues));
#pragma GCC unroll 4
      for (int r = 0; r < Rows; ++r) {
        const __m256i inputs = FourInputs(a[r] + g * kGroupInputs);
        sums[r][0] = _mm256_add_epi16(sums[r][0], _mm256_maddubs_epi16(low, inputs));
        sums[r][1] = _mm256_add_epi16(sums[r][1], _mm256_maddubs_epi16(high, inputs));
      }
    }
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) {
      AddTo(out + r * out_stride, _mm256_madd_epi16(sums[r][0], ones));
      AddTo(out + r * out_stride + kHalfOutputs, _mm256_madd_epi16(sums[r][1], ones));
    }
  }
}

// The same for small depths: every group's sums are widened at once.
template <int Rows>
void ShallowTile(int64_t groups, int64_t, const int8_t* const* a, const uint8_t* w,
                 int64_t group_stride, int32_t* out, int64_t out_stride) {
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i sums[Rows][2];
#pragma GCC unroll 4
  for (int r = 0; r < Rows; ++r) sums[r][0] = sums[r][1] = _mm256_setzero_si256();
  for (int64_t g = 0; g < groups; ++g, w += group_stride) {
    const __m256i low = _mm256_loadu_si256((const __m256i*)w),
                  high = _mm256_loadu_si256((const __m256i*)(w + kHalfValues));
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) {
      const __m256i inputs = FourInputs(a[r] + g * kGroupInputs);
      sums[r][0] =
          _mm256_add_epi32(sums[r][0], _mm256_madd_epi16(_mm256_maddubs_epi16(low, inputs), ones));
      sums[r][1] =
          _mm256_add_epi32(sums[r][1], _mm256_madd_epi16(_mm256_maddubs_epi16(high, inputs), ones));
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < Rows; ++r) {
    AddTo(out + r * out_stride, sums[r][0]);
    AddTo(out + r * out_stride + kHalfOutputs, sums[r][1]);
  }
}

// A tile of 1..kRowsAtOnce rows; depth is not 0.
inline void NarrowTile(int64_t rows, int64_t groups, int64_t depth, const int8_t* const* a,
                       const uint8_t* w, int64_t group_stride, int32_t* out, int64_t out_stride) {
  using Tile =
      void (*)(int64_t, int64_t, const int8_t* const*, const uint8_t*, int64_t, int32_t*, int64_t);
  static constexpr Tile kDeep[kRowsAtOnce] = {DeepTile<1>, DeepTile<2>, DeepTile<3>, DeepTile<4>};
  static constexpr Tile kShallow[kRowsAtOnce] = {ShallowTile<1>, ShallowTile<2>, ShallowTile<3>,
                                                 ShallowTile<4>};
  constexpr int64_t kWorthKeeping = 5;  // groups: at 4 the stores cost more than the widening saved
  (depth < kWorthKeeping ? kShallow : kDeep)[rows - 1](groups, depth, a, w, group_stride, out,
                                                       out_stride);
}

}  // namespace
}  // namespace tmpq::kernels
