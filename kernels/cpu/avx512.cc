// Kernels for processors with AVX-512 and VNNI. Compiled with its own flags: includes nothing that
// could lend AVX-512 code to other translation units.
#include <immintrin.h>
#include <math.h>
#include <stdint.h>

#include "kernels/cpu/attention.h"
#include "kernels/cpu/convolution.h"
#include "kernels/cpu/functions.h"
#include "kernels/cpu/group_norm.h"
#include "kernels/cpu/layer_norm.h"
#include "kernels/cpu/linear.h"
#include "kernels/cpu/products.h"
#include "kernels/cpu/quantize.h"
#include "kernels/cpu/rows.h"
#include "kernels/cpu/transform.h"
#include "kernels/cpu/vectors_avx512.h"
#include "kernels/include/kernels.h"
#include "kernels/include/packing.h"

namespace tmpq::kernels {
namespace {

// The 4-bit field plane of one group, as bytes.
inline __m512i UnpackFour(const uint8_t* packed) {
  const __m512i bytes = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i*)packed));
  // The upper 256 bits take the high halves; a byte takes nothing of its neighbour after the mask.
  const __m512i shifted = _mm512_srlv_epi64(bytes, _mm512_setr_epi64(0, 0, 0, 0, 4, 4, 4, 4));
  return _mm512_and_si512(shifted, _mm512_set1_epi8(15));
}

// GCC 12 moves accumulators to memory where their float code stands behind the loop, but for this.
inline void StayInRegister([[maybe_unused]] __m512i& value) {
#ifndef TMPQ_EMULATED_AVX512
  asm volatile("" : "+v"(value));
#endif
}

// sums = start + a w. 24 accumulators for 6 x 64 leave room for 4 weight registers.
template <bool Packed, int Rows, int Panels>
inline void ProductOfBlock(int64_t groups, const int8_t* a, int64_t a_stride, const PanelBlock& w,
                           const int32_t* start, __m512i (&sums)[Rows][Panels]) {
#pragma GCC unroll 12
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (int p = 0; p < Panels; ++p) sums[r][p] = _mm512_set1_epi32(start[r]);
  }
  const uint8_t* data = w.data;
  for (int64_t g = 0; g < groups; ++g, data += w.group_stride, a += kGroupInputs) {
    __m512i weights[Panels];
#pragma GCC unroll 4
    for (int p = 0; p < Panels; ++p) {
      const uint8_t* group = data + p * w.panel_stride;
      weights[p] = Packed ? UnpackFour(group) : _mm512_loadu_si512(group);
    }
#pragma GCC unroll 12
    for (int r = 0; r < Rows; ++r) {
      int32_t word;
      __builtin_memcpy(&word, a + r * a_stride, sizeof(word));
      const __m512i activations = _mm512_set1_epi32(word);
#pragma GCC unroll 4
      for (int p = 0; p < Panels; ++p)
        sums[r][p] = _mm512_dpbusd_epi32(sums[r][p], weights[p], activations);
    }
  }
}

template <int Rows, int Panels>
inline void IntProduct(int64_t groups, const int8_t* a, int64_t a_stride, const PanelBlock& w,
                       const int32_t* start, __m512i (&sums)[Rows][Panels]) {
  if (w.packed) {
    ProductOfBlock<true>(groups, a, a_stride, w, start, sums);
  } else {
    ProductOfBlock<false>(groups, a, a_stride, w, start, sums);
  }
}

template <int Rows, int Panels>
void IntTile(int64_t groups, const int8_t* a, int64_t a_stride, const PanelBlock& w,
             const int32_t* start, int32_t* out, int64_t out_stride) {
  __m512i sums[Rows][Panels];
  IntProduct(groups, a, a_stride, w, start, sums);
#pragma GCC unroll 12
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (int p = 0; p < Panels; ++p)
      _mm512_storeu_si512(out + r * out_stride + p * kGroupOutputs, sums[r][p]);
  }
}

// The last panel may have fewer columns.
template <int Rows, int Panels>
void ScaledTile(int64_t groups, const int8_t* a, int64_t a_stride, const PanelBlock& w,
                const int32_t* start, const ScaledOutput& to) {
  __m512i sums[Rows][Panels];
  IntProduct(groups, a, a_stride, w, start, sums);
#pragma GCC unroll 12
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (int p = 0; p < Panels; ++p) StayInRegister(sums[r][p]);
  }
  const auto last = (__mmask16)(0xffff >> (Panels * kGroupOutputs - to.columns));
  __m512 scale[Panels], bias[Panels];
#pragma GCC unroll 4
  for (int p = 0; p < Panels; ++p) {
    const __mmask16 mask = p == Panels - 1 ? last : (__mmask16)0xffff;
    scale[p] = _mm512_maskz_loadu_ps(mask, to.w_scale + p * kGroupOutputs);
    bias[p] = to.bias != nullptr ? _mm512_maskz_loadu_ps(mask, to.bias + p * kGroupOutputs)
                                 : _mm512_setzero_ps();
  }
#pragma GCC unroll 12
  for (int r = 0; r < Rows; ++r) {
    const __m512 a_scale = _mm512_set1_ps(to.a_scale[r]);
    float* out = to.out + r * to.out_stride;
#pragma GCC unroll 4
    for (int p = 0; p < Panels; ++p) {
      const __m512 value = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[r][p]),
                                           _mm512_mul_ps(a_scale, scale[p]), bias[p]);
      if (p == Panels - 1) {
        _mm512_mask_storeu_ps(out + p * kGroupOutputs, last, value);
      } else {
        _mm512_storeu_ps(out + p * kGroupOutputs, value);
      }
    }
  }
}

template <int Rows, int Panels>
void FloatTile(int64_t k, const float* x, int64_t x_stride, const float* w, float* out,
               int64_t out_stride) {
  __m512 sums[Rows][Panels];
#pragma GCC unroll 6
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (int p = 0; p < Panels; ++p) sums[r][p] = _mm512_setzero_ps();
  }
  const int64_t panel_floats = k * kGroupOutputs;
  for (int64_t i = 0; i < k; ++i) {
    __m512 weights[Panels];
#pragma GCC unroll 4
    for (int p = 0; p < Panels; ++p)
      weights[p] = _mm512_loadu_ps(w + p * panel_floats + i * kGroupOutputs);
#pragma GCC unroll 6
    for (int r = 0; r < Rows; ++r) {
      const __m512 value = _mm512_set1_ps(x[r * x_stride + i]);
#pragma GCC unroll 4
      for (int p = 0; p < Panels; ++p) sums[r][p] = _mm512_fmadd_ps(value, weights[p], sums[r][p]);
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (int p = 0; p < Panels; ++p)
      _mm512_storeu_ps(out + r * out_stride + p * kGroupOutputs, sums[r][p]);
  }
}

using IntTileFunction = void (*)(int64_t, const int8_t*, int64_t, const PanelBlock&, const int32_t*,
                                 int32_t*, int64_t);
using ScaledTileFunction = void (*)(int64_t, const int8_t*, int64_t, const PanelBlock&,
                                    const int32_t*, const ScaledOutput&);
using FloatTileFunction = void (*)(int64_t, const float*, int64_t, const float*, float*, int64_t);

#define TMPQ_TILES(tile, panels)                                                       \
  tile<1, panels>, tile<2, panels>, tile<3, panels>, tile<4, panels>, tile<5, panels>, \
      tile<6, panels>
#define TMPQ_HIGH_TILES(tile, panels)                                                    \
  tile<7, panels>, tile<8, panels>, tile<9, panels>, tile<10, panels>, tile<11, panels>, \
      tile<12, panels>
// By panels and rows.
constexpr IntTileFunction kIntTiles[kTilePanels][12] = {
    {TMPQ_TILES(IntTile, 1), TMPQ_HIGH_TILES(IntTile, 1)},
    {TMPQ_TILES(IntTile, 2), TMPQ_HIGH_TILES(IntTile, 2)},
    {TMPQ_TILES(IntTile, 3), IntTile<7, 3>, IntTile<8, 3>},
    {TMPQ_TILES(IntTile, 4)}};
constexpr ScaledTileFunction kScaledTiles[kTilePanels][12] = {
    {TMPQ_TILES(ScaledTile, 1), TMPQ_HIGH_TILES(ScaledTile, 1)},
    {TMPQ_TILES(ScaledTile, 2), TMPQ_HIGH_TILES(ScaledTile, 2)},
    {TMPQ_TILES(ScaledTile, 3), ScaledTile<7, 3>, ScaledTile<8, 3>},
    {TMPQ_TILES(ScaledTile, 4)}};
constexpr FloatTileFunction kFloatTiles[kTilePanels][kTileRows] = {{TMPQ_TILES(FloatTile, 1)},
                                                                   {TMPQ_TILES(FloatTile, 2)},
                                                                   {TMPQ_TILES(FloatTile, 3)},
                                                                   {TMPQ_TILES(FloatTile, 4)}};
#undef TMPQ_HIGH_TILES
#undef TMPQ_TILES

// Field planes of one group, unpacked to bytes and shifted into place (kernels/include/packing.h).
inline __m512i UnpackTwo(const uint8_t* packed) {
  const __m512i bytes = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i*)packed));
  // 128-bit lane j keeps bits 2j and 2j + 1; a byte takes nothing of its neighbour after the mask.
  const __m512i shifted = _mm512_srlv_epi64(bytes, _mm512_setr_epi64(0, 0, 2, 2, 4, 4, 6, 6));
  return _mm512_and_si512(shifted, _mm512_set1_epi8(3));
}

inline __m512i UnpackOne(const uint8_t* packed, char value) {
  uint64_t bits;
  __builtin_memcpy(&bits, packed, sizeof(bits));
  return _mm512_maskz_set1_epi8((__mmask64)bits, value);
}

template <int Bits>
void UnpackGroups(const uint8_t* packed, int64_t groups, uint8_t* out, int64_t stride) {
  for (int64_t g = 0; g < groups; ++g, out += stride) {
    __m512i values = _mm512_setzero_si512();
    if constexpr ((Bits & 4) != 0) {
      values = UnpackFour(packed);
      packed += 32;
    }
    if constexpr ((Bits & 2) != 0) {
      const __m512i field = UnpackTwo(packed);
      values = (Bits & 4) != 0 ? _mm512_or_si512(values, _mm512_slli_epi16(field, 4)) : field;
      packed += 16;
    }
    if constexpr ((Bits & 1) != 0) {
      values = _mm512_or_si512(values, UnpackOne(packed, (char)(1 << (Bits & 6))));
      packed += 8;
    }
    _mm512_storeu_si512(out, values);
  }
}

inline __m512i PartialSums(const int8_t* a, int64_t count) {
  const __m512i ones = _mm512_set1_epi8(1);
  __m512i sum = _mm512_setzero_si512();
  for (; count >= 64; count -= 64, a += 64) {
    sum = _mm512_dpbusd_epi32(sum, ones, _mm512_loadu_si512(a));
  }
  if (count == 0) return sum;
  const __mmask64 rest = ((__mmask64)1 << count) - 1;
  return _mm512_dpbusd_epi32(sum, ones, _mm512_maskz_loadu_epi8(rest, a));
}

// The sums of four rows of bytes.
inline __m128i SumsOfFour(const int8_t* a, const int8_t* b, const int8_t* c, const int8_t* d,
                          int64_t count) {
  const __m512i w = PartialSums(a, count), x = PartialSums(b, count), y = PartialSums(c, count),
                z = PartialSums(d, count);
  const __m512i wx = _mm512_add_epi32(_mm512_unpacklo_epi32(w, x), _mm512_unpackhi_epi32(w, x));
  const __m512i yz = _mm512_add_epi32(_mm512_unpacklo_epi32(y, z), _mm512_unpackhi_epi32(y, z));
  // Of every 128 bits, one row's sum in each place.
  const __m512i all =
      _mm512_add_epi32(_mm512_unpacklo_epi64(wx, yz), _mm512_unpackhi_epi64(wx, yz));
  const __m256i half =
      _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));
  return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

struct Tiles {
  static constexpr int kRows[kTilePanels] = {12, 12, 8, 6};
  static constexpr int kMostRows = 12;

  static void Int(int64_t rows, int64_t panels, int64_t groups, const int8_t* a, int64_t a_stride,
                  const PanelBlock& w, const int32_t* start, int32_t* out, int64_t out_stride) {
    kIntTiles[panels - 1][rows - 1](groups, a, a_stride, w, start, out, out_stride);
  }
  static constexpr bool kHasScaled = true, kReadsPacked = true;
  static void Scaled(int64_t rows, int64_t panels, int64_t groups, const int8_t* a,
                     int64_t a_stride, const PanelBlock& w, const int32_t* start,
                     const ScaledOutput& to) {
    kScaledTiles[panels - 1][rows - 1](groups, a, a_stride, w, start, to);
  }
  // Four rows at a time, for their last additions across lanes; behind the last, it stands in.
  static void SumsOfRows(const int8_t* a, int64_t a_stride, int64_t rows, int64_t count,
                         int32_t* sums) {
    for (int64_t row = 0; row < rows; row += 4) {
      const int64_t last = rows - 1 - row;
      const int8_t* first = a + row * a_stride;
      const __m128i four = SumsOfFour(first, first + (last < 1 ? last : 1) * a_stride,
                                      first + (last < 2 ? last : 2) * a_stride,
                                      first + (last < 3 ? last : 3) * a_stride, count);
      int32_t values[4];
      _mm_storeu_si128((__m128i*)values, four);
      for (int64_t r = 0; r < 4 && r <= last; ++r) sums[row + r] = values[r];
    }
  }
  static void Unpack(const uint8_t* packed, int64_t groups, int bits, uint8_t* out,
                     int64_t stride) {
    switch (bits) {
      case 2:
        return UnpackGroups<2>(packed, groups, out, stride);
      case 3:
        return UnpackGroups<3>(packed, groups, out, stride);
      case 4:
        return UnpackGroups<4>(packed, groups, out, stride);
      case 5:
        return UnpackGroups<5>(packed, groups, out, stride);
      case 6:
        return UnpackGroups<6>(packed, groups, out, stride);
      default:
        return UnpackGroups<7>(packed, groups, out, stride);
    }
  }
};

// Rows and columns past the tiles go through a buffer.
void LinearF32(const LinearF32Args& args) {
  alignas(64) float sums[kTileRows * kTileColumns];
  const int64_t panels = GroupsOfOutputs(args.n);
  for (int64_t panel = 0; panel < panels; panel += kTilePanels) {
    const int64_t width = panels - panel < kTilePanels ? panels - panel : kTilePanels;
    const int64_t column = panel * kGroupOutputs;
    const int64_t count = args.n - column < kTileColumns ? args.n - column : kTileColumns;
    for (int64_t row = 0; row < args.m; row += kTileRows) {
      const int64_t rows = args.m - row < kTileRows ? args.m - row : kTileRows;
      kFloatTiles[width - 1][rows - 1](args.k, args.x + row * args.x_stride, args.x_stride,
                                       args.panels + column * args.k, sums, kTileColumns);
      for (int64_t r = 0; r < rows; ++r) {
        AddBias(sums + r * kTileColumns, args.bias != nullptr ? args.bias + column : nullptr, count,
                args.out + (row + r) * args.out_stride + column);
      }
    }
  }
}

bool Supported() {
#ifdef TMPQ_EMULATED_AVX512  // tests/kernels/avx512_emulation.h
  return true;
#else
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vnni");
#endif
}

constexpr KernelSet kSet = {"avx512vnni",
                            "AVX-512 F, BW, VL, DQ and VNNI",
                            Supported,
                            QuantizeRowsBy<Vectors>,
                            LinearInt<Tiles>,
                            LinearF32,
                            AttentionIntBy<Vectors>,
                            AttentionF32<LinearF32>,
                            LayerNormBy<Vectors>,
                            GroupNormByBlocks,
                            Modulate,
                            GatedAdd,
                            Add,
                            SiluBy<Vectors>,
                            GeluTanhBy<Vectors>,
                            MeanRows,
                            TimestepEmbedding,
                            Multiply,
                            Scale,
                            GeluErf,
                            RmsNormBy<Vectors>,
                            QuickGeluBy<Vectors>,
                            TransformRowsBy<Vectors>,
                            UnpackWeightBytes<Tiles>,
                            ConvIntBy<Vectors>,
                            RoundActivations};

}  // namespace

const KernelSet& Avx512VnniKernels() { return kSet; }

}  // namespace tmpq::kernels
