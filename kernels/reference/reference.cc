// The definition of every kernel, as plain loops. Other sets give these bytes.
#include <math.h>

#include "kernels/cpu/rows.h"
#include "kernels/include/kernels.h"
#include "kernels/include/numerics.h"
#include "kernels/include/packing.h"
#include "kernels/reference/convolution.h"

namespace tmpq::kernels {
namespace {

void LinearInt(const LinearIntArgs& args) {
  auto* weights = reinterpret_cast<int8_t*>(args.scratch);  // (n, k)
  const int stored = args.stored_bits > 0 ? args.stored_bits : args.bits;
  UnpackWeights(args.weights, args.n, args.k, stored, weights);
  for (int64_t i = 0; i < args.n * args.k; ++i) {
    weights[i] = static_cast<int8_t>(NarrowValue(weights[i], stored, args.bits));
  }
  const int64_t group = args.group > 0 ? args.group : args.k;
  for (int64_t m = 0; m < args.m; ++m) {
    const int8_t* a = args.a + m * RoundUp(args.k, 4);
    const int32_t a_offset = args.a_offset != nullptr ? args.a_offset[m] : 0;
    for (int64_t n = 0; n < args.n; ++n) {
      const int8_t* w = weights + n * args.k;
      const float bias = args.bias != nullptr ? args.bias[n] : 0.0f;
      float scaled = 0;
      int32_t sum = 0;
      for (int64_t begin = 0, g = 0; begin < args.k; begin += group, ++g) {
        const int64_t end = begin + group < args.k ? begin + group : args.k;
        const int32_t w_offset = args.w_offset != nullptr ? args.w_offset[g * args.n + n] : 0;
        sum = 0;
        for (int64_t k = begin; k < end; ++k) sum += (a[k] + a_offset) * (w[k] + w_offset);
        scaled = fmaf(static_cast<float>(sum), args.w_scale[g * args.n + n], scaled);
      }
      if (args.sums != nullptr) {
        args.sums[m * args.out_stride + n] = sum;
        continue;
      }
      args.out[m * args.out_stride + n] =
          args.group > 0 ? fmaf(scaled, args.a_scale[m], bias)
                         : fmaf(static_cast<float>(sum), args.a_scale[m] * args.w_scale[n], bias);
    }
  }
}

void LinearF32(const LinearF32Args& args) {
  for (int64_t m = 0; m < args.m; ++m) {
    const float* x = args.x + m * args.x_stride;
    for (int64_t begin = 0; begin < args.n; begin += kGroupOutputs) {
      const float* panel = args.panels + begin * args.k;
      float sums[kGroupOutputs] = {};
      for (int64_t k = 0; k < args.k; ++k) {
        for (int i = 0; i < kGroupOutputs; ++i) {
          sums[i] = fmaf(x[k], panel[k * kGroupOutputs + i], sums[i]);
        }
      }
      for (int64_t n = begin; n < args.n && n < begin + kGroupOutputs; ++n) {
        const float bias = args.bias != nullptr ? args.bias[n] : 0.0f;
        args.out[m * args.out_stride + n] = sums[n - begin] + bias;
      }
    }
  }
}

// Where one head's quantized operands lie in the scratch.
struct IntegerHead {
  int8_t *q, *k, *v;  // (queries, d), (keys, d), (keys, d)
  float *q_scale, *k_scale, *v_scale;
  float* logits;        // (keys)
  uint8_t *high, *low;  // (keys) probabilities
};

IntegerHead CarveScratch(const AttentionArgs& args) {
  IntegerHead head;
  auto* floats = reinterpret_cast<float*>(args.scratch);
  head.q_scale = floats;
  head.k_scale = head.q_scale + args.queries;
  head.v_scale = head.k_scale + args.keys;
  head.logits = head.v_scale + args.head_dim;
  auto* bytes = reinterpret_cast<uint8_t*>(head.logits + args.keys);
  head.high = bytes;
  head.low = head.high + args.keys;
  head.q = reinterpret_cast<int8_t*>(head.low + args.keys);
  head.k = head.q + args.queries * args.head_dim;
  head.v = head.k + args.keys * args.head_dim;
  return head;
}

// One scale per token.
void QuantizeTokens(const float* x, int64_t stride, int64_t tokens, int64_t d, int bits, int8_t* q,
                    float* scales) {
  for (int64_t t = 0; t < tokens; ++t) {
    const RowScale scale = ScaleOf(AbsMax(x + t * stride, d), QMax(bits));
    scales[t] = scale.scale;
    for (int64_t i = 0; i < d; ++i) {
      q[t * d + i] = QuantizeValue(x[t * stride + i], scale.inverse, QMax(bits));
    }
  }
}

// One scale per channel, over the tokens.
void QuantizeChannels(const float* x, int64_t stride, int64_t tokens, int64_t d, int bits,
                      int8_t* q, float* scales) {
  for (int64_t i = 0; i < d; ++i) {
    float absmax = 0;
    for (int64_t t = 0; t < tokens; ++t) {
      const float a = fabsf(x[t * stride + i]);
      absmax = a > absmax ? a : absmax;
    }
    const RowScale scale = ScaleOf(absmax, QMax(bits));
    scales[i] = scale.scale;
    for (int64_t t = 0; t < tokens; ++t) {
      q[t * d + i] = QuantizeValue(x[t * stride + i], scale.inverse, QMax(bits));
    }
  }
}

void AttentionInt(const AttentionArgs& args) {
  const int64_t d = args.head_dim, keys = args.keys;
  const float inverse_root = 1.0f / sqrtf(static_cast<float>(d));
  const IntegerHead s = CarveScratch(args);
  for (int64_t h = 0; h < args.heads; ++h) {
    QuantizeTokens(args.q + h * d, args.q_stride, args.queries, d, args.q_bits, s.q, s.q_scale);
    QuantizeTokens(args.k + h * d, args.k_stride, keys, d, args.k_bits, s.k, s.k_scale);
    QuantizeChannels(args.v + h * d, args.v_stride, keys, d, args.v_bits, s.v, s.v_scale);
    for (int64_t i = 0; i < args.queries; ++i) {
      const float row_scale = s.q_scale[i] * inverse_root;
      for (int64_t j = 0; j < keys; ++j) {
        int32_t score = 0;
        for (int64_t c = 0; c < d; ++c)
          score += static_cast<int32_t>(s.q[i * d + c]) * s.k[j * d + c];
        s.logits[j] = static_cast<float>(score) * (row_scale * s.k_scale[j]);
      }
      MaskLogits(args.mask, keys, s.logits);
      const float inverse = 1.0f / static_cast<float>(IntegerSoftmax(
                                       s.logits, keys, args.softmax_bits, s.high, s.low));
      for (int64_t c = 0; c < d; ++c) {
        int64_t numerator = 0;
        for (int64_t j = 0; j < keys; ++j) {
          const int32_t p = args.softmax_bits == 16 ? s.high[j] * 256 + s.low[j] : s.high[j];
          numerator += static_cast<int64_t>(p) * s.v[j * d + c];
        }
        args.out[i * args.out_stride + h * d + c] =
            static_cast<float>(numerator) * inverse * s.v_scale[c];
      }
    }
  }
}

void AttentionF32(const AttentionArgs& args) {
  const int64_t d = args.head_dim;
  auto* p = reinterpret_cast<float*>(args.scratch);  // (keys)
  for (int64_t h = 0; h < args.heads; ++h) {
    for (int64_t i = 0; i < args.queries; ++i) {
      const float* q = args.q + i * args.q_stride + h * d;
      for (int64_t j = 0; j < args.keys; ++j) {
        const float* k = args.k + j * args.k_stride + h * d;
        float score = 0;
        for (int64_t c = 0; c < d; ++c) score = fmaf(q[c], k[c], score);
        p[j] = score;
      }
      const float sum = SoftmaxOfScores(args, h, i, p);
      for (int64_t c = 0; c < d; ++c) {
        float total = 0;
        for (int64_t j = 0; j < args.keys; ++j) {
          total = fmaf(p[j], args.v[j * args.v_stride + h * d + c], total);
        }
        args.out[i * args.out_stride + h * d + c] = total / sum;
      }
    }
  }
}

bool Supported() { return true; }

}  // namespace

const KernelSet& ReferenceKernels() {
  static const KernelSet set = {
      "reference",     "nothing",         Supported,     QuantizeRows,  LinearInt,
      LinearF32,       AttentionInt,      AttentionF32,  LayerNorm,     GroupNorm,
      Modulate,        GatedAdd,          Add,           Silu,          GeluTanh,
      MeanRows,        TimestepEmbedding, Multiply,      Scale,         GeluErf,
      RmsNorm,         QuickGelu,         TransformRows, UnpackToBytes, ConvInt,
      RoundActivations};
  return set;
}

}  // namespace tmpq::kernels
