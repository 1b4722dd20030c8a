// The integer linear over a set's matrix-product tiles. Everything has internal linkage.
//
// `Tiles` has
//   kRows[p - 1]: how many rows a tile of p = 1..4 panels of outputs has at most, kMostRows: the
//     most of these;
//   Int(rows, panels, groups, a, a_stride, weights, start, out, out_stride): out (rows, 16 panels)
//     = start (rows) + a (rows, 4 groups) times the unsigned weights;
//   kHasScaled, and where it is true Scaled(rows, panels, groups, a, a_stride, weights, start,
//     output): the same sums, scaled before they leave the registers;
//   kReadsPacked: whether these take packed 4-bit panels;
//   SumsOfRows(a, a_stride, rows, count, sums): of signed bytes; count is a multiple of 4;
//   Unpack(packed, groups, bits, out, stride): packed groups -> unsigned 8-bit groups, `stride`
//     bytes from one to the next.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/include/kernels.h"
#include "kernels/include/packing.h"

namespace tmpq::kernels {
namespace {

constexpr int kTilePanels = 4;
constexpr int kTileColumns = kTilePanels * kGroupOutputs;

// Unsigned 8-bit groups of a tile's panels: group g of panel p is at data + p panel_stride + g
// group_stride.
struct PanelBlock {
  const uint8_t* data;
  int64_t panel_stride, group_stride;
  bool packed;  // as 4 bits each (kernels/include/packing.h), which a tile unpacks as it reads
  int bits;     // all values are below 2^bits
  int a_bits;   // activations are at most 2^(a_bits - 1) in magnitude
};

// Where a tile's sums go, scaled: fmaf((float)sum, a_scale w_scale, bias).
struct ScaledOutput {
  const float *a_scale, *w_scale, *bias;  // from the tile's first row and column on; no bias: null
  float* out;
  int64_t out_stride, columns;
};

// One part of the inputs: which group of scales, its first input, how many.
struct InputPart {
  int64_t index, begin, inputs;
};

struct InputParts {
  int64_t k, part_inputs, count;

  explicit InputParts(const LinearIntArgs& args)
      : k(args.k),
        part_inputs(args.group > 0 ? args.group : args.k),
        count(args.k > 0 ? (args.k + part_inputs - 1) / part_inputs : 0) {}
  InputPart operator[](int64_t index) const {
    const int64_t begin = index * part_inputs, left = k - begin;
    return {index, begin, left < part_inputs ? left : part_inputs};
  }
};

// Stored values of nested weights, narrowed in place one bit at a time.
inline void NarrowGroups(uint8_t* values, int64_t count, int stored_bits, int bits) {
  for (int from = stored_bits; from > bits; --from) {
    const int offset = WeightOffset(from), narrow_offset = WeightOffset(from - 1);
    for (int64_t i = 0; i < count; ++i) {
      values[i] = (uint8_t)(NarrowValue(values[i] - offset, from, from - 1) + narrow_offset);
    }
  }
}

// Panels [first, first + width) as unsigned bytes: where they lie, or unpacked to `scratch`, the
// panels' groups side by side. Copies pay for themselves over many rows only: loads of panels that
// begin anywhere are slower.
template <typename Tiles>
PanelBlock UnpackPanels(const LinearIntArgs& args, int64_t first, int64_t width, uint8_t* scratch) {
  constexpr int64_t kRowsWorthACopy = 24;
  const int64_t groups = GroupsOfInputs(args.k), stride = width * kGroupValues;
  const int stored_bits = args.stored_bits > 0 ? args.stored_bits : args.bits;
  const int64_t panel_bytes = groups * kGroupValues / 8 * stored_bits;
  const uint8_t* packed = args.weights + first * panel_bytes;
  const bool few_rows = args.m < kRowsWorthACopy;
  if (args.bits == 8 && (few_rows || (uintptr_t)packed % 64 == 0)) {
    return {packed, panel_bytes, kGroupValues, false, args.bits, args.a_bits};
  }
  if (Tiles::kReadsPacked && few_rows && args.bits == 4 && stored_bits == 4) {
    return {packed, panel_bytes, kGroupValues / 2, true, args.bits, args.a_bits};
  }
  for (int64_t p = 0; p < width; ++p) {
    uint8_t* out = scratch + p * kGroupValues;
    if (stored_bits == 8) {
      for (int64_t g = 0; g < groups; ++g) {
        memcpy(out + g * stride, packed + p * panel_bytes + g * kGroupValues, kGroupValues);
      }
    } else {
      Tiles::Unpack(packed + p * panel_bytes, groups, stored_bits, out, stride);
    }
  }
  NarrowGroups(scratch, groups * stride, stored_bits, args.bits);
  return {scratch, kGroupValues, stride, false, args.bits, args.a_bits};
}

// Packed weights as bytes in their panels, once for many products.
template <typename Tiles>
void UnpackWeightBytes(const UnpackArgs& args) {
  const int64_t groups = GroupsOfOutputs(args.n) * GroupsOfInputs(args.k);
  if (args.stored_bits == 8) {
    memcpy(args.out, args.packed, (size_t)(groups * kGroupValues));
  } else {
    Tiles::Unpack(args.packed, groups, args.stored_bits, args.out, kGroupValues);
  }
  NarrowGroups(args.out, groups * kGroupValues, args.stored_bits, args.bits);
}

// Of columns [column, column + count) of a row of outputs; Bias: add one.
template <bool Bias>
inline void ScaleRow(const int32_t* __restrict sums, float a_scale, const float* __restrict w_scale,
                     const float* __restrict bias, int64_t count, float* __restrict out) {
  for (int64_t i = 0; i < count; ++i) {
    out[i] = fmaf((float)sums[i], a_scale * w_scale[i], Bias ? bias[i] : 0.0f);
  }
}

// Where a tile of outputs lies: rows from `row`, columns from `column`.
struct TilePlace {
  int64_t row, rows, column, columns;
};

// Not inlined: keeps the float code out of the registers of the product loop.
template <bool Bias>
__attribute__((noinline)) void Epilogue(const LinearIntArgs& args, const TilePlace& at,
                                        const int32_t* sums) {
  const float *w_scale = args.w_scale + at.column, *bias = Bias ? args.bias + at.column : nullptr;
  for (int64_t r = 0; r < at.rows; ++r, sums += kTileColumns) {
    float* out = args.out + (at.row + r) * args.out_stride + at.column;
    const float a_scale = args.a_scale[at.row + r];
    if (at.columns == kTileColumns) {  // a constant number of vectors
      ScaleRow<Bias>(sums, a_scale, w_scale, bias, kTileColumns, out);
    } else {
      ScaleRow<Bias>(sums, a_scale, w_scale, bias, at.columns, out);
    }
  }
}

inline void StoreSums(const LinearIntArgs& args, const TilePlace& at, const int32_t* sums) {
  for (int64_t r = 0; r < at.rows; ++r) {
    memcpy(args.sums + (at.row + r) * args.out_stride + at.column, sums + r * kTileColumns,
           (size_t)at.columns * sizeof(int32_t));
  }
}

// Adds to the sums of a part of the inputs what the offsets contribute; modulo 2^32 in between.
inline void AddOffsets(const LinearIntArgs& args, const InputPart& part, const TilePlace& at,
                       const int32_t* row_sums, int32_t* sums) {
  const int64_t first = part.index * args.n + at.column;
  uint32_t w_offset[kTileColumns] = {}, w_total[kTileColumns] = {};
  if (args.w_offset != nullptr) memcpy(w_offset, args.w_offset + first, 4 * (size_t)at.columns);
  if (args.a_offset != nullptr) memcpy(w_total, args.w_sums + first, 4 * (size_t)at.columns);
  for (int i = 0; i < kTileColumns; ++i) w_total[i] += (uint32_t)part.inputs * w_offset[i];
  for (int64_t r = 0; r < at.rows; ++r) {
    const auto row_sum = (uint32_t)row_sums[r];
    const uint32_t a_offset = args.a_offset != nullptr ? (uint32_t)args.a_offset[at.row + r] : 0u;
    int32_t* __restrict sum = sums + r * kTileColumns;
    for (int i = 0; i < kTileColumns; ++i) {
      sum[i] = (int32_t)((uint32_t)sum[i] + w_offset[i] * row_sum + a_offset * w_total[i]);
    }
  }
}

// totals (rows, kTileColumns) += sums times the scales of a part.
__attribute__((noinline)) void AddScaled(const LinearIntArgs& args, const InputPart& part,
                                         const TilePlace& at, const int32_t* sums, float* totals) {
  const float* __restrict w_scale = args.w_scale + part.index * args.n + at.column;
  for (int64_t r = 0; r < at.rows; ++r) {
    const int32_t* __restrict sum = sums + r * kTileColumns;
    float* __restrict total = totals + r * kTileColumns;
    for (int64_t i = 0; i < at.columns; ++i) total[i] = fmaf((float)sum[i], w_scale[i], total[i]);
  }
}

// The last step of groups with scales of their own.
__attribute__((noinline)) void FinishScaled(const LinearIntArgs& args, const TilePlace& at,
                                            const float* totals) {
  for (int64_t r = 0; r < at.rows; ++r) {
    float* __restrict out = args.out + (at.row + r) * args.out_stride + at.column;
    const float* __restrict total = totals + r * kTileColumns;
    const float a_scale = args.a_scale[at.row + r];
    for (int64_t i = 0; i < at.columns; ++i) {
      out[i] = fmaf(total[i], a_scale, args.bias != nullptr ? args.bias[at.column + i] : 0.0f);
    }
  }
}

// One tile of outputs with groups or offsets. `row_sums`: (parts, rows_at_once) from the tile's
// first row on. Weights are stored without sign (u = q + offset): sum a q = sum a u - offset * sum
// a, where sums begin.
template <typename Tiles>
void RunTile(const LinearIntArgs& args, const InputParts& parts, const TilePlace& at, int64_t width,
             const PanelBlock& block, const int32_t* row_sums, int64_t rows_at_once) {
  alignas(64) int32_t sums[Tiles::kMostRows * kTileColumns];
  alignas(64) float totals[Tiles::kMostRows * kTileColumns];
  int32_t start[Tiles::kMostRows];
  const int64_t a_stride = RoundUp(args.k, kGroupInputs);
  const int8_t* a = args.a + at.row * a_stride;
  if (args.group > 0) memset(totals, 0, sizeof(float) * kTileColumns * (size_t)at.rows);
  for (int64_t p = 0; p < parts.count; ++p, row_sums += rows_at_once) {
    const InputPart part = parts[p];
    for (int64_t r = 0; r < at.rows; ++r) start[r] = -WeightOffset(args.bits) * row_sums[r];
    PanelBlock weights = block;
    weights.data += part.begin / kGroupInputs * block.group_stride;
    Tiles::Int(at.rows, width, GroupsOfInputs(part.inputs), a + part.begin, a_stride, weights,
               start, sums, kTileColumns);
    if (args.a_offset != nullptr || args.w_offset != nullptr) {
      AddOffsets(args, part, at, row_sums, sums);
    }
    if (args.group > 0) AddScaled(args, part, at, sums, totals);
  }
  if (args.group > 0) {
    FinishScaled(args, at, totals);
  } else if (args.bias != nullptr) {
    Epilogue<true>(args, at, sums);
  } else {
    Epilogue<false>(args, at, sums);
  }
}

// A tile whose sums need no more than their scales.
template <typename Tiles>
inline void RunPlainTile(const LinearIntArgs& args, const TilePlace& at, int64_t width,
                         const PanelBlock& weights, const int32_t* start) {
  const int64_t a_stride = RoundUp(args.k, kGroupInputs), groups = GroupsOfInputs(args.k);
  const int8_t* a = args.a + at.row * a_stride;
  if (args.sums != nullptr && at.columns == width * kGroupOutputs) {
    Tiles::Int(at.rows, width, groups, a, a_stride, weights, start,
               args.sums + at.row * args.out_stride + at.column, args.out_stride);
    return;
  }
  if constexpr (Tiles::kHasScaled) {
    if (args.sums == nullptr) {
      Tiles::Scaled(at.rows, width, groups, a, a_stride, weights, start,
                    {args.a_scale + at.row, args.w_scale + at.column,
                     args.bias != nullptr ? args.bias + at.column : nullptr,
                     args.out + at.row * args.out_stride + at.column, args.out_stride, at.columns});
      return;
    }
  }
  alignas(64) int32_t sums[Tiles::kMostRows * kTileColumns];
  Tiles::Int(at.rows, width, groups, a, a_stride, weights, start, sums, kTileColumns);
  if (args.sums != nullptr) {
    StoreSums(args, at, sums);
  } else if (args.bias != nullptr) {
    Epilogue<true>(args, at, sums);
  } else {
    Epilogue<false>(args, at, sums);
  }
}

// Panels are unpacked to bytes a few at a time, stay in cache, and meet all rows.
template <typename Tiles>
void LinearInt(const LinearIntArgs& args) {
  const int64_t panels = GroupsOfOutputs(args.n), a_stride = RoundUp(args.k, kGroupInputs);
  const InputParts parts(args);
  const bool plain = args.group == 0 && args.a_offset == nullptr && args.w_offset == nullptr;
  int32_t* row_sums = (int32_t*)(args.scratch + PackedBytes(args.n, args.k, 8));
  const int64_t rows_at_once = LinearRowSums(args.k) / parts.count;
  for (int64_t row = 0; row < args.m; row += rows_at_once) {
    const int64_t left = args.m - row, rows = left < rows_at_once ? left : rows_at_once;
    for (int64_t p = 0; p < parts.count; ++p) {
      Tiles::SumsOfRows(args.a + row * a_stride + parts[p].begin, a_stride, rows,
                        RoundUp(parts[p].inputs, kGroupInputs), row_sums + p * rows_at_once);
    }
    if (plain) {  // from here on where the sums of a row's tiles begin
      for (int64_t r = 0; r < rows; ++r) row_sums[r] *= -WeightOffset(args.bits);
    }
    for (int64_t panel = 0; panel < panels;) {
      // Blocks and tiles as equal as they can be: a narrow tile is a slow one.
      const int64_t blocks = (panels - panel + kTilePanels - 1) / kTilePanels;
      const int64_t width = (panels - panel + blocks - 1) / blocks;
      const int64_t column = panel * kGroupOutputs, past = args.n - column;
      const int64_t columns = past < width * kGroupOutputs ? past : width * kGroupOutputs;
      const PanelBlock block = UnpackPanels<Tiles>(args, panel, width, args.scratch);
      const int64_t most = Tiles::kRows[width - 1], tiles = (rows + most - 1) / most;
      const int64_t fewest = rows / tiles, higher = rows % tiles;
      for (int64_t tile = 0, done = 0; tile < tiles; ++tile) {
        const int64_t count = fewest + (tile < higher ? 1 : 0);
        const TilePlace at = {row + done, count, column, columns};
        if (plain) {
          RunPlainTile<Tiles>(args, at, width, block, row_sums + done);
        } else {
          RunTile<Tiles>(args, parts, at, width, block, row_sums + done, rows_at_once);
        }
        done += count;
      }
      panel += width;
    }
  }
}

}  // namespace
}  // namespace tmpq::kernels
