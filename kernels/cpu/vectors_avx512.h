// 16 lanes of AVX-512 for the templates of kernels/cpu: quantize.h, attention.h. Max and Min give
// their second operand where either is NaN, as `a > b ? a : b` does.
#pragma once

#include <immintrin.h>
#include <math.h>
#include <stdint.h>

#include "kernels/include/numerics.h"
#include "kernels/include/packing.h"

namespace tmpq::kernels {
namespace {

struct Vectors {
  static constexpr int kLanes = 16;
  using F = __m512;
  using I = __m512i;

  static __mmask16 First(int64_t count) { return (__mmask16)((1u << count) - 1); }
  static F Set(float value) { return _mm512_set1_ps(value); }
  static F Load(const float* p) { return _mm512_loadu_ps(p); }
  // The first `count` lanes, which are fewer than all; the others are 0.
  static F LoadFirst(const float* p, int64_t count) {
    return _mm512_maskz_loadu_ps(First(count), p);
  }
  static void Store(float* p, F v) { _mm512_storeu_ps(p, v); }
  static void StoreFirst(float* p, F v, int64_t count) {
    _mm512_mask_storeu_ps(p, First(count), v);
  }
  static F Add(F a, F b) { return _mm512_add_ps(a, b); }
  static F Sub(F a, F b) { return _mm512_sub_ps(a, b); }
  static F Mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static F Div(F a, F b) { return _mm512_div_ps(a, b); }
  static F Fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  static F Max(F a, F b) { return _mm512_max_ps(a, b); }
  static F Min(F a, F b) { return _mm512_min_ps(a, b); }
  static F Sqrt(F a) { return _mm512_sqrt_ps(a); }
  static F Abs(F a) { return _mm512_abs_ps(a); }
  static float Largest(F a) { return _mm512_reduce_max_ps(a); }
  // The sum with the lane at distance Half, or in the upper of the two the difference from it.
  template <int Half>
  static F Butterfly(F a) {
    constexpr __mmask16 kUpper = Half == 1   ? 0xaaaa
                                 : Half == 2 ? 0xcccc
                                 : Half == 4 ? 0xf0f0
                                             : 0xff00;
    F other;
    if constexpr (Half < 4) {
      other = _mm512_permute_ps(a, Half == 1 ? 0xb1 : 0x4e);
    } else {
      other = _mm512_shuffle_f32x4(a, a, Half == 4 ? 0xb1 : 0x4e);
    }
    return _mm512_mask_sub_ps(_mm512_add_ps(a, other), kUpper, other, a);
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
      return both(_mm512_unpacklo_ps(f(a), f(b)), _mm512_unpackhi_ps(f(a), f(b)));
    };
    const auto fours = [&](Vector a, Vector b) {
      const __m512d x = _mm512_castps_pd(f(a)), y = _mm512_castps_pd(f(b));
      return both(_mm512_castpd_ps(_mm512_unpacklo_pd(x, y)),
                  _mm512_castpd_ps(_mm512_unpackhi_pd(x, y)));
    };
    Vector four[4];  // of each 128 bits, in place i what is left of vector 4 j + i
    for (int j = 0; j < 4; ++j)
      four[j] = fours(pairs(v[4 * j], v[4 * j + 1]), pairs(v[4 * j + 2], v[4 * j + 3]));
    const auto eights = [&](Vector a, Vector b) {
      return both(_mm512_shuffle_f32x4(f(a), f(b), 0x44), _mm512_shuffle_f32x4(f(a), f(b), 0xee));
    };
    const Vector x = eights(four[0], four[1]), y = eights(four[2], four[3]);
    return both(_mm512_shuffle_f32x4(f(x), f(y), 0x88), _mm512_shuffle_f32x4(f(x), f(y), 0xdd));
  }
  static F LargestOfEach(const F (&v)[kLanes]) {
    return OfEach(v, [](F a, F b) { return Max(a, b); });
  }
  static I SumOfEach(const I (&v)[kLanes]) {
    return OfEach(v, [](I a, I b) { return AddInt(a, b); });
  }
  // Lane i: the sum of vector i, by halves: 16 lanes -> 8 -> 4 -> 2 -> 1 (SumLanes in numerics.h).
  static F OrderedSumOfEach(const F (&v)[kLanes]) {
    F four[4];  // 128 bits of vectors 4 j, 4 j + 1, ..
    for (int j = 0; j < 4; ++j) {
      const F *a = v + 4 * j, x = Halves(a[0], a[1]), y = Halves(a[2], a[3]);
      four[j] = Add(_mm512_shuffle_f32x4(x, y, 0x88), _mm512_shuffle_f32x4(x, y, 0xdd));
    }
    const auto twos = [](F a, F b) {
      const __m512d x = _mm512_castps_pd(a), y = _mm512_castps_pd(b);
      return Add(_mm512_castpd_ps(_mm512_unpacklo_pd(x, y)),
                 _mm512_castpd_ps(_mm512_unpackhi_pd(x, y)));
    };
    const F x = twos(four[0], four[1]), y = twos(four[2], four[3]);
    const F ones = Add(_mm512_shuffle_ps(x, y, 0x88), _mm512_shuffle_ps(x, y, 0xdd));
    // Of each 128 bits j: vectors j, 4 + j, 8 + j, 12 + j.
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_ps(order, ones);
  }
  // Lanes i + lanes 8 + i, of a and of b.
  static F Halves(F a, F b) {
    return Add(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
  }
  static F Whole(F a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT); }
  // The first `count` lanes of a, else of b.
  static F KeepFirst(F a, F b, int64_t count) { return _mm512_mask_blend_ps(First(count), b, a); }

  static I SetInt(int32_t value) { return _mm512_set1_epi32(value); }
  static I LoadInt(const int32_t* p) { return _mm512_loadu_si512(p); }
  static void StoreInt(int32_t* p, I v) { _mm512_storeu_si512(p, v); }
  static I AddInt(I a, I b) { return _mm512_add_epi32(a, b); }
  static I SubInt(I a, I b) { return _mm512_sub_epi32(a, b); }
  static I Or(I a, I b) { return _mm512_or_si512(a, b); }
  static I And(I a, I b) { return _mm512_and_si512(a, b); }
  template <int Bits>
  static I ShiftLeft(I a) {
    return _mm512_slli_epi32(a, Bits);
  }
  template <int Bits>
  static I ShiftRight(I a) {
    return _mm512_srli_epi32(a, Bits);
  }
  // The first `count` lanes, the others 0.
  static I FirstInts(I a, int64_t count) { return _mm512_maskz_mov_epi32(First(count), a); }
  static int32_t Sum(I a) { return _mm512_reduce_add_epi32(a); }
  static I Round(F a) { return _mm512_cvtps_epi32(a); }
  static F ToFloat(I a) { return _mm512_cvtepi32_ps(a); }
  static F AsFloats(F a) { return a; }
  static F AsFloats(I a) { return _mm512_castsi512_ps(a); }
  static void FromFloats(F a, F& result) { result = a; }
  static void FromFloats(F a, I& result) { result = _mm512_castps_si512(a); }
  static I FloatAsBits(F a) { return _mm512_castps_si512(a); }
  static F BitsAsFloat(I a) { return _mm512_castsi512_ps(a); }
  // The lowest byte of each lane.
  static void StoreBytes(void* p, I v) { _mm_storeu_si128((__m128i*)p, _mm512_cvtepi32_epi8(v)); }
  // Of values within a signed byte, one vector after another.
  static void StoreBytesOfFour(void* p, I a, I b, I c, I d) {
    const I order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const I bytes = _mm512_packs_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
    _mm512_storeu_si512(p, _mm512_permutexvar_epi32(order, bytes));
  }
  static void StoreFirstBytes(void* p, I v, int64_t count) {
    _mm512_mask_cvtepi32_storeu_epi8(p, First(count), v);
  }

  // A convolution's window: rows of groups of four bytes, `stride` bytes from row to row.
  struct Window {
    int64_t rows, groups, stride;
    int a_bits, bits;  // of the activations and the weights, as in PanelBlock
  };
  // sums (6, 64) of up to 6 windows (signed) times up to 4 panels of weights (unsigned).
  static void WindowProduct(int64_t rows, int64_t panels, const Window& window,
                            const int8_t* const* at, const uint8_t* w, int64_t panel_bytes,
                            int32_t* sums);

  // out (rows, 16 panels) = sums of a (rows, 4 groups) times bytes w [panels][groups][16][4]; a is
  // unsigned and w signed, or the other way round.
  template <bool UnsignedA>
  static void Product(int64_t rows, int64_t panels, int64_t groups, const void* a, int64_t a_stride,
                      const uint8_t* w, int32_t* out, int64_t out_stride);
};

template <bool UnsignedA, int Rows, int Panels>
void ByteTile(int64_t groups, const uint8_t* a, int64_t a_stride, const uint8_t* w, int32_t* out,
              int64_t out_stride) {
  __m512i sums[Rows][Panels];
#pragma GCC unroll 12
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (int p = 0; p < Panels; ++p) sums[r][p] = _mm512_setzero_si512();
  }
  const int64_t panel_bytes = groups * kGroupValues;
  for (int64_t g = 0; g < groups; ++g) {
    __m512i weights[Panels];
#pragma GCC unroll 4
    for (int p = 0; p < Panels; ++p)
      weights[p] = _mm512_loadu_si512(w + p * panel_bytes + g * kGroupValues);
#pragma GCC unroll 12
    for (int r = 0; r < Rows; ++r) {
      int32_t word;
      __builtin_memcpy(&word, a + r * a_stride + g * kGroupInputs, sizeof(word));
      const __m512i inputs = _mm512_set1_epi32(word);
#pragma GCC unroll 4
      for (int p = 0; p < Panels; ++p) {
        sums[r][p] = UnsignedA ? _mm512_dpbusd_epi32(sums[r][p], inputs, weights[p])
                               : _mm512_dpbusd_epi32(sums[r][p], weights[p], inputs);
      }
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (int p = 0; p < Panels; ++p)
      _mm512_storeu_si512(out + r * out_stride + p * kGroupOutputs, sums[r][p]);
  }
}

template <bool UnsignedA>
void Vectors::Product(int64_t rows, int64_t panels, int64_t groups, const void* a, int64_t a_stride,
                      const uint8_t* w, int32_t* out, int64_t out_stride) {
  using Tile = void (*)(int64_t, const uint8_t*, int64_t, const uint8_t*, int32_t*, int64_t);
#define TMPQ_BYTE_TILES(panels)                                                                   \
  ByteTile<UnsignedA, 1, panels>, ByteTile<UnsignedA, 2, panels>, ByteTile<UnsignedA, 3, panels>, \
      ByteTile<UnsignedA, 4, panels>, ByteTile<UnsignedA, 5, panels>,                             \
      ByteTile<UnsignedA, 6, panels>
#define TMPQ_HIGH_BYTE_TILES(panels)                               \
  ByteTile<UnsignedA, 9, panels>, ByteTile<UnsignedA, 10, panels>, \
      ByteTile<UnsignedA, 11, panels>, ByteTile<UnsignedA, 12, panels>
  constexpr int kPanels = 4, kMostRows = 12;
  static constexpr int kRows[kPanels] = {12, 12, 8, 6};
  // By panels and rows.
  static constexpr Tile kTiles[kPanels][kMostRows] = {
      {TMPQ_BYTE_TILES(1), ByteTile<UnsignedA, 7, 1>, ByteTile<UnsignedA, 8, 1>,
       TMPQ_HIGH_BYTE_TILES(1)},
      {TMPQ_BYTE_TILES(2), ByteTile<UnsignedA, 7, 2>, ByteTile<UnsignedA, 8, 2>,
       TMPQ_HIGH_BYTE_TILES(2)},
      {TMPQ_BYTE_TILES(3), ByteTile<UnsignedA, 7, 3>, ByteTile<UnsignedA, 8, 3>},
      {TMPQ_BYTE_TILES(4)}};
#undef TMPQ_HIGH_BYTE_TILES
#undef TMPQ_BYTE_TILES
  const auto* bytes = (const uint8_t*)a;
  const int64_t blocks = (panels + kPanels - 1) / kPanels;
  for (int64_t block = 0, panel = 0; block < blocks; ++block) {  // as equal as they can be
    const int64_t width = panels / blocks + (block < panels % blocks ? 1 : 0);
    const int64_t tiles = (rows + kRows[width - 1] - 1) / kRows[width - 1];
    for (int64_t tile = 0, row = 0; tile < tiles; ++tile) {
      const int64_t height = rows / tiles + (tile < rows % tiles ? 1 : 0);
      kTiles[width - 1][height - 1](groups, bytes + row * a_stride, a_stride,
                                    w + panel * groups * kGroupValues,
                                    out + row * out_stride + panel * kGroupOutputs, out_stride);
      row += height;
    }
    panel += width;
  }
}

template <int Rows, int Panels>
void WindowTile(const Vectors::Window& window, const int8_t* const* at, const uint8_t* w,
                int64_t panel_bytes, int32_t* out) {
  __m512i sums[Rows][Panels];
#pragma GCC unroll 6
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (int p = 0; p < Panels; ++p) sums[r][p] = _mm512_setzero_si512();
  }
  for (int64_t i = 0; i < window.rows; ++i) {
    const int8_t* a[Rows];
#pragma GCC unroll 6
    for (int r = 0; r < Rows; ++r) a[r] = at[r] + i * window.stride;
    for (int64_t g = 0; g < window.groups; ++g, w += kGroupValues) {
      __m512i weights[Panels];
#pragma GCC unroll 4
      for (int p = 0; p < Panels; ++p) weights[p] = _mm512_loadu_si512(w + p * panel_bytes);
#pragma GCC unroll 6
      for (int r = 0; r < Rows; ++r) {
        int32_t word;
        __builtin_memcpy(&word, a[r] + g * kGroupInputs, sizeof(word));
        const __m512i inputs = _mm512_set1_epi32(word);
#pragma GCC unroll 4
        for (int p = 0; p < Panels; ++p)
          sums[r][p] = _mm512_dpbusd_epi32(sums[r][p], weights[p], inputs);
      }
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (int p = 0; p < Panels; ++p)
      _mm512_storeu_si512(out + r * 4 * kGroupOutputs + p * kGroupOutputs, sums[r][p]);
  }
}

inline void Vectors::WindowProduct(int64_t rows, int64_t panels, const Window& window,
                                   const int8_t* const* at, const uint8_t* w, int64_t panel_bytes,
                                   int32_t* sums) {
  using Tile = void (*)(const Window&, const int8_t* const*, const uint8_t*, int64_t, int32_t*);
#define TMPQ_WINDOW_TILES(rows) \
  { WindowTile<rows, 1>, WindowTile<rows, 2>, WindowTile<rows, 3>, WindowTile<rows, 4> }
  static constexpr Tile kTiles[6][4] = {TMPQ_WINDOW_TILES(1), TMPQ_WINDOW_TILES(2),
                                        TMPQ_WINDOW_TILES(3), TMPQ_WINDOW_TILES(4),
                                        TMPQ_WINDOW_TILES(5), TMPQ_WINDOW_TILES(6)};
#undef TMPQ_WINDOW_TILES
  kTiles[rows - 1][panels - 1](window, at, w, panel_bytes, sums);
}

}  // namespace
}  // namespace tmpq::kernels
