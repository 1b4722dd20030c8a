// Everything that happens to a row of channels, fused: activation function, normalization,
// modulation, channel balancing, Hadamard rotation, quantization. One warp a row, which stays in
// shared memory in between; kernels/cpu/rows.h in the canonical lane order, byte for byte.
#pragma once

#include "kernels/cuda/activations.h"
#include "kernels/cuda/device.h"
#include "kernels/include/numerics.h"

namespace tmpq::gpu {

enum class Unary : int { kNone, kGeluTanh, kGeluErf, kSilu, kQuickGelu, kRelu };
enum class Norm : int { kNone, kLayer, kRms };

// Steps in this order; those without pointers or flags are left out.
struct RowsParams {
  Activations x;  // (rows, cols)
  int64_t rows = 0, cols = 0, x_stride = 0;
  // Of a function's, normalization's and modulation's results, which are nodes of their own.
  Storage storage = Storage::kFloat32;
  Unary unary = Unary::kNone;
  Norm norm = Norm::kNone;
  float epsilon = 0;
  const float *weight = nullptr, *bias = nullptr;  // (cols); RMS has no bias
  // fmaf(x, 1 + scale, shift), a row each a sample of `sample_rows` rows.
  Activations shift, scale;
  int64_t sample_rows = 1, shift_stride = 0, scale_stride = 0;
  Activations out;        // (rows, cols), contiguous: the row as it is here
  bool out_last = false;  // or as it is before quantization
  // Balancing and rotation: TransformRowsArgs of kernels/include/kernels.h.
  const float* multiply = nullptr;
  bool rotate = false;
  int64_t order = 1;
  const int8_t* matrix = nullptr;
  // Quantization: QuantizeRowsArgs there. q (rows, q_stride = PaddedInputs(cols, group) of
  // gemm_parts.h), padding 0; or `nibbles`, without groups, two a byte (GemmKind::kNibbles).
  int bits = 8;
  int8_t* q = nullptr;
  int64_t q_stride = 0;
  bool nibbles = false;
  float* q_scale = nullptr;     // (rows)
  int32_t* q_offset = nullptr;  // (rows); null: symmetric
  int32_t* q_sums = nullptr;    // (rows, groups) sums of q, or null
  int64_t group = 0;            // inputs of a group, a multiple of 4; 0: one group
  const float* fixed_scale = nullptr;
  const int32_t* fixed_offset = nullptr;
  int64_t fixed_rows = 0;
};

// Shared memory of a warp's row, and of its copy where blocks are mixed.
TMPQ_HOST_DEVICE inline int64_t RowSharedBytes(int64_t cols, int64_t order) {
  return (cols + 63) / 64 * 64 * 4 * (order > 1 ? 2 : 1);
}

TMPQ_DEVICE float ApplyUnary(Unary unary, float x) {
  switch (unary) {
    case Unary::kNone:
      break;
    case Unary::kGeluTanh:
      return kernels::GeluTanhF(x);
    case Unary::kGeluErf:
      return kernels::GeluErfF(x);
    case Unary::kSilu:
      return kernels::SiluF(x);
    case Unary::kQuickGelu:
      return kernels::QuickGeluF(x);
    case Unary::kRelu:
      return x < 0 ? 0.0f : x;  // NaN stays
  }
  return x;
}

// The lanes' values summed as SumLanes does; every lane has the result.
TMPQ_DEVICE float SumOfLanes(float value) {
  TMPQ_UNROLL
  for (int mask = kernels::kRowLanes / 2; mask > 0; mask /= 2)
    value = value + ShuffleXor(value, mask);
  return value;
}
TMPQ_DEVICE int32_t SumOfLanes(int32_t value) {
  TMPQ_UNROLL
  for (int mask = kernels::kRowLanes / 2; mask > 0; mask /= 2) value += ShuffleXor(value, mask);
  return value;
}
TMPQ_DEVICE float MaxOfLanes(float value) {
  TMPQ_UNROLL
  for (int mask = kernels::kRowLanes / 2; mask > 0; mask /= 2) {
    const float other = ShuffleXor(value, mask);
    value = other > value ? other : value;
  }
  return value;
}

// A row in shared memory. Element i belongs to lane i % 32, so lanes need not wait for each other
// until a step says so.
struct SharedRow {
  uint32_t begin;
  int64_t cols;

  TMPQ_DEVICE float Get(int64_t i) const {
    return LoadShared<float>(begin + static_cast<uint32_t>(i) * 4);
  }
  TMPQ_DEVICE void Set(int64_t i, float value) const {
    StoreShared(begin + static_cast<uint32_t>(i) * 4, value);
  }
};

TMPQ_DEVICE void NormalizeRow(const RowsParams& p, const SharedRow& row) {
  const auto count = static_cast<float>(row.cols);
  float mean = 0, sum = 0;
  if (p.norm == Norm::kLayer) {
    for (int64_t i = Lane(); i < row.cols; i += 32) sum = sum + row.Get(i);
    mean = SumOfLanes(sum) / count;
    sum = 0;
  }
  for (int64_t i = Lane(); i < row.cols; i += 32) {
    const float centred = p.norm == Norm::kLayer ? row.Get(i) - mean : row.Get(i);
    sum = sum + centred * centred;
  }
  const float inverse = 1.0f / sqrtf(SumOfLanes(sum) / count + p.epsilon);
  for (int64_t i = Lane(); i < row.cols; i += 32) {
    const float value = (p.norm == Norm::kLayer ? row.Get(i) - mean : row.Get(i)) * inverse;
    float result = value;
    if (p.weight != nullptr) {
      result = p.bias == nullptr ? value * LoadGlobal(p.weight + i)
                                 : fmaf(value, LoadGlobal(p.weight + i), LoadGlobal(p.bias + i));
    }
    row.Set(i, kernels::RoundTo(p.storage, result));
  }
}

// HadamardRow of kernels/include/hadamard.h: strides below 32 between lanes, others within a lane.
// Returns where the row is afterwards.
TMPQ_DEVICE SharedRow RotateRow(const RowsParams& p, const SharedRow& row) {
  const int64_t block = row.cols / p.order, lane = Lane();
  const float factor = 1.0f / sqrtf(static_cast<float>(row.cols));
  for (int64_t first = 0; first < row.cols; first += 32) {
    const bool inside = first + lane < row.cols;
    float value = inside ? row.Get(first + lane) : 0.0f;
    for (int half = 1; half < 32 && half < block; half *= 2) {
      const float other = ShuffleXor(value, half);
      value = (lane & half) != 0 ? other - value : value + other;
    }
    if (inside) row.Set(first + lane, value);
  }
  for (int64_t half = 32; half < block; half *= 2) {
    for (int64_t first = 0; first < row.cols; first += 2 * half) {
      for (int64_t i = first + lane; i < first + half; i += 32) {
        const float a = row.Get(i), b = row.Get(i + half);
        row.Set(i, a + b);
        row.Set(i + half, a - b);
      }
    }
  }
  if (p.order == 1) {
    for (int64_t i = lane; i < row.cols; i += 32) row.Set(i, row.Get(i) * factor);
    return row;
  }
  SyncWarp();
  const SharedRow mixed = {row.begin + static_cast<uint32_t>((row.cols + 63) / 64 * 64 * 4),
                           row.cols};
  for (int64_t i = lane; i < row.cols; i += 32) {
    float sum = 0;
    for (int64_t c = 0; c < p.order; ++c) {
      const auto sign = static_cast<float>(LoadGlobal(p.matrix + c * p.order + i / block));
      sum = sum + sign * row.Get(c * block + i % block);
    }
    mixed.Set(i, sum * factor);
  }
  return mixed;
}

TMPQ_DEVICE kernels::RangeScale RangeOfRow(const RowsParams& p, const SharedRow& row,
                                           int64_t index) {
  kernels::RangeScale range = {0, 0, 0};
  if (p.fixed_scale != nullptr) {
    const int64_t at = index % p.fixed_rows;
    range.scale = LoadGlobal(p.fixed_scale + at);
    range.inverse = range.scale > 0.0f ? 1.0f / range.scale : 0.0f;
    if (p.q_offset != nullptr) range.offset = LoadGlobal(p.fixed_offset + at);
    return range;
  }
  float low = 0, high = 0;  // of -x and of x; a range holds 0
  for (int64_t i = Lane(); i < row.cols; i += 32) {
    const float value = row.Get(i);
    low = -value > low ? -value : low;
    high = value > high ? value : high;
  }
  low = MaxOfLanes(low), high = MaxOfLanes(high);
  if (p.q_offset != nullptr) return kernels::ScaleOfRange(-low, high, p.bits);
  const kernels::RowScale scale = kernels::ScaleOf(low > high ? low : high, kernels::QMax(p.bits));
  return {scale.scale, scale.inverse, 0};
}

// Four values at `i` of a row as a word of integers; 0 from `end` on.
TMPQ_DEVICE uint32_t QuantizeWord(const RowsParams& p, const SharedRow& row,
                                  const kernels::RangeScale& range, int64_t i, int64_t end,
                                  int32_t* sum) {
  if (i >= end) return 0;
  const Words4 words = LoadShared<Words4>(row.begin + static_cast<uint32_t>(i) * 4);
  uint32_t packed = 0;
  TMPQ_UNROLL
  for (int j = 0; j < 4; ++j) {
    const float value = kernels::FloatOfBits(static_cast<int32_t>(words.v[j]));
    int8_t q = 0;
    if (i + j < end) {
      q = p.q_offset != nullptr
              ? kernels::QuantizeToRange(value, range.inverse, range.offset, p.bits)
              : kernels::QuantizeValue(value, range.inverse, kernels::QMax(p.bits));
    }
    *sum += q;
    packed |= static_cast<uint32_t>(static_cast<uint8_t>(q)) << (8 * j);
  }
  return packed;
}

// Four bytes of nibbles as two bytes of two.
TMPQ_DEVICE uint16_t NibblesOf(uint32_t bytes) {
  bytes &= 0x0f0f0f0fu;
  bytes |= bytes >> 4;
  return static_cast<uint16_t>((bytes & 0xffu) | (bytes >> 8 & 0xff00u));
}

TMPQ_DEVICE void QuantizeRow(const RowsParams& p, const SharedRow& row, int64_t index) {
  const kernels::RangeScale range = RangeOfRow(p, row, index);
  for (int64_t i = row.cols + Lane(); i < (row.cols + 3) / 4 * 4; i += 32) row.Set(i, 0.0f);
  SyncWarp();
  const int64_t group = p.group == 0 ? row.cols : p.group, groups = (row.cols + group - 1) / group;
  const int64_t padded = p.q_stride / groups;
  const bool first_lane = Lane() == 0;
  for (int64_t g = 0; g < groups; ++g) {
    const int64_t begin = g * group, rest = row.cols - begin;
    const int64_t end = begin + (rest < group ? rest : group);
    int32_t sum = 0;
    const int per_byte = p.nibbles ? 2 : 1;
    for (int64_t i = Lane() * 4; i < padded * per_byte; i += 128) {  // four neighbours a lane
      const uint32_t word = QuantizeWord(p, row, range, begin + i, end, &sum);
      int8_t* to = p.q + index * p.q_stride + g * padded + i / per_byte;
      if (p.nibbles)
        StoreGlobal(reinterpret_cast<uint16_t*>(to), NibblesOf(word));
      else
        StoreGlobal(reinterpret_cast<uint32_t*>(to), word);
    }
    sum = SumOfLanes(sum);
    if (p.q_sums != nullptr) StoreGlobalIf(first_lane, p.q_sums + index * groups + g, sum);
  }
  StoreGlobalIf(first_lane, p.q_scale + index, range.scale);
  if (p.q_offset != nullptr) StoreGlobalIf(first_lane, p.q_offset + index, range.offset);
}

TMPQ_DEVICE void StoreRow(const RowsParams& p, const SharedRow& row, int64_t index) {
  if (p.out.empty()) return;
  for (int64_t i = Lane(); i < p.cols; i += 32) p.out.Store(index * p.cols + i, row.Get(i));
}

// Blocks of kWarps rows; shared memory: kWarps RowSharedBytes.
template <int kWarps>
struct RowsKernel {
  using Params = RowsParams;
  static constexpr int kThreads = 32 * kWarps;
  static constexpr const char* kName = "rows";

  TMPQ_DEVICE static void Run(const Params& p) {
    const int64_t index = static_cast<int64_t>(BlockX()) * kWarps + Warp();
    if (index >= p.rows) return;
    SharedRow row = {Warp() * static_cast<uint32_t>(RowSharedBytes(p.cols, p.order)), p.cols};
    for (int64_t i = Lane(); i < p.cols; i += 32) {
      float value = p.x.Load(index * p.x_stride + i);
      if (p.unary != Unary::kNone) value = kernels::RoundTo(p.storage, ApplyUnary(p.unary, value));
      row.Set(i, value);
    }
    if (p.norm != Norm::kNone) NormalizeRow(p, row);
    if (!p.shift.empty()) {
      const int64_t sample = index / p.sample_rows;
      for (int64_t i = Lane(); i < p.cols; i += 32) {
        const float value = fmaf(row.Get(i), 1.0f + p.scale.Load(sample * p.scale_stride + i),
                                 p.shift.Load(sample * p.shift_stride + i));
        row.Set(i, kernels::RoundTo(p.storage, value));
      }
    }
    if (!p.out_last) StoreRow(p, row, index);
    if (p.multiply != nullptr) {
      for (int64_t i = Lane(); i < p.cols; i += 32)
        row.Set(i, row.Get(i) * LoadGlobal(p.multiply + i));
    }
    if (p.rotate) row = RotateRow(p, row);
    if (p.out_last) StoreRow(p, row, index);
    if (p.q != nullptr) QuantizeRow(p, row, index);
  }
};

}  // namespace tmpq::gpu
