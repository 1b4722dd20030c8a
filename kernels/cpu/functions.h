// The functions of numerics.h on several vectors at once, whose steps stand side by side: a chain
// of them alone would wait for each result. Everything has internal linkage.
#pragma once

#include <stdint.h>

#include "kernels/include/numerics.h"

namespace tmpq::kernels {
namespace {

// N vectors of a set (vectors_*.h).
template <typename V, int N>
struct Wide {
  typename V::F part[N];

  Wide() = default;
  explicit Wide(float value) {
#pragma GCC unroll 4
    for (int i = 0; i < N; ++i) part[i] = V::Set(value);
  }
};

template <typename V, int N, typename Function>
TMPQ_ALWAYS_INLINE Wide<V, N> EachPart(Function function) {
  Wide<V, N> result;
#pragma GCC unroll 4
  for (int i = 0; i < N; ++i) result.part[i] = function(i);
  return result;
}

template <typename V, int N>
TMPQ_ALWAYS_INLINE Wide<V, N> operator+(const Wide<V, N>& a, const Wide<V, N>& b) {
  return EachPart<V, N>([&](int i) { return V::Add(a.part[i], b.part[i]); });
}
template <typename V, int N>
TMPQ_ALWAYS_INLINE Wide<V, N> operator-(const Wide<V, N>& a, const Wide<V, N>& b) {
  return EachPart<V, N>([&](int i) { return V::Sub(a.part[i], b.part[i]); });
}
template <typename V, int N>
TMPQ_ALWAYS_INLINE Wide<V, N> operator*(const Wide<V, N>& a, const Wide<V, N>& b) {
  return EachPart<V, N>([&](int i) { return V::Mul(a.part[i], b.part[i]); });
}
template <typename V, int N>
TMPQ_ALWAYS_INLINE Wide<V, N> operator/(const Wide<V, N>& a, const Wide<V, N>& b) {
  return EachPart<V, N>([&](int i) { return V::Div(a.part[i], b.part[i]); });
}
template <typename V, int N>
TMPQ_ALWAYS_INLINE Wide<V, N> Fma(const Wide<V, N>& a, const Wide<V, N>& b, const Wide<V, N>& c) {
  return EachPart<V, N>([&](int i) { return V::Fma(a.part[i], b.part[i], c.part[i]); });
}
template <typename V, int N>
TMPQ_ALWAYS_INLINE Wide<V, N> AtLeast(const Wide<V, N>& x, const Wide<V, N>& least) {
  return EachPart<V, N>([&](int i) { return V::Max(x.part[i], least.part[i]); });
}
template <typename V, int N>
TMPQ_ALWAYS_INLINE Wide<V, N> AtMost(const Wide<V, N>& x, const Wide<V, N>& most) {
  return EachPart<V, N>([&](int i) { return V::Min(x.part[i], most.part[i]); });
}
template <typename V, int N>
TMPQ_ALWAYS_INLINE Wide<V, N> TimesPowerOfTwo(const Wide<V, N>& x, const Wide<V, N>& shifted) {
  return EachPart<V, N>([&](int i) {
    const auto power = V::template ShiftLeft<23>(V::FloatAsBits(shifted.part[i]));
    return V::BitsAsFloat(V::AddInt(V::FloatAsBits(x.part[i]), power));
  });
}

// out = function(x), of `count` elements; may write over x.
template <typename V, typename Function>
TMPQ_ALWAYS_INLINE void MapBy(const float* x, int64_t count, float* out, Function function) {
  constexpr int kParts = 2;
  int64_t i = 0;
  for (; i + kParts * V::kLanes <= count; i += kParts * V::kLanes) {
    const auto values =
        function(EachPart<V, kParts>([&](int p) { return V::Load(x + i + p * V::kLanes); }));
    for (int p = 0; p < kParts; ++p) V::Store(out + i + p * V::kLanes, values.part[p]);
  }
  for (; i < count; i += V::kLanes) {
    const int64_t left = count - i < V::kLanes ? count - i : V::kLanes;
    const auto values = function(EachPart<V, 1>(
        [&](int) { return left == V::kLanes ? V::Load(x + i) : V::LoadFirst(x + i, left); }));
    if (left == V::kLanes) {
      V::Store(out + i, values.part[0]);
    } else {
      V::StoreFirst(out + i, values.part[0], left);
    }
  }
}

template <typename V>
void SiluBy(const float* x, int64_t count, float* out) {
  MapBy<V>(
      x, count, out, [](auto values) __attribute__((always_inline)) { return SiluOf(values); });
}

template <typename V>
void GeluTanhBy(const float* x, int64_t count, float* out) {
  MapBy<V>(
      x, count, out, [](auto values) __attribute__((always_inline)) { return GeluTanhOf(values); });
}

template <typename V>
void QuickGeluBy(const float* x, int64_t count, float* out) {
  MapBy<V>(
      x, count, out,
      [](auto values) __attribute__((always_inline)) { return QuickGeluOf(values); });
}

}  // namespace
}  // namespace tmpq::kernels
