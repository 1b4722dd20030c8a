// What products of quantized rows with packed weights take, and what happens around their sums;
// kernels/cuda/gemm.h multiplies.
#pragma once

#include "kernels/cuda/activations.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/weights.h"
#include "kernels/include/numerics.h"

namespace tmpq::gpu {

// What the rows are: as they are stored; with weight scales by group of inputs; or the windows of a
// convolution, gathered on the way to shared memory. Of nibbles: two a byte of activations and
// weights (at most 4 bits each), for devices that multiply them as such.
enum class GemmKind : int { kRows, kGroups, kWindows, kNibbles, kNibbleWindows };
TMPQ_HOST_DEVICE constexpr bool IsWindows(GemmKind kind) {
  return kind == GemmKind::kWindows || kind == GemmKind::kNibbleWindows;
}
TMPQ_HOST_DEVICE constexpr bool IsNibbles(GemmKind kind) {
  return kind == GemmKind::kNibbles || kind == GemmKind::kNibbleWindows;
}

// Windows of images (.., height, width, channels), channels last: row r of the product is output
// pixel r, inputs are ordered (window row, window column, channel). Products gather windows of
// bytes whose channels are a multiple of 16, of nibbles a multiple of 32; `channels` is as
// elsewhere.
struct Windows {
  int height = 0, width = 0, channels = 0;
  int out_height = 0, out_width = 0, window_width = 0, stride = 1;
  int above = 0, left = 0;          // how far the first window reaches out
  int doubled = 0;                  // 1: each pixel of images of half the size stands for four
  const int8_t* outside = nullptr;  // (images, 16): the integer that stands for 0
};

enum class Epilogue : int { kNone, kGeluTanh, kGeluErf, kSilu, kGatedAdd };

struct GemmParams {
  int64_t m = 0, n = 0, k = 0;
  const int8_t* a = nullptr;         // (m, PaddedInputs), padding 0
  const float* a_scale = nullptr;    // (m)
  const uint8_t* weights = nullptr;  // ReshuffleWeights
  const float* w_scale = nullptr;    // (groups, n)
  const float* bias = nullptr;       // (n) or null
  // Zero points: a_offset (m) with w_sums (groups, n), w_offset (groups, n) with a_sums
  // (m, groups); null: all 0.
  const int32_t *a_offset = nullptr, *w_sums = nullptr;
  const int32_t *w_offset = nullptr, *a_sums = nullptr;
  int64_t scale_rows = 1;  // rows that share an a_scale and a_offset: an image's
  Activations out;
  int64_t out_stride = 0;
  Epilogue epilogue = Epilogue::kNone;
  Storage product_storage = Storage::kFloat32;  // of the product, which an epilogue never stores
  // kGatedAdd: out = fmaf(gate, product, residual), a gate row a sample of `rows` rows.
  Activations gate, residual;  // residual at out_stride
  int64_t rows = 1, gate_stride = 0;
  // kGroups: inputs of a group; each group's rows and weights are padded to a multiple of 64.
  int64_t group = 0;
  Windows windows;  // kWindows; `a` is the images
  // More than one split (not of kGroups): block z sums its share of the stages of inputs into
  // partial (splits, m, n), and FinishSplitKernel makes the outputs.
  int64_t splits = 1;
  int32_t* partial = nullptr;
};

TMPQ_HOST_DEVICE inline int64_t StageTiles(int64_t inputs) {
  return (inputs + kTileInputs - 1) / kTileInputs;
}
// Inputs of a stored row of activations.
TMPQ_HOST_DEVICE inline int64_t PaddedInputs(int64_t k, int64_t group) {
  if (group == 0) return StageTiles(k) * kTileInputs;
  return (k + group - 1) / group * StageTiles(group) * kTileInputs;
}

// Bytes of a row of k nibbles, which are padded as inputs are.
TMPQ_HOST_DEVICE inline int64_t NibbleBytes(int64_t k) { return (k + 1) / 2; }

constexpr int kStageInputs = kTileInputs;

// Byte of 16-byte chunk 0..3 of a row of 64 in shared memory: eight rows at one chunk, and eight
// neighbouring chunks, lie in different banks.
TMPQ_DEVICE uint32_t SwizzledChunk(int row, int chunk) {
  return static_cast<uint32_t>(row * kStageInputs + ((chunk ^ (row >> 1 & 3)) << 4));
}

// What belongs to a row and to a column of the outputs.
struct RowTerms {
  float scale;
  int32_t offset, sum;
};
struct ColumnTerms {
  float scale, bias;
  int32_t offset, sum;
};

TMPQ_DEVICE ColumnTerms LoadColumnTerms(const GemmParams& p, int64_t group, int64_t column,
                                        bool inside) {
  const int64_t at = group * p.n + column;
  ColumnTerms terms = {LoadGlobalIf(inside, p.w_scale + at, 0.0f), 0.0f, 0, 0};
  if (p.bias != nullptr) terms.bias = LoadGlobalIf(inside, p.bias + column, 0.0f);
  if (p.a_offset != nullptr) terms.sum = LoadGlobalIf(inside, p.w_sums + at, 0);
  if (p.w_offset != nullptr) terms.offset = LoadGlobalIf(inside, p.w_offset + at, 0);
  return terms;
}
TMPQ_DEVICE RowTerms LoadRowTerms(const GemmParams& p, int64_t group, int64_t row, bool inside) {
  const int64_t shared = row / p.scale_rows;
  RowTerms terms = {LoadGlobalIf(inside, p.a_scale + shared, 0.0f), 0, 0};
  if (p.a_offset != nullptr) terms.offset = LoadGlobalIf(inside, p.a_offset + shared, 0);
  if (p.w_offset != nullptr) {
    const int64_t groups = p.group == 0 ? 1 : (p.k + p.group - 1) / p.group;
    terms.sum = LoadGlobalIf(inside, p.a_sums + row * groups + group, 0);
  }
  return terms;
}

// Modulo 2^32; the result is within int32 for k <= kMaxOffsetInputs.
TMPQ_DEVICE int32_t AddOffsets(int64_t k, int32_t sum, const RowTerms& row,
                               const ColumnTerms& column) {
  const auto a_offset = static_cast<uint32_t>(row.offset);
  const auto w_offset = static_cast<uint32_t>(column.offset);
  return static_cast<int32_t>(
      static_cast<uint32_t>(sum) + a_offset * static_cast<uint32_t>(column.sum) +
      w_offset * (static_cast<uint32_t>(row.sum) + static_cast<uint32_t>(k) * a_offset));
}

TMPQ_DEVICE float OutputOf(const GemmParams& p, int32_t sum, const RowTerms& row,
                           const ColumnTerms& column) {
  return fmaf(static_cast<float>(AddOffsets(p.k, sum, row, column)), row.scale * column.scale,
              column.bias);
}

// What an output becomes after the product.
TMPQ_DEVICE float FinishOutput(const GemmParams& p, float value, int64_t row, int64_t column,
                               bool inside) {
  if (p.epilogue == Epilogue::kNone) return value;
  value = kernels::RoundTo(p.product_storage, value);
  switch (p.epilogue) {
    case Epilogue::kNone:
      break;
    case Epilogue::kGeluTanh:
      return kernels::GeluTanhF(value);
    case Epilogue::kGeluErf:
      return kernels::GeluErfF(value);
    case Epilogue::kSilu:
      return kernels::SiluF(value);
    case Epilogue::kGatedAdd:
      return fmaf(p.gate.LoadIf(inside, row / p.rows * p.gate_stride + column), value,
                  p.residual.LoadIf(inside, row * p.out_stride + column));
  }
  return value;
}

// Where pixel (y, x) of an image is among the pixels that are stored.
TMPQ_DEVICE int64_t StoredPixel(const Windows& w, int64_t image, int y, int x) {
  const int half = w.doubled;
  return (image * (w.height >> half) + (y >> half)) * (w.width >> half) + (x >> half);
}

// 16 bytes of a row, which has `per_byte` inputs a byte: where they are, or null for zeros.
TMPQ_DEVICE const int8_t* WindowChunk(const GemmParams& p, int64_t row, int chunk, int per_byte) {
  const Windows& w = p.windows;
  const int input = chunk * 16 * per_byte, position = input / w.channels;
  const int pixels = w.out_height * w.out_width, pixel = static_cast<int>(row % pixels);
  const int64_t image = row / pixels;
  if (row >= p.m || input >= p.k) return nullptr;
  const int y = pixel / w.out_width * w.stride + position / w.window_width - w.above;
  const int x = pixel % w.out_width * w.stride + position % w.window_width - w.left;
  if (y < 0 || y >= w.height || x < 0 || x >= w.width) return w.outside + image * 16;
  return p.a + (StoredPixel(w, image, y, x) * w.channels + input % w.channels) / per_byte;
}

}  // namespace tmpq::gpu
