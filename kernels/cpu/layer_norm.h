// Normalization of rows over a set's vectors (vectors_*.h): the bytes of LayerNorm and RmsNorm in
// rows.h. As many rows together as a vector has lanes: the additions across the lanes of a row, on
// their own, would be most of a short row's time. Everything has internal linkage.
#pragma once

#include <stdint.h>

#include "kernels/include/kernels.h"
#include "kernels/include/numerics.h"

namespace tmpq::kernels {
namespace {

// Sums of term(x) over the lanes of RowSum, halved until they are one vector.
template <typename V, typename Term>
TMPQ_ALWAYS_INLINE typename V::F PartialRowSum(const float* x, int64_t count, Term term) {
  constexpr int kVectors = kRowLanes / V::kLanes;
  typename V::F lanes[kVectors];
  for (int v = 0; v < kVectors; ++v) lanes[v] = V::Set(0.0f);
  int64_t i = 0;
  for (; i + kRowLanes <= count; i += kRowLanes) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
      lanes[v] = V::Add(lanes[v], term(V::Load(x + i + v * V::kLanes)));
  }
  for (int v = 0; i < count; i += V::kLanes, ++v) {
    const int64_t left = count - i;
    const auto of_rest = left < V::kLanes
                             ? V::KeepFirst(term(V::LoadFirst(x + i, left)), V::Set(0.0f), left)
                             : term(V::Load(x + i));
    lanes[v] = V::Add(lanes[v], of_rest);
  }
  for (int width = kVectors / 2; width > 0; width /= 2) {
    for (int v = 0; v < width; ++v) lanes[v] = V::Add(lanes[v], lanes[v + width]);
  }
  return lanes[0];
}

// out = function(x, index of the first element, how many where they fill no vector, else 0).
template <typename V, typename Function>
TMPQ_ALWAYS_INLINE void MapRow(const float* x, int64_t count, float* out, Function function) {
  int64_t i = 0;
  for (; i + V::kLanes <= count; i += V::kLanes) V::Store(out + i, function(V::Load(x + i), i, 0));
  if (i < count) {
    V::StoreFirst(out + i, function(V::LoadFirst(x + i, count - i), i, count - i), count - i);
  }
}

// kCentred: around the mean, else around 0; the deviation is that root of the mean square.
template <typename V, bool kCentred>
void NormalizeRowsBy(const LayerNormArgs& args) {
  const int64_t cols = args.cols;
  const auto count = V::Set((float)cols);
  const auto load = [&](const float* p, int64_t i, int64_t some) {
    return some > 0 ? V::LoadFirst(p + i, some) : V::Load(p + i);
  };
  for (int64_t first = 0; first < args.rows; first += V::kLanes) {
    const int64_t left = args.rows - first, rows = left < V::kLanes ? left : V::kLanes;
    const float* x = args.x + first * cols;
    alignas(64) float mean[V::kLanes] = {}, inverse[V::kLanes];
    typename V::F sums[V::kLanes];
    for (int64_t r = rows; r < V::kLanes; ++r) sums[r] = V::Set(0.0f);
    if (kCentred) {
      for (int64_t r = 0; r < rows; ++r)
        sums[r] = PartialRowSum<V>(x + r * cols, cols, [](auto value) { return value; });
      V::Store(mean, V::Div(V::OrderedSumOfEach(sums), count));
    }
    for (int64_t r = 0; r < rows; ++r) {
      const auto of_row = V::Set(mean[r]);
      sums[r] = PartialRowSum<V>(x + r * cols, cols, [&](auto value) {
        const auto deviation = kCentred ? V::Sub(value, of_row) : value;
        return V::Mul(deviation, deviation);
      });
    }
    const auto square = V::Add(V::Div(V::OrderedSumOfEach(sums), count), V::Set(args.epsilon));
    V::Store(inverse, V::Div(V::Set(1.0f), V::Sqrt(square)));
    for (int64_t r = 0; r < rows; ++r) {
      const auto of_row = V::Set(mean[r]), factor = V::Set(inverse[r]);
      const auto normal = [&](auto value) {
        return V::Mul(kCentred ? V::Sub(value, of_row) : value, factor);
      };
      float* out = args.out + (first + r) * cols;
      if (!kCentred) {
        MapRow<V>(x + r * cols, cols, out, [&](auto value, int64_t i, int64_t some) {
          return V::Mul(normal(value), load(args.weight, i, some));
        });
      } else if (args.weight == nullptr) {
        MapRow<V>(x + r * cols, cols, out,
                  [&](auto value, int64_t, int64_t) { return normal(value); });
      } else {
        MapRow<V>(x + r * cols, cols, out, [&](auto value, int64_t i, int64_t some) {
          return V::Fma(normal(value), load(args.weight, i, some), load(args.bias, i, some));
        });
      }
    }
  }
}

template <typename V>
void LayerNormBy(const LayerNormArgs& args) {
  NormalizeRowsBy<V, true>(args);
}

template <typename V>
void RmsNormBy(const LayerNormArgs& args) {
  NormalizeRowsBy<V, false>(args);
}

}  // namespace
}  // namespace tmpq::kernels
