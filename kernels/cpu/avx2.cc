// Kernels for processors with AVX2 and FMA. Includes nothing that could lend its code to other
// translation units.
#include <immintrin.h>
#include <math.h>
#include <stdint.h>

#include "kernels/cpu/attention.h"
#include "kernels/cpu/bytes_avx2.h"
#include "kernels/cpu/convolution.h"
#include "kernels/cpu/functions.h"
#include "kernels/cpu/group_norm.h"
#include "kernels/cpu/layer_norm.h"
#include "kernels/cpu/linear.h"
#include "kernels/cpu/products.h"
#include "kernels/cpu/quantize.h"
#include "kernels/cpu/rows.h"
#include "kernels/cpu/transform.h"
#include "kernels/cpu/vectors_avx2.h"
#include "kernels/include/kernels.h"
#include "kernels/include/packing.h"

namespace tmpq::kernels {
namespace {

// Groups of inputs between stores of a tile, whose widened activations stay in the first cache.
constexpr int64_t kWideGroups = 128;

// sums += a times 16-bit copies of the weights; products of 16-bit integers are exact, unlike
// vpmaddubsw, whose 16-bit sums saturate. `a`: widened rows, kWideGroups groups apart.
template <int Rows>
void WideTile(int64_t groups, const int16_t* a, const uint8_t* w, int64_t group_stride,
              int32_t* out, int64_t out_stride) {
  __m256i sums[Rows][2];  // two partial sums of each of 4 outputs
#pragma GCC unroll 4
  for (int r = 0; r < Rows; ++r) sums[r][0] = sums[r][1] = _mm256_setzero_si256();
  for (int64_t g = 0; g < groups; ++g, w += group_stride, a += kGroupInputs) {
    const __m256i low = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i*)w)),
                  high = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i*)(w + 16)));
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) {
      int64_t four;
      __builtin_memcpy(&four, a + r * kWideGroups * kGroupInputs, sizeof(four));
      const __m256i inputs = _mm256_set1_epi64x(four);
      sums[r][0] = _mm256_add_epi32(sums[r][0], _mm256_madd_epi16(low, inputs));
      sums[r][1] = _mm256_add_epi32(sums[r][1], _mm256_madd_epi16(high, inputs));
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < Rows; ++r) {
    auto* at = (__m256i*)(out + r * out_stride);
    const __m256i pairs = _mm256_hadd_epi32(sums[r][0], sums[r][1]);  // outputs 0 1 4 5 2 3 6 7
    _mm256_storeu_si256(
        at, _mm256_add_epi32(_mm256_loadu_si256(at), _mm256_permute4x64_epi64(pairs, 0xd8)));
  }
}

// Rows of signed bytes as 16-bit integers, kWideGroups groups apart.
inline void Widen(int64_t rows, int64_t groups, const int8_t* a, int64_t a_stride, int16_t* wide) {
  for (int64_t r = 0; r < rows; ++r, a += a_stride, wide += kWideGroups * kGroupInputs) {
    for (int64_t i = 0; i < groups * kGroupInputs; ++i) wide[i] = a[i];
  }
}

using WideTileFunction = void (*)(int64_t, const int16_t*, const uint8_t*, int64_t, int32_t*,
                                  int64_t);
constexpr WideTileFunction kWideTiles[kRowsAtOnce] = {WideTile<1>, WideTile<2>, WideTile<3>,
                                                      WideTile<4>};

// Of a group: two vectors.
struct GroupValues {
  __m256i low, high;
};

inline GroupValues UnpackFour(const uint8_t* packed) {
  const __m256i bytes = _mm256_loadu_si256((const __m256i*)packed), mask = _mm256_set1_epi8(15);
  return {_mm256_and_si256(bytes, mask), _mm256_and_si256(_mm256_srli_epi16(bytes, 4), mask)};
}

inline GroupValues UnpackTwo(const uint8_t* packed) {
  const __m256i bytes = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i*)packed));
  const __m256i mask = _mm256_set1_epi8(3);
  // 128-bit lane j keeps bits 2j and 2j + 1; a byte takes nothing of its neighbour after the mask.
  const __m256i low = _mm256_srlv_epi64(bytes, _mm256_setr_epi64x(0, 0, 2, 2));
  return {_mm256_and_si256(low, mask), _mm256_and_si256(_mm256_srli_epi64(low, 4), mask)};
}

inline __m256i UnpackOne(const uint8_t* packed, char value) {
  int32_t bits;
  __builtin_memcpy(&bits, packed, sizeof(bits));
  const __m256i byte_of_value = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2,
                                                 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
  const __m256i bit_of_value = _mm256_set1_epi64x((int64_t)0x8040201008040201u);
  const __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(bits), byte_of_value);
  const __m256i is_set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit_of_value), bit_of_value);
  return _mm256_and_si256(is_set, _mm256_set1_epi8(value));
}

template <int Bits>
void UnpackGroups(const uint8_t* packed, int64_t groups, uint8_t* out, int64_t stride) {
  for (int64_t g = 0; g < groups; ++g, out += stride) {
    GroupValues values = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    if constexpr ((Bits & 4) != 0) {
      values = UnpackFour(packed);
      packed += 32;
    }
    if constexpr ((Bits & 2) != 0) {
      constexpr int kShift = Bits & 4;
      const GroupValues field = UnpackTwo(packed);
      values.low = _mm256_or_si256(values.low, _mm256_slli_epi16(field.low, kShift));
      values.high = _mm256_or_si256(values.high, _mm256_slli_epi16(field.high, kShift));
      packed += 16;
    }
    if constexpr ((Bits & 1) != 0) {
      constexpr char kValue = 1 << (Bits & 6);
      values.low = _mm256_or_si256(values.low, UnpackOne(packed, kValue));
      values.high = _mm256_or_si256(values.high, UnpackOne(packed + 4, kValue));
      packed += 8;
    }
    _mm256_storeu_si256((__m256i*)out, values.low);
    _mm256_storeu_si256((__m256i*)(out + kHalfValues), values.high);
  }
}

struct Tiles {
  static constexpr int kRows[kTilePanels] = {8, 8, 8, 8};
  static constexpr int kMostRows = 8;

  static void Int(int64_t rows, int64_t panels, int64_t groups, const int8_t* a, int64_t a_stride,
                  const PanelBlock& w, const int32_t* start, int32_t* out, int64_t out_stride) {
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t i = 0; i < panels * kGroupOutputs; ++i) out[r * out_stride + i] = start[r];
    }
    for (int64_t r = 0; r < rows; r += kRowsAtOnce) {
      const int64_t count = rows - r < kRowsAtOnce ? rows - r : kRowsAtOnce;
      (ExactDepth(w.a_bits, w.bits) > 0 ? AddNarrow : AddWide)(
          count, panels, groups, a + r * a_stride, a_stride, w, out + r * out_stride, out_stride);
    }
  }
  static void AddNarrow(int64_t rows, int64_t panels, int64_t groups, const int8_t* a,
                        int64_t a_stride, const PanelBlock& w, int32_t* out, int64_t out_stride) {
    const int64_t depth = ExactDepth(w.a_bits, w.bits);
    const int8_t* at[kRowsAtOnce];
    for (int64_t r = 0; r < rows; ++r) at[r] = a + r * a_stride;
    for (int64_t p = 0; p < panels; ++p) {
      NarrowTile(rows, groups, depth, at, w.data + p * w.panel_stride, w.group_stride,
                 out + p * kGroupOutputs, out_stride);
    }
  }
  static void AddWide(int64_t rows, int64_t panels, int64_t groups, const int8_t* a,
                      int64_t a_stride, const PanelBlock& w, int32_t* out, int64_t out_stride) {
    alignas(32) int16_t wide[kRowsAtOnce * kWideGroups * kGroupInputs];
    for (int64_t begin = 0; begin < groups; begin += kWideGroups) {
      const int64_t left = groups - begin, count = left < kWideGroups ? left : kWideGroups;
      Widen(rows, count, a + begin * kGroupInputs, a_stride, wide);
      const uint8_t* weights = w.data + begin * w.group_stride;
      for (int64_t p = 0; p < panels; ++p, weights += w.panel_stride) {
        for (int64_t half = 0; half < 2; ++half) {
          kWideTiles[rows - 1](count, wide, weights + half * kHalfValues, w.group_stride,
                               out + p * kGroupOutputs + half * kHalfOutputs, out_stride);
        }
      }
    }
  }
  static constexpr bool kHasScaled = false, kReadsPacked = false;
  static void SumsOfRows(const int8_t* a, int64_t a_stride, int64_t rows, int64_t count,
                         int32_t* sums) {
    for (int64_t r = 0; r < rows; ++r, a += a_stride) {
      int32_t sum = 0;
      for (int64_t i = 0; i < count; ++i) sum += a[i];
      sums[r] = sum;
    }
  }
  static void Unpack(const uint8_t* packed, int64_t groups, int bits, uint8_t* out,
                     int64_t stride) {
    using Function = void (*)(const uint8_t*, int64_t, uint8_t*, int64_t);
    static constexpr Function kOfBits[] = {UnpackGroups<2>, UnpackGroups<3>, UnpackGroups<4>,
                                           UnpackGroups<5>, UnpackGroups<6>, UnpackGroups<7>};
    kOfBits[bits - 2](packed, groups, out, stride);
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

const KernelSet& Avx2Kernels() { return kSet; }

}  // namespace tmpq::kernels
