// The kernels that a device offers, and the sets of them that this machine can run.
//
// All are single-threaded leaf functions on row-major float rows; threads run over samples above
// them. Every set gives the bytes of the reference (docs/numerics.md). Sizes are elements, strides
// are elements from row to row. Outputs do not overlap inputs unless a comment allows it.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernels/include/convolution.h"
#include "kernels/include/storage.h"

namespace tmpq::kernels {

// Quantization of x (rows, cols) with one scale a row: scale (q + offset) is the value.
struct QuantizeRowsArgs {
  const float* x = nullptr;
  int64_t rows = 0, cols = 0, x_stride = 0;
  int bits = 8;               // 2..8
  int8_t* q = nullptr;        // (rows, RoundUp4(cols)), padding 0
  float* scale = nullptr;     // (rows)
  int32_t* offset = nullptr;  // (rows); null: symmetric, all offsets 0
  // Static scales, of row r those at (fixed_first + r) % fixed_rows; null: from the row itself.
  const float* fixed_scale = nullptr;
  const int32_t* fixed_offset = nullptr;  // with `offset`
  int64_t fixed_rows = 0, fixed_first = 0;
};

// Rows of small blocks that a set may rotate together.
constexpr int64_t kTransformScratchRows = 16;

// Channel balancing and rotation: out row = x row * multiply, then the Hadamard transform.
struct TransformRowsArgs {
  const float* x = nullptr;  // (rows, cols)
  int64_t rows = 0, cols = 0, x_stride = 0;
  const float* multiply = nullptr;  // (cols) or null
  bool rotate = false;              // cols = order 2^k, kernels/include/hadamard.h
  int64_t order = 1;
  const int8_t* matrix = nullptr;  // (order, order) of +1 and -1; null for order 1
  float* out = nullptr;            // (rows, cols), contiguous
  float* scratch = nullptr;        // (kTransformScratchRows, cols)
};

// out (m, n) = fmaf((float)sum_k a w, a_scale w_scale, bias) where a and w are integers plus their
// offsets. With groups of inputs that have scales of their own: sums of groups, s =
// fmaf((float)sum, w_scale, s) over groups in order, then fmaf(s, a_scale, bias).
struct LinearIntArgs {
  int64_t m = 0, n = 0, k = 0;
  const int8_t* a = nullptr;         // (m, RoundUp4(k))
  const float* a_scale = nullptr;    // (m)
  const uint8_t* weights = nullptr;  // packed (n, k), kernels/include/packing.h
  int bits = 8, a_bits = 8;        // of the weights; a is within -2^(a_bits - 1) and 2^(a_bits - 1)
  const float* w_scale = nullptr;  // (groups, n)
  const float* bias = nullptr;     // (n) or null
  float* out = nullptr;
  int64_t out_stride = 0;
  uint8_t* scratch = nullptr;  // LinearIntScratchBytes(n, k), 64-byte aligned
  // With any offset, k is at most kMaxOffsetInputs.
  const int32_t* a_offset = nullptr;  // (m); null: all 0
  const int32_t* w_offset = nullptr;  // (groups, n); null: all 0
  const int32_t* w_sums = nullptr;    // (groups, n): sum of w without offset; with a_offset
  int64_t group = 0;                  // inputs of a group, a multiple of 4; 0: one group of all
  int stored_bits = 0;                // nested storage: of `weights`, more than `bits`; 0: bits
  // Not null: (m, n) at out_stride, the exact sums instead of out; without groups or offsets.
  int32_t* sums = nullptr;
};
// Sums of products of two bytes with offsets stay within int32 up to here.
constexpr int64_t kMaxOffsetInputs = 32768;

// out (m, n) = bias + chain over k of fmaf(x, w, acc), acc from 0.
struct LinearF32Args {
  int64_t m = 0, n = 0, k = 0;
  const float* x = nullptr;
  int64_t x_stride = 0;
  const float* panels = nullptr;  // PackFloatPanels of (n, k)
  const float* bias = nullptr;    // (n) or null
  float* out = nullptr;
  int64_t out_stride = 0;
};

// One sample: q (queries, heads * head_dim), k and v (keys, heads * head_dim) -> out, of q's shape.
struct AttentionArgs {
  int64_t queries = 0, keys = 0, heads = 0, head_dim = 0;
  const float *q = nullptr, *k = nullptr, *v = nullptr;
  int64_t q_stride = 0, k_stride = 0, v_stride = 0;
  int q_bits = 8, k_bits = 8, v_bits = 8;  // 2..8; float attention ignores them
  int softmax_bits = 8;                    // 2..8 or 16
  // (keys) or null: keys whose number is 0 are left out; where all are 0, none is.
  const float* mask = nullptr;
  // Float attention only. logits = fmaf(score, score_scale, bias) with a bias (heads, queries,
  // keys); score_scale of 0 is 1 / sqrt(head_dim). `causal`: keys after the query are left out.
  float score_scale = 0;
  const float* bias = nullptr;
  bool causal = false;
  float* out = nullptr;
  int64_t out_stride = 0;
  uint8_t* scratch = nullptr;  // AttentionScratchBytes, 64-byte aligned
};

struct RowsArgs {
  const float* x = nullptr;  // (rows, cols), contiguous
  int64_t rows = 0, cols = 0;
  float* out = nullptr;
};

// Over cols; times weight plus bias (cols) where those are given.
struct LayerNormArgs {
  const float* x = nullptr;  // (rows, cols), contiguous
  int64_t rows = 0, cols = 0;
  float epsilon = 0;
  const float *weight = nullptr, *bias = nullptr;  // both or none
  float* out = nullptr;
};

// cos(t f_i), then sin(t f_i) (or sines first), f_i = 10000^(-i / (size / 2 - shift)).
struct TimestepEmbeddingArgs {
  float timestep = 0;
  int64_t size = 0;  // even
  float shift = 0;
  bool sin_first = false;
  float* out = nullptr;
};

// (samples * rows, cols); shift, scale, gate: one row per sample, at their strides.
struct ModulateArgs {
  const float* x = nullptr;
  int64_t samples = 0, rows = 0, cols = 0;
  const float *shift = nullptr, *scale = nullptr;
  int64_t shift_stride = 0, scale_stride = 0;
  float* out = nullptr;
};
struct GatedAddArgs {
  const float *x = nullptr, *y = nullptr;
  int64_t samples = 0, rows = 0, cols = 0;
  const float* gate = nullptr;
  int64_t gate_stride = 0;
  float* out = nullptr;
};

// One sample (pixels, channels); statistics over (pixels, channels / groups) of each group.
struct GroupNormArgs {
  const float* x = nullptr;
  int64_t pixels = 0, channels = 0, groups = 0;
  int64_t x_stride = 0, out_stride = 0;  // from pixel to pixel: some groups of a wider sample
  float epsilon = 0;
  const float *weight = nullptr, *bias = nullptr;  // (channels)
  float* out = nullptr;
};

struct KernelSet {
  const char* name;         // "reference", "avx2", "avx512vnni"
  const char* requirement;  // what the processor has to have
  bool (*supported)();

  void (*quantize_rows)(const QuantizeRowsArgs&);
  void (*linear_int)(const LinearIntArgs&);
  void (*linear_f32)(const LinearF32Args&);
  void (*attention_int)(const AttentionArgs&);
  void (*attention_f32)(const AttentionArgs&);
  void (*layer_norm)(const LayerNormArgs&);
  void (*group_norm)(const GroupNormArgs&);
  void (*modulate)(const ModulateArgs&);   // fmaf(x, 1 + scale, shift)
  void (*gated_add)(const GatedAddArgs&);  // fmaf(gate, y, x)
  void (*add)(const float* x, const float* y, int64_t count, float* out);
  void (*silu)(const float* x, int64_t count, float* out);
  void (*gelu_tanh)(const float* x, int64_t count, float* out);
  void (*mean_rows)(const RowsArgs&);  // out (cols): sum over rows in order, then divided
  void (*timestep_embedding)(const TimestepEmbeddingArgs&);
  void (*multiply)(const float* x, const float* y, int64_t count, float* out);
  void (*scale)(const float* x, int64_t count, float factor, float* out);
  void (*gelu_erf)(const float* x, int64_t count, float* out);
  void (*rms_norm)(const LayerNormArgs&);  // x / sqrt(mean x^2 + epsilon), times weight; no bias
  void (*quick_gelu)(const float* x, int64_t count, float* out);
  void (*transform_rows)(const TransformRowsArgs&);
  void (*unpack_weights)(const UnpackArgs&);
  void (*conv_int)(const ConvIntArgs&);
  // To what 16 bits hold; may write over x.
  void (*round_activations)(const float* x, int64_t count, Storage storage, float* out);
};

static inline int64_t RoundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}
// How many sums of rows LinearIntArgs::scratch has room for: 12 rows of any groups, and more.
static inline int64_t LinearRowSums(int64_t k) { return 4096 + 12 * ((k + 3) / 4); }
// Bytes of LinearIntArgs::scratch.
int64_t LinearIntScratchBytes(int64_t n, int64_t k);
// Bytes of AttentionArgs::scratch, for integers and float.
int64_t AttentionScratchBytes(int64_t queries, int64_t keys, int64_t head_dim);

const KernelSet& ReferenceKernels();
const KernelSet& Avx2Kernels();        // only call its functions where supported()
const KernelSet& Avx512VnniKernels();  // likewise

constexpr int kKernelSetCount = 3;
// All sets, slowest first.
const KernelSet* const* AllKernels();
// The fastest supported set.
const KernelSet& BestKernels();
// By name; null when unknown.
const KernelSet* FindKernels(const char* name);

}  // namespace tmpq::kernels
