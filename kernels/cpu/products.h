// Attention and the integer linear over a set's matrix-product tiles. Everything has internal
// linkage.
//
// `Tiles` has two static functions:
//   Int(m, panels, groups, a, a_stride, w, out, out_stride): out (m, 16 panels) = sum of a (m, 4
//   groups) times the
//     unsigned 8-bit groups w [panels][groups][16][4];
//   Unpack(packed, groups, bits, out): packed groups -> unsigned 8-bit groups.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/cpu/rows.h"
#include "kernels/include/kernels.h"
#include "kernels/include/packing.h"

namespace tmpq::kernels {
namespace {

// Hands out cache-line aligned parts of a scratch.
struct Carver {
  uint8_t* at;

  template <typename T>
  T* Take(int64_t count) {
    T* part = (T*)at;
    at += RoundUp(count * (int64_t)sizeof(T), 64);
    return part;
  }
};

inline int32_t SumOfRow(const int8_t* a, int64_t count) {
  int32_t sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += a[i];
  return sum;
}

constexpr int kTileRows = 6;
constexpr int kTilePanels = 4;
constexpr int kTileColumns = kTilePanels * kGroupOutputs;

// Not inlined: keeps the float code out of the registers of the product loop.
__attribute__((noinline)) void Epilogue(const LinearIntArgs& args, int64_t row, int64_t rows,
                                        int64_t column, const int32_t* sums,
                                        const int32_t* row_sums) {
  const int32_t offset = WeightOffset(args.bits);
  const int64_t count = args.n - column < kTileColumns ? args.n - column : kTileColumns;
  for (int64_t r = 0; r < rows; ++r) {
    float* out = args.out + (row + r) * args.out_stride + column;
    const int32_t* sum = sums + r * kTileColumns;
    const float* w_scale = args.w_scale + column;
    const float a_scale = args.a_scale[row + r];
    const int32_t correction = offset * row_sums[r];
    if (args.bias != nullptr) {
      const float* bias = args.bias + column;
      for (int64_t i = 0; i < count; ++i) {
        out[i] = fmaf((float)(sum[i] - correction), a_scale * w_scale[i], bias[i]);
      }
    } else {
      for (int64_t i = 0; i < count; ++i)
        out[i] = fmaf((float)(sum[i] - correction), a_scale * w_scale[i], 0.0f);
    }
  }
}

// Stored values of nested weights, narrowed in place one bit at a time.
inline void NarrowGroups(uint8_t* values, int64_t count, int stored_bits, int bits) {
  for (int from = stored_bits; from > bits; --from) {
    const int offset = WeightOffset(from), narrow_offset = WeightOffset(from - 1);
    for (int64_t i = 0; i < count; ++i) {
      values[i] = (uint8_t)(NarrowValue(values[i] - offset, from, from - 1) + narrow_offset);
    }
  }
}

// One part of the inputs: which group of scales, how many inputs.
struct InputPart {
  int64_t index, inputs;
};

// The exact sum of products with offsets, from that of a and the stored u. Modulo 2^32 in between.
inline int32_t SumWithOffsets(const LinearIntArgs& args, int32_t sum, int32_t row_sum, int64_t row,
                              int64_t column, InputPart part) {
  const int64_t at = part.index * args.n + column;
  const uint32_t w_offset = args.w_offset != nullptr ? (uint32_t)args.w_offset[at] : 0u;
  uint32_t total =
      (uint32_t)sum + (w_offset - (uint32_t)WeightOffset(args.bits)) * (uint32_t)row_sum;
  if (args.a_offset != nullptr) {
    total += (uint32_t)args.a_offset[row] *
             ((uint32_t)args.w_sums[at] + (uint32_t)part.inputs * w_offset);
  }
  return (int32_t)total;
}

// What a part of the inputs adds to a tile's outputs: `sums` and `scaled` (rows, kTileColumns).
__attribute__((noinline)) void AddPart(const LinearIntArgs& args, InputPart part, int64_t row,
                                       int64_t rows, int64_t column, int64_t columns,
                                       const int32_t* sums, const int32_t* row_sums,
                                       float* scaled) {
  const float* w_scale = args.w_scale + part.index * args.n + column;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < columns; ++i) {
      const auto sum = (float)SumWithOffsets(args, sums[r * kTileColumns + i], row_sums[r], row + r,
                                             column + i, part);
      float& total = scaled[r * kTileColumns + i];
      if (args.group > 0) {
        total = fmaf(sum, w_scale[i], total);
      } else {
        const float bias = args.bias != nullptr ? args.bias[column + i] : 0.0f;
        total = fmaf(sum, args.a_scale[row + r] * w_scale[i], bias);
      }
    }
  }
}

// Offsets, groups with scales of their own, or both. Panels one by one where groups divide them: a
// tile's panels lie whole beside each other.
template <typename Tiles>
void LinearIntGenerally(const LinearIntArgs& args, const uint8_t* weights) {
  const int64_t panels = GroupsOfOutputs(args.n), groups = GroupsOfInputs(args.k);
  const int64_t a_stride = groups * kGroupInputs, at_once = args.group > 0 ? 1 : kTilePanels;
  const int64_t part_inputs = args.group > 0 ? args.group : args.k;
  const int64_t parts = (args.k + part_inputs - 1) / part_inputs;
  const auto part_at = [&](int64_t index) {
    const int64_t left = args.k - index * part_inputs;
    return InputPart{index, left < part_inputs ? left : part_inputs};
  };
  alignas(64) int32_t sums[kTileRows * kTileColumns];
  float scaled[kTileRows * kTileColumns];
  int32_t* row_sums = (int32_t*)(args.scratch + PackedBytes(args.n, args.k, 8));  // (parts, rows)
  for (int64_t row = 0; row < args.m; row += kTileRows) {
    const int64_t rows = args.m - row < kTileRows ? args.m - row : kTileRows;
    const int8_t* a = args.a + row * a_stride;
    for (int64_t p = 0; p < parts; ++p) {
      for (int64_t r = 0; r < rows; ++r) {
        row_sums[p * rows + r] = SumOfRow(a + r * a_stride + p * part_inputs, part_at(p).inputs);
      }
    }
    for (int64_t panel = 0; panel < panels; panel += at_once) {
      const int64_t width = panels - panel < at_once ? panels - panel : at_once;
      const int64_t column = panel * kGroupOutputs, left = args.n - column;
      const int64_t columns = left < width * kGroupOutputs ? left : width * kGroupOutputs;
      memset(scaled, 0, sizeof(scaled));
      for (int64_t p = 0; p < parts; ++p) {
        const int64_t begin = p * part_inputs;
        Tiles::Int(rows, width, GroupsOfInputs(part_at(p).inputs), a + begin, a_stride,
                   weights + (panel * groups + begin / kGroupInputs) * kGroupValues, sums,
                   kTileColumns);
        AddPart(args, part_at(p), row, rows, column, columns, sums, row_sums + p * rows, scaled);
      }
      for (int64_t r = 0; r < rows; ++r) {
        float* out = args.out + (row + r) * args.out_stride + column;
        const float* total = scaled + r * kTileColumns;
        for (int64_t i = 0; i < columns; ++i) {
          const float bias = args.bias != nullptr ? args.bias[column + i] : 0.0f;
          out[i] = args.group > 0 ? fmaf(total[i], args.a_scale[row + r], bias) : total[i];
        }
      }
    }
  }
}

// Weights are stored without sign (u = q + offset): sum a q = sum a u - offset * sum a.
template <typename Tiles>
void LinearInt(const LinearIntArgs& args) {
  const int64_t panels = GroupsOfOutputs(args.n), groups = GroupsOfInputs(args.k);
  const uint8_t* weights = args.weights;
  const int stored_bits = args.stored_bits > 0 ? args.stored_bits : args.bits;
  if (args.bits != 8) {  // once per call: every row of a reads the same unpacked weights
    const int64_t bytes = panels * groups * kGroupValues;
    if (stored_bits == 8) {
      memcpy(args.scratch, args.weights, (size_t)bytes);
    } else {
      Tiles::Unpack(args.weights, panels * groups, stored_bits, args.scratch);
    }
    NarrowGroups(args.scratch, bytes, stored_bits, args.bits);
    weights = args.scratch;
  }
  if (args.a_offset != nullptr || args.w_offset != nullptr || args.group > 0) {
    return LinearIntGenerally<Tiles>(args, weights);
  }
  const int64_t a_stride = groups * kGroupInputs;
  alignas(64) int32_t sums[kTileRows * kTileColumns];
  int32_t row_sums[kTileRows];
  for (int64_t row = 0; row < args.m; row += kTileRows) {
    const int64_t rows = args.m - row < kTileRows ? args.m - row : kTileRows;
    const int8_t* a = args.a + row * a_stride;
    for (int64_t r = 0; r < rows; ++r) row_sums[r] = SumOfRow(a + r * a_stride, a_stride);
    for (int64_t panel = 0; panel < panels; panel += kTilePanels) {
      const int64_t width = panels - panel < kTilePanels ? panels - panel : kTilePanels;
      Tiles::Int(rows, width, groups, a, a_stride, weights + panel * groups * kGroupValues, sums,
                 kTileColumns);
      Epilogue(args, row, rows, panel * kGroupOutputs, sums, row_sums);
    }
  }
}

// Int over any number of rows and panels.
template <typename Tiles>
void IntProduct(int64_t m, int64_t panels, int64_t groups, const int8_t* a, int64_t a_stride,
                const uint8_t* w, int32_t* out) {
  const int64_t stride = panels * kGroupOutputs;
  for (int64_t row = 0; row < m; row += kTileRows) {
    const int64_t rows = m - row < kTileRows ? m - row : kTileRows;
    for (int64_t panel = 0; panel < panels; panel += kTilePanels) {
      const int64_t width = panels - panel < kTilePanels ? panels - panel : kTilePanels;
      Tiles::Int(rows, width, groups, a + row * a_stride, a_stride,
                 w + panel * groups * kGroupValues, out + row * stride + panel * kGroupOutputs,
                 stride);
    }
  }
}

// k (keys, d) at its stride, quantized per token, as unsigned groups [keys / 16][d / 4][16][4].
inline void PackKeys(const float* k, int64_t stride, int64_t keys, int64_t d, int bits, int8_t* row,
                     uint8_t* panels, float* scales) {
  const int64_t groups = GroupsOfInputs(d);
  memset(panels, 128, (size_t)PackedBytes(keys, d, 8));
  for (int64_t j = 0; j < keys; ++j) {
    QuantizeRowsArgs args;
    args.x = k + j * stride, args.rows = 1, args.cols = d, args.bits = bits, args.q = row,
    args.scale = scales + j;
    QuantizeRows(args);
    uint8_t* out =
        panels + j / kGroupOutputs * groups * kGroupValues + j % kGroupOutputs * kGroupInputs;
    for (int64_t g = 0; g < groups; ++g) {
      uint32_t word;
      memcpy(&word, row + g * kGroupInputs, sizeof(word));
      word ^= 0x80808080u;  // adds 128 to each byte
      memcpy(out + g * kGroupValues, &word, sizeof(word));
    }
  }
}

// v (keys, d), quantized per channel, as unsigned groups of its transpose [d / 16][keys /
// 4][16][4]; sums over keys. row (d) and inverses (d) are scratch.
inline void PackValues(const float* v, int64_t stride, int64_t keys, int64_t d, int bits,
                       int8_t* __restrict row, float* __restrict inverses, uint8_t* panels,
                       float* __restrict scales, int32_t* __restrict sums) {
  const int64_t groups = GroupsOfInputs(keys);
  const int qmax = QMax(bits);
  for (int64_t c = 0; c < d; ++c) scales[c] = 0, sums[c] = 0;
  for (int64_t j = 0; j < keys; ++j) {
    const float* __restrict x = v + j * stride;
    for (int64_t c = 0; c < d; ++c) scales[c] = fabsf(x[c]) > scales[c] ? fabsf(x[c]) : scales[c];
  }
  for (int64_t c = 0; c < d; ++c) {
    const RowScale scale = ScaleOf(scales[c], qmax);
    scales[c] = scale.scale;
    inverses[c] = scale.inverse;
  }
  memset(panels, 128, (size_t)PackedBytes(d, keys, 8));
  for (int64_t j = 0; j < keys; ++j) {
    const float* __restrict x = v + j * stride;
    for (int64_t c = 0; c < d; ++c) row[c] = QuantizeValue(x[c], inverses[c], qmax);
    for (int64_t c = 0; c < d; ++c) sums[c] += row[c];
    uint8_t* out = panels + j / kGroupInputs * kGroupValues + j % kGroupInputs;
    for (int64_t begin = 0; begin < d; begin += kGroupOutputs, out += groups * kGroupValues) {
      const int64_t count = d - begin < kGroupOutputs ? d - begin : kGroupOutputs;
      for (int64_t c = 0; c < count; ++c) out[c * kGroupInputs] = (uint8_t)(row[begin + c] + 128);
    }
  }
}

template <typename Tiles>
void AttentionInt(const AttentionArgs& args) {
  const int64_t d = args.head_dim, keys = args.keys, queries = args.queries;
  const int64_t key_columns = RoundUp(keys, kGroupOutputs),
                value_columns = RoundUp(d, kGroupOutputs);
  const int64_t q_stride = RoundUp(d, kGroupInputs);
  const float inverse_root = 1.0f / sqrtf((float)d);
  const bool wide = args.softmax_bits == 16;
  Carver carver{args.scratch};
  int8_t* q = carver.Take<int8_t>(queries * q_stride);
  int8_t* row = carver.Take<int8_t>(q_stride);
  uint8_t* k = carver.Take<uint8_t>(PackedBytes(keys, d, 8));
  uint8_t* v = carver.Take<uint8_t>(PackedBytes(d, keys, 8));
  float* q_scale = carver.Take<float>(queries);
  float* k_scale = carver.Take<float>(keys);
  float* v_scale = carver.Take<float>(d);
  float* inverses = carver.Take<float>(d);
  int32_t* v_sums = carver.Take<int32_t>(d);
  int32_t* scores = carver.Take<int32_t>(queries * key_columns);
  float* logits = carver.Take<float>(key_columns);
  int8_t* high = carver.Take<int8_t>(queries * key_columns);
  int8_t* low = carver.Take<int8_t>(queries * key_columns);
  int64_t* denominators = carver.Take<int64_t>(queries);
  int32_t* products = carver.Take<int32_t>(queries * value_columns);
  int32_t* low_products = carver.Take<int32_t>(queries * value_columns);
  // Softmax runs over whole vectors: the columns past the keys have probability 0.
  for (int64_t j = keys; j < key_columns; ++j) logits[j] = kLeastLogit;

  for (int64_t h = 0; h < args.heads; ++h) {
    QuantizeRowsArgs q_args;
    q_args.x = args.q + h * d, q_args.rows = queries, q_args.cols = d,
    q_args.x_stride = args.q_stride;
    q_args.bits = args.q_bits, q_args.q = q, q_args.scale = q_scale;
    QuantizeRows(q_args);
    PackKeys(args.k + h * d, args.k_stride, keys, d, args.k_bits, row, k, k_scale);
    PackValues(args.v + h * d, args.v_stride, keys, d, args.v_bits, row, inverses, v, v_scale,
               v_sums);
    IntProduct<Tiles>(queries, key_columns / kGroupOutputs, GroupsOfInputs(d), q, q_stride, k,
                      scores);
    for (int64_t i = 0; i < queries; ++i) {
      const int32_t correction = 128 * SumOfRow(q + i * q_stride, q_stride);
      const float row_scale = q_scale[i] * inverse_root;
      const int32_t* score = scores + i * key_columns;
      for (int64_t j = 0; j < keys; ++j)
        logits[j] = (float)(score[j] - correction) * (row_scale * k_scale[j]);
      MaskLogits(args.mask, keys, logits);
      uint8_t* p_high = (uint8_t*)high + i * key_columns;
      uint8_t* p_low = (uint8_t*)low + i * key_columns;
      denominators[i] = IntegerSoftmax(logits, key_columns, args.softmax_bits, p_high, p_low);
      for (int64_t j = 0; j < keys; ++j) p_high[j] ^= 128;  // p - 128 fits a signed byte
      if (wide) {
        for (int64_t j = 0; j < keys; ++j) p_low[j] ^= 128;
      }
    }
    const int64_t value_panels = value_columns / kGroupOutputs, value_groups = GroupsOfInputs(keys);
    IntProduct<Tiles>(queries, value_panels, value_groups, high, key_columns, v, products);
    if (wide)
      IntProduct<Tiles>(queries, value_panels, value_groups, low, key_columns, v, low_products);
    // With a = p - 128 and u = v + 128: sum p v = sum a u - 128 sum a + 128 sum v.
    for (int64_t i = 0; i < queries; ++i) {
      const int32_t correction = 128 * SumOfRow(high + i * key_columns, key_columns);
      const float denominator = (float)denominators[i];
      const int32_t* product = products + i * value_columns;
      float* out = args.out + i * args.out_stride + h * d;
      if (wide) {
        const int32_t low_correction = 128 * SumOfRow(low + i * key_columns, key_columns);
        const int32_t* low_product = low_products + i * value_columns;
        for (int64_t c = 0; c < d; ++c) {
          const int64_t numerator = (int64_t)(product[c] - correction + 128 * v_sums[c]) * 256 +
                                    (low_product[c] - low_correction + 128 * v_sums[c]);
          out[c] = (float)numerator / denominator * v_scale[c];
        }
      } else {
        for (int64_t c = 0; c < d; ++c) {
          out[c] = (float)(product[c] - correction + 128 * v_sums[c]) / denominator * v_scale[c];
        }
      }
    }
  }
}

// The last addition of a float product.
inline void AddBias(const float* sums, const float* bias, int64_t count, float* out) {
  if (bias != nullptr) {
    for (int64_t i = 0; i < count; ++i) out[i] = sums[i] + bias[i];
  } else {
    for (int64_t i = 0; i < count; ++i) out[i] = sums[i] + 0.0f;
  }
}

// (n, k) at a stride -> [n / 16][k][16] with zero padding; `transposed`: the matrix is (k, n) at
// its stride.
inline void PackPanels(const float* x, int64_t stride, int64_t n, int64_t k, bool transposed,
                       float* panels) {
  for (int64_t begin = 0; begin < n; begin += kGroupOutputs) {
    const int64_t count = n - begin < kGroupOutputs ? n - begin : kGroupOutputs;
    for (int64_t c = 0; c < k; ++c, panels += kGroupOutputs) {
      for (int64_t i = 0; i < kGroupOutputs; ++i) {
        panels[i] = i >= count   ? 0.0f
                    : transposed ? x[c * stride + begin + i]
                                 : x[(begin + i) * stride + c];
      }
    }
  }
}

template <void (*Product)(const LinearF32Args&)>
void AttentionF32(const AttentionArgs& args) {
  const int64_t d = args.head_dim, keys = args.keys, queries = args.queries;
  Carver carver{args.scratch};
  float* k = carver.Take<float>(FloatPanelElements(keys, d));
  float* v = carver.Take<float>(FloatPanelElements(d, keys));
  float* p = carver.Take<float>(queries * keys);
  float* sums = carver.Take<float>(queries);
  for (int64_t h = 0; h < args.heads; ++h) {
    PackPanels(args.k + h * d, args.k_stride, keys, d, false, k);
    PackPanels(args.v + h * d, args.v_stride, d, keys, true, v);
    LinearF32Args scores;
    scores.m = queries, scores.n = keys, scores.k = d;
    scores.x = args.q + h * d, scores.x_stride = args.q_stride, scores.panels = k;
    scores.out = p, scores.out_stride = keys;
    Product(scores);
    for (int64_t i = 0; i < queries; ++i) {
      sums[i] = SoftmaxOfScores(args, h, i, p + i * keys);
    }
    LinearF32Args mix;
    mix.m = queries, mix.n = d, mix.k = keys;
    mix.x = p, mix.x_stride = keys, mix.panels = v;
    mix.out = args.out + h * d, mix.out_stride = args.out_stride;
    Product(mix);
    for (int64_t i = 0; i < queries; ++i) {
      float* out = args.out + i * args.out_stride + h * d;
      for (int64_t c = 0; c < d; ++c) out[c] = out[c] / sums[i];
    }
  }
}

}  // namespace
}  // namespace tmpq::kernels
