// Kernels for processors with AVX-512 and VNNI. Compiled with its own flags: includes nothing that
// could lend AVX-512 code to other translation units.
#include <immintrin.h>
#include <math.h>
#include <stdint.h>

#include "kernels/cpu/attention.h"
#include "kernels/cpu/convolution.h"
#include "kernels/cpu/group_norm.h"
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

// 24 accumulators for 6 x 64 leave room for 4 weight registers; activations are read as broadcast
// memory operands. No float code here: with it GCC 12 spills every accumulator.
template <int Rows, int Panels>
void IntTile(int64_t groups, const int8_t* a, int64_t a_stride, PanelBlock w, const int32_t* start,
             int32_t* out, int64_t out_stride) {
  __m512i sums[Rows][Panels];
#pragma GCC unroll 12
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (int p = 0; p < Panels; ++p) sums[r][p] = _mm512_set1_epi32(start[r]);
  }
  const uint8_t* data = w.data;
  for (int64_t g = 0; g < groups; ++g, data += w.group_stride, a += kGroupInputs) {
    __m512i weights[Panels];
#pragma GCC unroll 4
    for (int p = 0; p < Panels; ++p) weights[p] = _mm512_loadu_si512(data + p * w.panel_stride);
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
#pragma GCC unroll 12
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (int p = 0; p < Panels; ++p)
      _mm512_storeu_si512(out + r * out_stride + p * kGroupOutputs, sums[r][p]);
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

using IntTileFunction = void (*)(int64_t, const int8_t*, int64_t, PanelBlock, const int32_t*,
                                 int32_t*, int64_t);
using FloatTileFunction = void (*)(int64_t, const float*, int64_t, const float*, float*, int64_t);

#define TMPQ_TILES(tile, panels)                                                       \
  tile<1, panels>, tile<2, panels>, tile<3, panels>, tile<4, panels>, tile<5, panels>, \
      tile<6, panels>
// By panels and rows.
constexpr IntTileFunction kIntTiles[kTilePanels][12] = {
    {TMPQ_TILES(IntTile, 1), IntTile<7, 1>, IntTile<8, 1>, IntTile<9, 1>, IntTile<10, 1>,
     IntTile<11, 1>, IntTile<12, 1>},
    {TMPQ_TILES(IntTile, 2), IntTile<7, 2>, IntTile<8, 2>, IntTile<9, 2>, IntTile<10, 2>,
     IntTile<11, 2>, IntTile<12, 2>},
    {TMPQ_TILES(IntTile, 3), IntTile<7, 3>, IntTile<8, 3>},
    {TMPQ_TILES(IntTile, 4)}};
constexpr FloatTileFunction kFloatTiles[kTilePanels][kTileRows] = {{TMPQ_TILES(FloatTile, 1)},
                                                                   {TMPQ_TILES(FloatTile, 2)},
                                                                   {TMPQ_TILES(FloatTile, 3)},
                                                                   {TMPQ_TILES(FloatTile, 4)}};
#undef TMPQ_TILES

// Field planes of one group, unpacked to bytes and shifted into place (kernels/include/packing.h).
inline __m512i UnpackFour(const uint8_t* packed) {
  const __m256i bytes = _mm256_loadu_si256((const __m256i*)packed), mask = _mm256_set1_epi8(15);
  const __m256i low = _mm256_and_si256(bytes, mask);
  const __m256i high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), mask);
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

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

struct Tiles {
  static constexpr int kRows[kTilePanels] = {12, 12, 8, 6};
  static constexpr int kMostRows = 12;

  static void Int(int64_t rows, int64_t panels, int64_t groups, const int8_t* a, int64_t a_stride,
                  PanelBlock w, const int32_t* start, int32_t* out, int64_t out_stride) {
    kIntTiles[panels - 1][rows - 1](groups, a, a_stride, w, start, out, out_stride);
  }
  static int32_t SumOfRow(const int8_t* a, int64_t count) {
    const __m512i ones = _mm512_set1_epi8(1);
    __m512i sum = _mm512_setzero_si512();
    for (; count >= 64; count -= 64, a += 64) {
      sum = _mm512_dpbusd_epi32(sum, ones, _mm512_loadu_si512(a));
    }
    const __mmask64 rest = ((__mmask64)1 << count) - 1;
    sum = _mm512_dpbusd_epi32(sum, ones, _mm512_maskz_loadu_epi8(rest, a));
    return _mm512_reduce_add_epi32(sum);
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
                            LayerNorm,
                            GroupNormByBlocks,
                            Modulate,
                            GatedAdd,
                            Add,
                            Silu,
                            GeluTanh,
                            MeanRows,
                            TimestepEmbedding,
                            Multiply,
                            Scale,
                            GeluErf,
                            RmsNorm,
                            QuickGelu,
                            TransformRowsBy<Vectors>,
                            UnpackWeightBytes<Tiles>,
                            ConvIntBy<Vectors>};

}  // namespace

const KernelSet& Avx512VnniKernels() { return kSet; }

}  // namespace tmpq::kernels
