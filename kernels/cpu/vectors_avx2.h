// 8 lanes of AVX2, with the interface of vectors_avx512.h.
#pragma once

#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/cpu/bytes_avx2.h"
#include "kernels/include/numerics.h"
#include "kernels/include/packing.h"

namespace tmpq::kernels {
namespace {

struct Vectors {
  static constexpr int kLanes = 8;
  using F = __m256;
  using I = __m256i;

  static __m256i First(int64_t count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  static F Set(float value) { return _mm256_set1_ps(value); }
  static F Load(const float* p) { return _mm256_loadu_ps(p); }
  static F LoadFirst(const float* p, int64_t count) { return _mm256_maskload_ps(p, First(count)); }
  static void Store(float* p, F v) { _mm256_storeu_ps(p, v); }
  static void StoreFirst(float* p, F v, int64_t count) { _mm256_maskstore_ps(p, First(count), v); }
  static F Add(F a, F b) { return _mm256_add_ps(a, b); }
  static F Sub(F a, F b) { return _mm256_sub_ps(a, b); }
  static F Mul(F a, F b) { return _mm256_mul_ps(a, b); }
  static F Div(F a, F b) { return _mm256_div_ps(a, b); }
  static F Fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
  static F Max(F a, F b) { return _mm256_max_ps(a, b); }
  static F Min(F a, F b) { return _mm256_min_ps(a, b); }
  static F Sqrt(F a) { return _mm256_sqrt_ps(a); }
  static F Abs(F a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
  static float Largest(F a) {
    __m128 half = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    half = _mm_max_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
  }
  // The sum with the lane at distance Half, or in the upper of the two the difference from it.
  template <int Half>
  static F Butterfly(F a) {
    constexpr int kUpper = Half == 1 ? 0xaa : Half == 2 ? 0xcc : 0xf0;
    const F other =
        Half == 4 ? _mm256_permute2f128_ps(a, a, 1) : _mm256_permute_ps(a, Half == 1 ? 0xb1 : 0x4e);
    return _mm256_blend_ps(_mm256_add_ps(a, other), _mm256_sub_ps(other, a), kUpper);
  }
  // Lane i: what `combine` makes of all lanes of vector i.
  template <typename Vector, typename Combine>
  TMPQ_ALWAYS_INLINE Vector OfEach(const Vector (&v)[kLanes], Combine combine) {
    const auto f = [](Vector a) { return AsFloats(a); };
    const auto both = [&](auto low, auto high) {
      Vector a, b;
      FromFloats(low, a), FromFloats(high, b);
      return combine(a, b);
    };
    const auto pairs = [&](Vector a, Vector b) {
      return both(_mm256_unpacklo_ps(f(a), f(b)), _mm256_unpackhi_ps(f(a), f(b)));
    };
    Vector four[2];  // of each 128 bits, in place i what is left of vector 4 j + i
    for (int j = 0; j < 2; ++j) {
      const __m256d x = _mm256_castps_pd(f(pairs(v[4 * j], v[4 * j + 1]))),
                    y = _mm256_castps_pd(f(pairs(v[4 * j + 2], v[4 * j + 3])));
      four[j] = both(_mm256_castpd_ps(_mm256_unpacklo_pd(x, y)),
                     _mm256_castpd_ps(_mm256_unpackhi_pd(x, y)));
    }
    return both(_mm256_permute2f128_ps(f(four[0]), f(four[1]), 0x20),
                _mm256_permute2f128_ps(f(four[0]), f(four[1]), 0x31));
  }
  static F LargestOfEach(const F (&v)[kLanes]) {
    return OfEach(v, [](F a, F b) { return Max(a, b); });
  }
  static I SumOfEach(const I (&v)[kLanes]) {
    return OfEach(v, [](I a, I b) { return AddInt(a, b); });
  }
  // Lane i: the sum of vector i, by halves: 8 lanes -> 4 -> 2 -> 1 (SumLanes in numerics.h).
  static F OrderedSumOfEach(const F (&v)[kLanes]) {
    F two[2];  // 64 bits of vectors 4 j, 4 j + 1, ..
    for (int j = 0; j < 2; ++j) {
      const F* a = v + 4 * j;
      const auto halves = [](F x, F y) {
        return _mm256_castps_pd(
            Add(_mm256_permute2f128_ps(x, y, 0x20), _mm256_permute2f128_ps(x, y, 0x31)));
      };
      const __m256d x = halves(a[0], a[1]), y = halves(a[2], a[3]);
      two[j] = Add(_mm256_castpd_ps(_mm256_unpacklo_pd(x, y)),
                   _mm256_castpd_ps(_mm256_unpackhi_pd(x, y)));
    }
    const F ones =
        Add(_mm256_shuffle_ps(two[0], two[1], 0x88), _mm256_shuffle_ps(two[0], two[1], 0xdd));
    return _mm256_permutevar8x32_ps(ones, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  }
  static F Whole(F a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  static F KeepFirst(F a, F b, int64_t count) {
    return _mm256_blendv_ps(b, a, _mm256_castsi256_ps(First(count)));
  }

  static I SetInt(int32_t value) { return _mm256_set1_epi32(value); }
  static I LoadInt(const int32_t* p) { return _mm256_loadu_si256((const __m256i*)p); }
  static void StoreInt(int32_t* p, I v) { _mm256_storeu_si256((__m256i*)p, v); }
  static I AddInt(I a, I b) { return _mm256_add_epi32(a, b); }
  static I SubInt(I a, I b) { return _mm256_sub_epi32(a, b); }
  static I Or(I a, I b) { return _mm256_or_si256(a, b); }
  static I And(I a, I b) { return _mm256_and_si256(a, b); }
  template <int Bits>
  static I ShiftLeft(I a) {
    return _mm256_slli_epi32(a, Bits);
  }
  template <int Bits>
  static I ShiftRight(I a) {
    return _mm256_srli_epi32(a, Bits);
  }
  static I FirstInts(I a, int64_t count) { return _mm256_and_si256(a, First(count)); }
  static int32_t Sum(I a) {
    __m128i half = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1)));
  }
  static I Round(F a) { return _mm256_cvtps_epi32(a); }
  static F ToFloat(I a) { return _mm256_cvtepi32_ps(a); }
  static F AsFloats(F a) { return a; }
  static F AsFloats(I a) { return _mm256_castsi256_ps(a); }
  static void FromFloats(F a, F& result) { result = a; }
  static void FromFloats(F a, I& result) { result = _mm256_castps_si256(a); }
  static I FloatAsBits(F a) { return _mm256_castps_si256(a); }
  static F BitsAsFloat(I a) { return _mm256_castsi256_ps(a); }
  static int64_t Bytes(I v) {
    const __m256i lowest = _mm256_shuffle_epi8(
        v, _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 4, 8,
                            12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
    return _mm_cvtsi128_si64(
        _mm_unpacklo_epi32(_mm256_castsi256_si128(lowest), _mm256_extracti128_si256(lowest, 1)));
  }
  static void StoreBytes(void* p, I v) {
    const int64_t bytes = Bytes(v);
    memcpy(p, &bytes, sizeof(bytes));
  }
  // Of values within a signed byte, one vector after another.
  static void StoreBytesOfFour(void* p, I a, I b, I c, I d) {
    const I order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    const I bytes = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
    _mm256_storeu_si256((__m256i*)p, _mm256_permutevar8x32_epi32(bytes, order));
  }
  static void StoreFirstBytes(void* p, I v, int64_t count) {
    const int64_t bytes = Bytes(v);
    memcpy(p, &bytes, (size_t)count);
  }

  struct Window {
    int64_t rows, groups, stride;
    int a_bits, bits;
  };
  static void WindowProduct(int64_t rows, int64_t panels, const Window& window,
                            const int8_t* const* at, const uint8_t* w, int64_t panel_bytes,
                            int32_t* sums);

  template <bool UnsignedA>
  static void Product(int64_t rows, int64_t panels, int64_t groups, const void* a, int64_t a_stride,
                      const uint8_t* w, int32_t* out, int64_t out_stride);
};

// Sums of one panel: two partial sums of each of 4 outputs. Products of 16-bit integers are exact,
// unlike vpmaddubsw, whose 16-bit sums saturate.
template <bool UnsignedA, int Rows>
struct PanelSums {
  __m256i sums[Rows][4];

  PanelSums() {
    for (int r = 0; r < Rows; ++r) {
      for (int i = 0; i < 4; ++i) sums[r][i] = _mm256_setzero_si256();
    }
  }
  // `a`: where each row's four inputs are.
  void Add(const uint8_t* const* a, int64_t offset, const uint8_t* w) {
    __m256i weights[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const __m128i bytes = _mm_loadu_si128((const __m128i*)(w + 16 * i));
      weights[i] = UnsignedA ? _mm256_cvtepi8_epi16(bytes) : _mm256_cvtepu8_epi16(bytes);
    }
#pragma GCC unroll 2
    for (int r = 0; r < Rows; ++r) {
      int32_t word;
      memcpy(&word, a[r] + offset, sizeof(word));
      const __m128i bytes = _mm_cvtsi32_si128(word);
      const __m256i inputs =
          _mm256_broadcastq_epi64(UnsignedA ? _mm_cvtepu8_epi16(bytes) : _mm_cvtepi8_epi16(bytes));
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        sums[r][i] = _mm256_add_epi32(sums[r][i], _mm256_madd_epi16(weights[i], inputs));
      }
    }
  }
  void Store(int32_t* out, int64_t stride) const {
#pragma GCC unroll 2
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 2
      for (int i = 0; i < 2; ++i) {
        // Outputs 0 1 4 5 2 3 6 7.
        const __m256i pairs = _mm256_hadd_epi32(sums[r][2 * i], sums[r][2 * i + 1]);
        _mm256_storeu_si256((__m256i*)(out + r * stride + 8 * i),
                            _mm256_permute4x64_epi64(pairs, 0xd8));
      }
    }
  }
};

template <bool UnsignedA, int Rows>
void ByteTile(int64_t groups, const uint8_t* a, int64_t a_stride, const uint8_t* w, int32_t* out,
              int64_t out_stride) {
  PanelSums<UnsignedA, Rows> sums;
  const uint8_t* const rows[2] = {a, a + a_stride};
  for (int64_t g = 0; g < groups; ++g) sums.Add(rows, g * kGroupInputs, w + g * kGroupValues);
  sums.Store(out, out_stride);
}

template <int Rows>
void WindowTile(const Vectors::Window& window, const int8_t* const* at, const uint8_t* w,
                int32_t* out) {
  PanelSums<false, Rows> sums;
  const uint8_t* const rows[2] = {(const uint8_t*)at[0], (const uint8_t*)at[Rows - 1]};
  for (int64_t i = 0; i < window.rows; ++i) {
    for (int64_t g = 0; g < window.groups; ++g, w += kGroupValues) {
      sums.Add(rows, i * window.stride + g * kGroupInputs, w);
    }
  }
  sums.Store(out, 4 * kGroupOutputs);
}

// With products that 16 bits hold.
inline void NarrowWindows(int64_t rows, const Vectors::Window& window, int64_t depth,
                          const int8_t* const* at, const uint8_t* w, int32_t* sums,
                          int64_t sums_stride) {
  const int8_t* a[kRowsAtOnce];
  for (int64_t r = 0; r < rows; ++r) {
    a[r] = at[r];
    for (int i = 0; i < kGroupOutputs; ++i) sums[r * sums_stride + i] = 0;
  }
  for (int64_t i = 0; i < window.rows; ++i, w += window.groups * kGroupValues) {
    NarrowTile(rows, window.groups, depth, a, w, kGroupValues, sums, sums_stride);
    for (int64_t r = 0; r < rows; ++r) a[r] += window.stride;
  }
}

inline void Vectors::WindowProduct(int64_t rows, int64_t panels, const Window& window,
                                   const int8_t* const* at, const uint8_t* w, int64_t panel_bytes,
                                   int32_t* sums) {
  constexpr int64_t kSumsStride = 4 * kGroupOutputs;
  const int64_t depth = ExactDepth(window.a_bits, window.bits);
  for (int64_t p = 0; p < panels; ++p, w += panel_bytes, sums += kGroupOutputs) {
    int64_t r = 0;
    for (; depth > 0 && r < rows; r += kRowsAtOnce) {
      const int64_t count = rows - r < kRowsAtOnce ? rows - r : kRowsAtOnce;
      NarrowWindows(count, window, depth, at + r, w, sums + r * kSumsStride, kSumsStride);
    }
    for (; r + 2 <= rows; r += 2) WindowTile<2>(window, at + r, w, sums + r * kSumsStride);
    if (r < rows) WindowTile<1>(window, at + r, w, sums + r * kSumsStride);
  }
}

template <bool UnsignedA>
void Vectors::Product(int64_t rows, int64_t panels, int64_t groups, const void* a, int64_t a_stride,
                      const uint8_t* w, int32_t* out, int64_t out_stride) {
  const auto* bytes = (const uint8_t*)a;
  for (int64_t p = 0; p < panels; ++p, w += groups * kGroupValues, out += kGroupOutputs) {
    int64_t r = 0;
    for (; r + 2 <= rows; r += 2) {
      ByteTile<UnsignedA, 2>(groups, bytes + r * a_stride, a_stride, w, out + r * out_stride,
                             out_stride);
    }
    if (r < rows) {
      ByteTile<UnsignedA, 1>(groups, bytes + r * a_stride, a_stride, w, out + r * out_stride,
                             out_stride);
    }
  }
}

}  // namespace
}  // namespace tmpq::kernels
