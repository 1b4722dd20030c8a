// Functions of elements, and copies between layouts. A thread an element.
#pragma once

#include "kernels/cuda/activations.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/rows.h"
#include "kernels/include/numerics.h"

namespace tmpq::gpu {

constexpr int kElementThreads = 256;

TMPQ_DEVICE int64_t ElementIndex() {
  return static_cast<int64_t>(BlockX()) * kElementThreads + ThreadIndex();
}

enum class Binary : int { kNone, kAdd, kMultiply, kScale, kGatedAdd };

// out[i] = op(unary(x[i]), y[..]): of sample s = i / sample, y is at s y_sample_stride + i %
// period.
struct ElementwiseParams {
  Activations x;
  int64_t count = 0;
  Unary unary = Unary::kNone;
  Binary binary = Binary::kNone;
  Activations y;
  int64_t sample = 1, period = 1, y_sample_stride = 0;
  float factor = 1;  // kScale
  // kGatedAdd: fmaf(gate, y, x), gate rows of `cols` by sample.
  Activations gate;
  int64_t cols = 1, gate_stride = 0;
  Activations out;  // may be x
};

struct ElementwiseKernel {
  using Params = ElementwiseParams;
  static constexpr int kThreads = kElementThreads;
  static constexpr const char* kName = "elementwise";

  TMPQ_DEVICE static void Run(const Params& p) {
    const int64_t i = ElementIndex(), sample = i / p.sample;
    const bool inside = i < p.count;
    float x = ApplyUnary(p.unary, p.x.LoadIf(inside, i));
    if (!p.y.empty()) {
      const float y = p.y.LoadIf(inside, sample * p.y_sample_stride + i % p.period);
      if (p.binary == Binary::kAdd) x = x + y;
      if (p.binary == Binary::kMultiply) x = x * y;
      if (p.binary == Binary::kGatedAdd)
        x = fmaf(p.gate.LoadIf(inside, sample * p.gate_stride + i % p.cols), y, x);
    }
    if (p.binary == Binary::kScale) x = x * p.factor;
    p.out.StoreIf(inside, i, x);
  }
};

// Element (i0, .., i5) goes from sum i from_stride to sum i to_stride: slices, patches,
// permutations, concatenation, upsampling, repetition.
struct CopyParams {
  static constexpr int kRank = 6;
  int64_t count = 0;
  int64_t dims[kRank] = {1, 1, 1, 1, 1, 1};  // the last is innermost
  int64_t from_strides[kRank] = {}, to_strides[kRank] = {};
  Activations from, to;
};

struct CopyKernel {
  using Params = CopyParams;
  static constexpr int kThreads = kElementThreads;
  static constexpr const char* kName = "copy";

  TMPQ_DEVICE static void Run(const Params& p) {
    int64_t rest = ElementIndex(), from = 0, to = 0;
    const bool inside = rest < p.count;
    TMPQ_UNROLL
    for (int d = Params::kRank - 1; d >= 0; --d) {
      const int64_t at = rest % p.dims[d];
      rest /= p.dims[d];
      from += at * p.from_strides[d];
      to += at * p.to_strides[d];
    }
    p.to.StoreIf(inside, to, p.from.LoadIf(inside, from));
  }
};

// Row r of out (rows, cols) is row index[r] of the table of r's sample.
struct SelectParams {
  const int32_t* index = nullptr;  // (rows), within the table
  Activations table;
  int64_t rows = 0, cols = 0, sample_rows = 1, table_stride = 0;  // elements from table to table
  Activations out;
};

struct SelectKernel {
  using Params = SelectParams;
  static constexpr int kThreads = kElementThreads;
  static constexpr const char* kName = "select";

  TMPQ_DEVICE static void Run(const Params& p) {
    const int64_t i = ElementIndex(), row = i / p.cols;
    const bool inside = row < p.rows;
    const int64_t index = LoadGlobalIf(inside, p.index + row, 0);
    const int64_t at = row / p.sample_rows * p.table_stride + index * p.cols + i % p.cols;
    p.out.StoreIf(inside, i, p.table.LoadIf(inside, at));
  }
};

// Row r of out is x's where the mask of its sample and token is not 0, else y's.
struct ReplaceRowsParams {
  Activations x, y, mask;  // mask (samples, tokens)
  int64_t rows = 0, cols = 0, sample_rows = 1, tokens = 1;
  Activations out;
};

struct ReplaceRowsKernel {
  using Params = ReplaceRowsParams;
  static constexpr int kThreads = kElementThreads;
  static constexpr const char* kName = "replace_rows";

  TMPQ_DEVICE static void Run(const Params& p) {
    const int64_t i = ElementIndex(), row = i / p.cols;
    const bool inside = row < p.rows;
    const float kept = p.mask.LoadIf(inside, row / p.sample_rows * p.tokens + row % p.tokens);
    p.out.StoreIf(inside, i, (kept != 0 ? p.x : p.y).LoadIf(inside, i));
  }
};

// TimestepEmbeddingArgs of kernels/include/kernels.h, a number a row.
struct TimestepParams {
  Activations timesteps;  // (rows)
  int64_t rows = 0, size = 0;
  float shift = 0;
  bool sin_first = false;
  Activations out;  // (rows, size)
};

struct TimestepKernel {
  using Params = TimestepParams;
  static constexpr int kThreads = kElementThreads;
  static constexpr const char* kName = "timestep_embedding";

  TMPQ_DEVICE static void Run(const Params& p) {
    const int64_t half = p.size / 2, at = ElementIndex(), row = at / half, i = at % half;
    const bool inside = row < p.rows;
    const float denominator = static_cast<float>(half) - p.shift;
    const float frequency =
        kernels::ExpF(-9.21034037197618273607f * static_cast<float>(i) / denominator);
    const float angle = p.timesteps.LoadIf(inside, row) * frequency;
    const int64_t out = row * p.size + i;
    p.out.StoreIf(inside, out + (p.sin_first ? half : 0), kernels::CosF(angle));
    p.out.StoreIf(inside, out + (p.sin_first ? 0 : half), kernels::SinF(angle));
  }
};

// Mean over the rows of each sample, in order. A thread a sample and column.
struct MeanRowsParams {
  Activations x;  // (samples, rows, cols)
  int64_t samples = 0, rows = 0, cols = 0;
  Activations out;  // (samples, cols)
};

struct MeanRowsKernel {
  using Params = MeanRowsParams;
  static constexpr int kThreads = kElementThreads;
  static constexpr const char* kName = "mean_rows";

  TMPQ_DEVICE static void Run(const Params& p) {
    const int64_t i = ElementIndex(), sample = i / p.cols;
    const bool inside = sample < p.samples;
    float sum = 0;
    for (int64_t row = 0; row < p.rows; ++row)
      sum = sum + p.x.LoadIf(inside, (sample * p.rows + row) * p.cols + i % p.cols);
    p.out.StoreIf(inside, i, sum / static_cast<float>(p.rows));
  }
};

// Turns every head's channel pairs by the angles of the row's token. A thread a pair.
struct RotaryParams {
  Activations x, angles;  // (samples, rows, cols); (samples, tokens, head)
  int64_t pairs = 0, rows = 0, cols = 0, tokens = 0, head = 0;
  Activations out;
};

struct RotaryKernel {
  using Params = RotaryParams;
  static constexpr int kThreads = kElementThreads;
  static constexpr const char* kName = "rotary";

  TMPQ_DEVICE static void Run(const Params& p) {
    const int64_t i = ElementIndex() * 2, row = i / p.cols, at = i % p.cols % p.head;
    const bool inside = ElementIndex() < p.pairs;
    const int64_t turn = (row / p.rows * p.tokens + row % p.rows % p.tokens) * p.head + at;
    const float cosine = p.angles.LoadIf(inside, turn), sine = p.angles.LoadIf(inside, turn + 1);
    const float a = p.x.LoadIf(inside, i), b = p.x.LoadIf(inside, i + 1);
    p.out.StoreIf(inside, i, a * cosine - b * sine);
    p.out.StoreIf(inside, i + 1, b * cosine + a * sine);
  }
};

}  // namespace tmpq::gpu
