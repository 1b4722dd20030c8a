// Kernels for processors with AVX2 and FMA. Includes nothing that could lend its code to other
// translation units.
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
#include "kernels/cpu/vectors_avx2.h"
#include "kernels/include/kernels.h"
#include "kernels/include/packing.h"

namespace tmpq::kernels {
namespace {

// Products of 16-bit integers: exact, unlike vpmaddubsw, whose 16-bit sums saturate.
template <int Rows>
void IntTile(int64_t groups, const int8_t* a, int64_t a_stride, const uint8_t* w,
             int64_t group_stride, const int32_t* start, int32_t* out, int64_t out_stride) {
  __m256i sums[Rows][4];  // two partial sums of each of 4 outputs
#pragma GCC unroll 2
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) sums[r][i] = _mm256_setzero_si256();
  }
  for (int64_t g = 0; g < groups; ++g, w += group_stride) {
    __m256i weights[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      weights[i] = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i*)(w + 16 * i)));
    }
#pragma GCC unroll 2
    for (int r = 0; r < Rows; ++r) {
      int32_t word;
      __builtin_memcpy(&word, a + r * a_stride + g * kGroupInputs, sizeof(word));
      const __m256i activations =
          _mm256_broadcastq_epi64(_mm_cvtepi8_epi16(_mm_cvtsi32_si128(word)));
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        sums[r][i] = _mm256_add_epi32(sums[r][i], _mm256_madd_epi16(weights[i], activations));
      }
    }
  }
#pragma GCC unroll 2
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
      const __m256i pairs =
          _mm256_hadd_epi32(sums[r][2 * i], sums[r][2 * i + 1]);  // outputs 0 1 4 5 2 3 6 7
      _mm256_storeu_si256(
          (__m256i*)(out + r * out_stride + 8 * i),
          _mm256_add_epi32(_mm256_permute4x64_epi64(pairs, 0xd8), _mm256_set1_epi32(start[r])));
    }
  }
}

// Weights below 128: two products of them and signed bytes fit 16 bits, so that nothing saturates.
template <int Rows>
void NarrowTile(int64_t groups, const int8_t* a, int64_t a_stride, const uint8_t* w,
                int64_t group_stride, const int32_t* start, int32_t* out, int64_t out_stride) {
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i sums[Rows][2];
#pragma GCC unroll 4
  for (int r = 0; r < Rows; ++r) sums[r][0] = sums[r][1] = _mm256_set1_epi32(start[r]);
  for (int64_t g = 0; g < groups; ++g, w += group_stride) {
    const __m256i low = _mm256_loadu_si256((const __m256i*)w),
                  high = _mm256_loadu_si256((const __m256i*)(w + 32));
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) {
      int32_t word;
      __builtin_memcpy(&word, a + r * a_stride + g * kGroupInputs, sizeof(word));
      const __m256i activations = _mm256_set1_epi32(word);
      const __m256i first = _mm256_madd_epi16(_mm256_maddubs_epi16(low, activations), ones);
      const __m256i second = _mm256_madd_epi16(_mm256_maddubs_epi16(high, activations), ones);
      sums[r][0] = _mm256_add_epi32(sums[r][0], first);
      sums[r][1] = _mm256_add_epi32(sums[r][1], second);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < Rows; ++r) {
    _mm256_storeu_si256((__m256i*)(out + r * out_stride), sums[r][0]);
    _mm256_storeu_si256((__m256i*)(out + r * out_stride + 8), sums[r][1]);
  }
}

using IntTileFunction = void (*)(int64_t, const int8_t*, int64_t, const uint8_t*, int64_t,
                                 const int32_t*, int32_t*, int64_t);
constexpr int64_t kIntRows = 2, kNarrowRows = 4;
constexpr IntTileFunction kIntTiles[kIntRows] = {IntTile<1>, IntTile<2>};
constexpr IntTileFunction kNarrowTiles[kNarrowRows] = {NarrowTile<1>, NarrowTile<2>, NarrowTile<3>,
                                                       NarrowTile<4>};

struct Tiles {
  static constexpr int kRows[kTilePanels] = {8, 8, 8, 8};
  static constexpr int kMostRows = 8;

  static void Int(int64_t rows, int64_t panels, int64_t groups, const int8_t* a, int64_t a_stride,
                  PanelBlock w, const int32_t* start, int32_t* out, int64_t out_stride) {
    for (int64_t p = 0; p < panels; ++p, out += kGroupOutputs) {
      const uint8_t* data = w.data + p * w.panel_stride;
      const int64_t most = w.narrow ? kNarrowRows : kIntRows;
      for (int64_t r = 0; r < rows; r += most) {
        const int64_t count = rows - r < most ? rows - r : most;
        (w.narrow ? kNarrowTiles : kIntTiles)[count - 1](groups, a + r * a_stride, a_stride, data,
                                                         w.group_stride, start + r,
                                                         out + r * out_stride, out_stride);
      }
    }
  }
  static int32_t SumOfRow(const int8_t* a, int64_t count) {
    int32_t sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += a[i];
    return sum;
  }
  static void Unpack(const uint8_t* packed, int64_t groups, int bits, uint8_t* out,
                     int64_t stride) {
    for (int64_t g = 0; g < groups; ++g) UnpackGroup(packed + g * 8 * bits, bits, out + g * stride);
  }
};

template <int Rows>
void FloatTile(int64_t k, const float* x, int64_t x_stride, const float* w, float* out,
               int64_t out_stride) {
  __m256 sums[Rows][2];
#pragma GCC unroll 6
  for (int r = 0; r < Rows; ++r) sums[r][0] = sums[r][1] = _mm256_setzero_ps();
  for (int64_t i = 0; i < k; ++i) {
    const __m256 w0 = _mm256_loadu_ps(w + i * kGroupOutputs),
                 w1 = _mm256_loadu_ps(w + i * kGroupOutputs + 8);
#pragma GCC unroll 6
    for (int r = 0; r < Rows; ++r) {
      const __m256 value = _mm256_broadcast_ss(x + r * x_stride + i);
      sums[r][0] = _mm256_fmadd_ps(value, w0, sums[r][0]);
      sums[r][1] = _mm256_fmadd_ps(value, w1, sums[r][1]);
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < Rows; ++r) {
    _mm256_storeu_ps(out + r * out_stride, sums[r][0]);
    _mm256_storeu_ps(out + r * out_stride + 8, sums[r][1]);
  }
}

using FloatTileFunction = void (*)(int64_t, const float*, int64_t, const float*, float*, int64_t);
constexpr FloatTileFunction kFloatTiles[kTileRows] = {FloatTile<1>, FloatTile<2>, FloatTile<3>,
                                                      FloatTile<4>, FloatTile<5>, FloatTile<6>};

void LinearF32(const LinearF32Args& args) {
  float sums[kTileRows * kGroupOutputs];
  for (int64_t column = 0; column < args.n; column += kGroupOutputs) {
    const int64_t count = args.n - column < kGroupOutputs ? args.n - column : kGroupOutputs;
    for (int64_t row = 0; row < args.m; row += kTileRows) {
      const int64_t rows = args.m - row < kTileRows ? args.m - row : kTileRows;
      kFloatTiles[rows - 1](args.k, args.x + row * args.x_stride, args.x_stride,
                            args.panels + column * args.k, sums, kGroupOutputs);
      for (int64_t r = 0; r < rows; ++r) {
        AddBias(sums + r * kGroupOutputs, args.bias != nullptr ? args.bias + column : nullptr,
                count, args.out + (row + r) * args.out_stride + column);
      }
    }
  }
}

bool Supported() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

constexpr KernelSet kSet = {"avx2",
                            "AVX2 and FMA",
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
                            TransformRows,
                            UnpackWeightBytes<Tiles>,
                            ConvIntBy<Vectors>};

}  // namespace

const KernelSet& Avx2Kernels() { return kSet; }

}  // namespace tmpq::kernels
