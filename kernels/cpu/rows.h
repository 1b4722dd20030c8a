// Row functions as plain loops, compiled once per set of kernels: the compiler vectorizes them for
// each, and the numerics contract makes the bytes equal. Everything has internal linkage.
#pragma once

#include "kernels/include/hadamard.h"
#include "kernels/include/kernels.h"
#include "kernels/include/numerics.h"

namespace tmpq::kernels {
namespace {

// The largest lane; the order does not matter, halving lets it vectorize.
inline float MaxOfLanes(float lanes[kRowLanes]) {
  for (int width = kRowLanes / 2; width > 0; width /= 2) {
    for (int lane = 0; lane < width; ++lane) {
      lanes[lane] = lanes[lane + width] > lanes[lane] ? lanes[lane + width] : lanes[lane];
    }
  }
  return lanes[0];
}

inline float AbsMax(const float* x, int64_t count) {
  float lanes[kRowLanes] = {};
  int64_t i = 0;
  for (; i + kRowLanes <= count; i += kRowLanes) {
    for (int lane = 0; lane < kRowLanes; ++lane) {
      const float a = fabsf(x[i + lane]);
      lanes[lane] = a > lanes[lane] ? a : lanes[lane];
    }
  }
  for (; i < count; ++i) {
    const float a = fabsf(x[i]);
    lanes[i % kRowLanes] = a > lanes[i % kRowLanes] ? a : lanes[i % kRowLanes];
  }
  return MaxOfLanes(lanes);
}

// The least and the largest value; order does not matter.
inline void Extremes(const float* x, int64_t count, float* least, float* most) {
  float low[kRowLanes] = {}, high[kRowLanes] = {};  // a range always holds 0
  for (int64_t i = 0; i < count; i += kRowLanes) {
    const int64_t lanes = count - i < kRowLanes ? count - i : kRowLanes;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      low[lane] = x[i + lane] < low[lane] ? x[i + lane] : low[lane];
      high[lane] = x[i + lane] > high[lane] ? x[i + lane] : high[lane];
    }
  }
  for (int lane = 0; lane < kRowLanes; ++lane) low[lane] = -low[lane];
  *least = -MaxOfLanes(low);
  *most = MaxOfLanes(high);
}

// A static scale and its offset.
inline RangeScale FixedRange(float scale, int32_t offset) {
  return {scale, scale > 0.0f ? 1.0f / scale : 0.0f, offset};
}

// With a zero point, or with a static scale.
inline void QuantizeRowsGenerally(const QuantizeRowsArgs& args) {
  const int64_t q_stride = RoundUp(args.cols, 4);
  const int qmax = QMax(args.bits);
  for (int64_t row = 0; row < args.rows; ++row) {
    const float* __restrict x = args.x + row * args.x_stride;
    int8_t* __restrict q = args.q + row * q_stride;
    RangeScale range = {0, 0, 0};
    if (args.fixed_scale != nullptr) {
      const int64_t at = (args.fixed_first + row) % args.fixed_rows;
      range = FixedRange(args.fixed_scale[at], args.offset != nullptr ? args.fixed_offset[at] : 0);
    } else {
      float least, most;
      Extremes(x, args.cols, &least, &most);
      range = ScaleOfRange(least, most, args.bits);
    }
    args.scale[row] = range.scale;
    if (args.offset != nullptr) {
      args.offset[row] = range.offset;
      for (int64_t i = 0; i < args.cols; ++i)
        q[i] = QuantizeToRange(x[i], range.inverse, range.offset, args.bits);
    } else {
      for (int64_t i = 0; i < args.cols; ++i) q[i] = QuantizeValue(x[i], range.inverse, qmax);
    }
    for (int64_t i = args.cols; i < q_stride; ++i) q[i] = 0;
  }
}

inline void QuantizeRows(const QuantizeRowsArgs& args) {
  if (args.offset != nullptr || args.fixed_scale != nullptr) return QuantizeRowsGenerally(args);
  const int qmax = QMax(args.bits);
  const int64_t cols = args.cols, q_stride = RoundUp(cols, 4);
  for (int64_t row = 0; row < args.rows; ++row) {
    // A byte may alias anything: without __restrict the loop is not vectorized.
    const float* __restrict x = args.x + row * args.x_stride;
    int8_t* __restrict q = args.q + row * q_stride;
    const RowScale scale = ScaleOf(AbsMax(x, cols), qmax);
    args.scale[row] = scale.scale;
    for (int64_t i = 0; i < cols; ++i) q[i] = QuantizeValue(x[i], scale.inverse, qmax);
    for (int64_t i = cols; i < q_stride; ++i) q[i] = 0;
  }
}

void TransformRows(const TransformRowsArgs& args) {
  const float factor = 1.0f / sqrtf((float)args.cols);
  for (int64_t row = 0; row < args.rows; ++row) {
    const float* x = args.x + row * args.x_stride;
    float* out = args.out + row * args.cols;
    if (args.multiply != nullptr) {
      for (int64_t i = 0; i < args.cols; ++i) out[i] = x[i] * args.multiply[i];
    } else {
      for (int64_t i = 0; i < args.cols; ++i) out[i] = x[i];
    }
    if (!args.rotate) continue;
    HadamardRow(out, args.order, args.cols / args.order, args.matrix, factor, args.scratch);
  }
}

// Lane-ordered sum of term(i).
template <typename Term>
inline float RowSum(int64_t count, Term term) {
  float lanes[kRowLanes] = {};
  int64_t i = 0;
  for (; i + kRowLanes <= count; i += kRowLanes) {
    for (int lane = 0; lane < kRowLanes; ++lane) lanes[lane] = lanes[lane] + term(i + lane);
  }
  for (; i < count; ++i) lanes[i % kRowLanes] = lanes[i % kRowLanes] + term(i);
  return SumLanes(lanes);
}

inline void LayerNorm(const LayerNormArgs& args) {
  const auto count = (float)args.cols;
  for (int64_t row = 0; row < args.rows; ++row) {
    const float* x = args.x + row * args.cols;
    float* out = args.out + row * args.cols;
    const float mean = RowSum(args.cols, [&](int64_t i) { return x[i]; }) / count;
    const float variance =
        RowSum(args.cols, [&](int64_t i) { return (x[i] - mean) * (x[i] - mean); }) / count;
    const float inverse = 1.0f / sqrtf(variance + args.epsilon);
    if (args.weight == nullptr) {
      for (int64_t i = 0; i < args.cols; ++i) out[i] = (x[i] - mean) * inverse;
    } else {
      for (int64_t i = 0; i < args.cols; ++i) {
        out[i] = fmaf((x[i] - mean) * inverse, args.weight[i], args.bias[i]);
      }
    }
  }
}

inline void RmsNorm(const LayerNormArgs& args) {
  for (int64_t row = 0; row < args.rows; ++row) {
    const float* x = args.x + row * args.cols;
    float* out = args.out + row * args.cols;
    const float mean = RowSum(args.cols, [&](int64_t i) { return x[i] * x[i]; }) / (float)args.cols;
    const float inverse = 1.0f / sqrtf(mean + args.epsilon);
    for (int64_t i = 0; i < args.cols; ++i) out[i] = x[i] * inverse * args.weight[i];
  }
}

void GroupNorm(const GroupNormArgs& args) {
  const int64_t width = args.channels / args.groups, count = args.pixels * width;
  for (int64_t group = 0; group < args.groups; ++group) {
    const float* x = args.x + group * width;
    const auto at = [&](int64_t i) { return x[i / width * args.x_stride + i % width]; };
    const float mean = RowSum(count, at) / (float)count;
    const float variance =
        RowSum(count, [&](int64_t i) { return (at(i) - mean) * (at(i) - mean); }) / (float)count;
    const float inverse = 1.0f / sqrtf(variance + args.epsilon);
    for (int64_t pixel = 0; pixel < args.pixels; ++pixel) {
      for (int64_t c = 0; c < width; ++c) {
        const int64_t channel = group * width + c;
        args.out[pixel * args.out_stride + channel] =
            fmaf((args.x[pixel * args.x_stride + channel] - mean) * inverse, args.weight[channel],
                 args.bias[channel]);
      }
    }
  }
}

void Modulate(const ModulateArgs& args) {
  for (int64_t row = 0; row < args.samples * args.rows; ++row) {
    const float* shift = args.shift + row / args.rows * args.shift_stride;
    const float* scale = args.scale + row / args.rows * args.scale_stride;
    const float* x = args.x + row * args.cols;
    float* out = args.out + row * args.cols;
    for (int64_t i = 0; i < args.cols; ++i) out[i] = fmaf(x[i], 1.0f + scale[i], shift[i]);
  }
}

void GatedAdd(const GatedAddArgs& args) {
  for (int64_t row = 0; row < args.samples * args.rows; ++row) {
    const float* gate = args.gate + row / args.rows * args.gate_stride;
    const float* x = args.x + row * args.cols;
    const float* y = args.y + row * args.cols;
    float* out = args.out + row * args.cols;
    for (int64_t i = 0; i < args.cols; ++i) out[i] = fmaf(gate[i], y[i], x[i]);
  }
}

void Add(const float* x, const float* y, int64_t count, float* out) {
  for (int64_t i = 0; i < count; ++i) out[i] = x[i] + y[i];
}

inline void Silu(const float* x, int64_t count, float* out) {
  for (int64_t i = 0; i < count; ++i) out[i] = SiluF(x[i]);
}

inline void GeluTanh(const float* x, int64_t count, float* out) {
  for (int64_t i = 0; i < count; ++i) out[i] = GeluTanhF(x[i]);
}

void MeanRows(const RowsArgs& args) {
  for (int64_t i = 0; i < args.cols; ++i) args.out[i] = 0;
  for (int64_t row = 0; row < args.rows; ++row) {
    for (int64_t i = 0; i < args.cols; ++i) args.out[i] = args.out[i] + args.x[row * args.cols + i];
  }
  for (int64_t i = 0; i < args.cols; ++i) args.out[i] = args.out[i] / (float)args.rows;
}

void TimestepEmbedding(const TimestepEmbeddingArgs& args) {
  const int64_t half = args.size / 2;
  float* cosines = args.out + (args.sin_first ? half : 0);
  float* sines = args.out + (args.sin_first ? 0 : half);
  const float denominator = (float)half - args.shift;
  for (int64_t i = 0; i < half; ++i) {
    const float frequency = ExpF(-9.21034037197618273607f * (float)i / denominator);
    cosines[i] = CosF(args.timestep * frequency);
    sines[i] = SinF(args.timestep * frequency);
  }
}

void Multiply(const float* x, const float* y, int64_t count, float* out) {
  for (int64_t i = 0; i < count; ++i) out[i] = x[i] * y[i];
}

void Scale(const float* x, int64_t count, float factor, float* out) {
  for (int64_t i = 0; i < count; ++i) out[i] = x[i] * factor;
}

void RoundActivations(const float* x, int64_t count, Storage storage, float* out) {
  if (storage == Storage::kFloat16) {
    for (int64_t i = 0; i < count; ++i) out[i] = RoundToFloat16(x[i]);
  } else if (storage == Storage::kBfloat16) {
    for (int64_t i = 0; i < count; ++i) out[i] = RoundToBfloat16(x[i]);
  }
}

void GeluErf(const float* x, int64_t count, float* out) {
  for (int64_t i = 0; i < count; ++i) out[i] = GeluErfF(x[i]);
}

inline void QuickGelu(const float* x, int64_t count, float* out) {
  for (int64_t i = 0; i < count; ++i) out[i] = QuickGeluF(x[i]);
}

constexpr float kLeastLogit = -__builtin_inff();  // its exponential against any maximum is 0

// Leaves out the keys whose mask is 0, unless that were all of them.
inline void MaskLogits(const float* mask, int64_t keys, float* logits) {
  if (mask == nullptr) return;
  bool any = false;
  for (int64_t j = 0; j < keys; ++j) any = any || mask[j] != 0.0f;
  if (!any) return;
  for (int64_t j = 0; j < keys; ++j) logits[j] = mask[j] != 0.0f ? logits[j] : kLeastLogit;
}

// The largest of count >= 1 values.
inline float MaxOf(const float* x, int64_t count) {
  float lanes[kRowLanes];
  for (int lane = 0; lane < kRowLanes; ++lane) lanes[lane] = x[0];
  int64_t i = 0;
  for (; i + kRowLanes <= count; i += kRowLanes) {
    for (int lane = 0; lane < kRowLanes; ++lane)
      lanes[lane] = x[i + lane] > lanes[lane] ? x[i + lane] : lanes[lane];
  }
  for (; i < count; ++i)
    lanes[i % kRowLanes] = x[i] > lanes[i % kRowLanes] ? x[i] : lanes[i % kRowLanes];
  return MaxOfLanes(lanes);
}

// Turns logits into integer probabilities against their maximum; returns the exact sum.
// p = round(PMax exp(l - max)). With 16 bits: high and low bytes.
inline int64_t IntegerSoftmax(const float* __restrict logits, int64_t count, int bits,
                              uint8_t* __restrict high, uint8_t* __restrict low) {
  const float maximum = MaxOf(logits, count);
  const auto pmax = (float)((1 << bits) - 1);
  int32_t sum = 0;  // at most 65535 keys of 16 bits, which AttentionArgs' users ensure
  if (bits == 16) {
    for (int64_t j = 0; j < count; ++j) {
      const int32_t p = RoundHalfEven(pmax * ExpF(logits[j] - maximum));
      high[j] = (uint8_t)(p >> 8);
      low[j] = (uint8_t)p;
      sum += p;
    }
  } else {
    for (int64_t j = 0; j < count; ++j) {
      const int32_t p = RoundHalfEven(pmax * ExpF(logits[j] - maximum));
      high[j] = (uint8_t)p;
      sum += p;
    }
  }
  return sum;
}

// Float softmax numerators in place; returns their lane-ordered sum.
inline float FloatSoftmax(float* logits, int64_t count, float scale) {
  const float maximum = MaxOf(logits, count);
  for (int64_t j = 0; j < count; ++j) logits[j] = ExpF((logits[j] - maximum) * scale);
  return RowSum(count, [&](int64_t j) { return logits[j]; });
}

// The softmax numerators of one query's scores (keys), in place; returns their sum.
inline float SoftmaxOfScores(const AttentionArgs& args, int64_t head, int64_t query,
                             float* __restrict scores) {
  const int64_t keys = args.keys;
  float scale = args.score_scale != 0.0f ? args.score_scale : 1.0f / sqrtf((float)args.head_dim);
  MaskLogits(args.mask, keys, scores);
  if (args.bias != nullptr) {
    const float* __restrict bias = args.bias + (head * args.queries + query) * keys;
    for (int64_t j = 0; j < keys; ++j) scores[j] = fmaf(scores[j], scale, bias[j]);
    scale = 1.0f;
  }
  if (args.causal) {
    for (int64_t j = query + 1; j < keys; ++j) scores[j] = kLeastLogit;
  }
  return FloatSoftmax(scores, keys, scale);
}

}  // namespace
}  // namespace tmpq::kernels
