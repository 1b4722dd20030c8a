// Float attention over a set's float product. Everything has internal linkage.
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

// Of float tiles.
constexpr int kTileRows = 6;

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
