// Functions of elements, and copies between layouts. A thread an element.
#pragma once

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
  const float* x = nullptr;
  int64_t count = 0;
  Unary unary = Unary::kNone;
  Binary binary = Binary::kNone;
  const float* y = nullptr;
  int64_t sample = 1, period = 1, y_sample_stride = 0;
  float factor = 1;  // kScale
  // kGatedAdd: fmaf(gate, y, x), gate rows of `cols` by sample.
  const float* gate = nullptr;
  int64_t cols = 1, gate_stride = 0;
  float* out = nullptr;  // may be x
};

struct ElementwiseKernel {
  using Params = ElementwiseParams;
  static constexpr int kThreads = kElementThreads;
  static constexpr const char* kName = "elementwise";

  TMPQ_DEVICE static void Run(const Params& p) {
    const int64_t i = ElementIndex(), sample = i / p.sample;
    const bool inside = i < p.count;
    float x = ApplyUnary(p.unary, LoadGlobalIf(inside, p.x + i, 0.0f));
    if (p.y != nullptr) {
      const float y = LoadGlobalIf(inside, p.y + sample * p.y_sample_stride + i % p.period, 0.0f);
      if (p.binary == Binary::kAdd) x = x + y;
      if (p.binary == Binary::kMultiply) x = x * y;
      if (p.binary == Binary::kGatedAdd)
        x = fmaf(LoadGlobalIf(inside, p.gate + sample * p.gate_stride + i % p.cols, 0.0f), y, x);
    }
    if (p.binary == Binary::kScale) x = x * p.factor;
    StoreGlobalIf(inside, p.out + i, x);
  }
};

// Element (i0, .., i5) goes from sum i from_stride to sum i to_stride: slices, patches,
// permutations, concatenation, upsampling, repetition.
struct CopyParams {
  static constexpr int kRank = 6;
  int64_t count = 0;
  int64_t dims[kRank] = {1, 1, 1, 1, 1, 1};  // the last is innermost
  int64_t from_strides[kRank] = {}, to_strides[kRank] = {};
  const float* from = nullptr;
  float* to = nullptr;
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
    StoreGlobalIf(inside, p.to + to, LoadGlobalIf(inside, p.from + from, 0.0f));
  }
};

// Row r of out (rows, cols) is row index[r] of the table of r's sample.
struct SelectParams {
  const int32_t* index = nullptr;  // (rows), within the table
  const float* table = nullptr;
  int64_t rows = 0, cols = 0, sample_rows = 1, table_stride = 0;  // floats from table to table
  float* out = nullptr;
};

struct SelectKernel {
  using Params = SelectParams;
  static constexpr int kThreads = kElementThreads;
  static constexpr const char* kName = "select";

  TMPQ_DEVICE static void Run(const Params& p) {
    const int64_t i = ElementIndex(), row = i / p.cols;
    const bool inside = row < p.rows;
    const int64_t index = LoadGlobalIf(inside, p.index + row, 0);
    const float* table = p.table + row / p.sample_rows * p.table_stride;
    StoreGlobalIf(inside, p.out + i,
                  LoadGlobalIf(inside, table + index * p.cols + i % p.cols, 0.0f));
  }
};

// Row r of out is x's where the mask of its sample and token is not 0, else y's.
struct ReplaceRowsParams {
  const float *x = nullptr, *y = nullptr, *mask = nullptr;  // mask (samples, tokens)
  int64_t rows = 0, cols = 0, sample_rows = 1, tokens = 1;
  float* out = nullptr;
};

struct ReplaceRowsKernel {
  using Params = ReplaceRowsParams;
  static constexpr int kThreads = kElementThreads;
  static constexpr const char* kName = "replace_rows";

  TMPQ_DEVICE static void Run(const Params& p) {
    const int64_t i = ElementIndex(), row = i / p.cols;
    const bool inside = row < p.rows;
    const float kept =
        LoadGlobalIf(inside, p.mask + row / p.sample_rows * p.tokens + row % p.tokens, 0.0f);
    StoreGlobalIf(inside, p.out + i, LoadGlobalIf(inside, (kept != 0 ? p.x : p.y) + i, 0.0f));
  }
};

// TimestepEmbeddingArgs of kernels/include/kernels.h, a number a row.
struct TimestepParams {
  const float* timesteps = nullptr;  // (rows)
  int64_t rows = 0, size = 0;
  float shift = 0;
  bool sin_first = false;
  float* out = nullptr;  // (rows, size)
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
    const float angle = LoadGlobalIf(inside, p.timesteps + row, 0.0f) * frequency;
    float* out = p.out + row * p.size + i;
    StoreGlobalIf(inside, out + (p.sin_first ? half : 0), kernels::CosF(angle));
    StoreGlobalIf(inside, out + (p.sin_first ? 0 : half), kernels::SinF(angle));
  }
};

// Mean over the rows of each sample, in order. A thread a sample and column.
struct MeanRowsParams {
  const float* x = nullptr;  // (samples, rows, cols)
  int64_t samples = 0, rows = 0, cols = 0;
  float* out = nullptr;  // (samples, cols)
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
      sum = sum + LoadGlobalIf(inside, p.x + (sample * p.rows + row) * p.cols + i % p.cols, 0.0f);
    StoreGlobalIf(inside, p.out + i, sum / static_cast<float>(p.rows));
  }
};

// Turns every head's channel pairs by the angles of the row's token. A thread a pair.
struct RotaryParams {
  const float *x = nullptr, *angles = nullptr;  // (samples, rows, cols); (samples, tokens, head)
  int64_t pairs = 0, rows = 0, cols = 0, tokens = 0, head = 0;
  float* out = nullptr;
};

struct RotaryKernel {
  using Params = RotaryParams;
  static constexpr int kThreads = kElementThreads;
  static constexpr const char* kName = "rotary";

  TMPQ_DEVICE static void Run(const Params& p) {
    const int64_t i = ElementIndex() * 2, row = i / p.cols, at = i % p.cols % p.head;
    const bool inside = ElementIndex() < p.pairs;
    const float* turn =
        p.angles + (row / p.rows * p.tokens + row % p.rows % p.tokens) * p.head + at;
    const float cosine = LoadGlobalIf(inside, turn, 0.0f);
    const float sine = LoadGlobalIf(inside, turn + 1, 0.0f);
    const float a = LoadGlobalIf(inside, p.x + i, 0.0f);
    const float b = LoadGlobalIf(inside, p.x + i + 1, 0.0f);
    StoreGlobalIf(inside, p.out + i, a * cosine - b * sine);
    StoreGlobalIf(inside, p.out + i + 1, b * cosine + a * sine);
  }
};

}  // namespace tmpq::gpu
