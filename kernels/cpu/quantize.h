// Rows of floats to bytes over a set's vectors (vectors_*.h): the bytes of QuantizeRows in rows.h.
// Everything has internal linkage.
#pragma once

#include <stdint.h>

#include "kernels/cpu/rows.h"
#include "kernels/include/kernels.h"
#include "kernels/include/numerics.h"
#include "kernels/include/packing.h"

namespace tmpq::kernels {
namespace {

// Magnitudes of x (count), the largest of which is that of all.
template <typename V>
inline typename V::F LargeMagnitudes(const float* x, int64_t count) {
  typename V::F most = V::Set(0.0f);
  int64_t i = 0;
  if (count >= 4 * V::kLanes) {  // chains of their own
    typename V::F second = most, third = most, fourth = most;
    for (; i + 4 * V::kLanes <= count; i += 4 * V::kLanes) {
      most = V::Max(V::Abs(V::Load(x + i)), most);
      second = V::Max(V::Abs(V::Load(x + i + V::kLanes)), second);
      third = V::Max(V::Abs(V::Load(x + i + 2 * V::kLanes)), third);
      fourth = V::Max(V::Abs(V::Load(x + i + 3 * V::kLanes)), fourth);
    }
    most = V::Max(V::Max(most, second), V::Max(third, fourth));
  }
  for (; i + V::kLanes <= count; i += V::kLanes) most = V::Max(V::Abs(V::Load(x + i)), most);
  if (i < count) most = V::Max(V::Abs(V::LoadFirst(x + i, count - i)), most);
  return most;
}

// Symmetric scales of up to kLanes rows from their own values. Together: a row's last steps, on its
// own, would be most of a short row's time.
template <typename V>
struct OwnScales {
  alignas(64) float scale[V::kLanes], inverse[V::kLanes];

  OwnScales(const float* x, int64_t stride, int64_t rows, int64_t cols, int bits) {
    typename V::F most[V::kLanes];
    for (int64_t r = 0; r < V::kLanes; ++r)
      most[r] = r < rows ? LargeMagnitudes<V>(x + r * stride, cols) : V::Set(0.0f);
    alignas(64) float largest[V::kLanes];
    V::Store(largest, V::LargestOfEach(most));
    for (int r = 0; r < V::kLanes; ++r) {
      const RowScale of_row = ScaleOf(largest[r], QMax(bits));
      scale[r] = of_row.scale, inverse[r] = of_row.inverse;
    }
  }
};

// The least and the largest of values and 0.
template <typename V>
inline void ExtremesOf(const float* x, int64_t count, float* least, float* most) {
  typename V::F low = V::Set(0.0f), high = low;
  int64_t i = 0;
  const auto see = [&](typename V::F values) {
    low = V::Min(values, low);
    high = V::Max(values, high);
  };
  for (; i + V::kLanes <= count; i += V::kLanes) see(V::Load(x + i));
  if (i < count) see(V::LoadFirst(x + i, count - i));
  *least = -V::Largest(V::Sub(V::Set(0.0f), low));
  *most = V::Largest(high);
}

// What takes a value to its integer: round(clamp(x inverse)) - offset.
template <typename V>
struct Rounding {
  typename V::F inverse, least, most;
  typename V::I offset;

  static Rounding Symmetric(float inverse, int bits) {
    const auto qmax = (float)QMax(bits);
    return {V::Set(inverse), V::Set(-qmax), V::Set(qmax), V::SetInt(0)};
  }
  static Rounding WithOffset(float inverse, int32_t offset, int bits) {
    const int32_t half = 1 << (bits - 1);
    return {V::Set(inverse), V::Set((float)(offset - half)), V::Set((float)(offset + half - 1)),
            V::SetInt(offset)};
  }
  typename V::I Of(typename V::F x) const {
    const auto clamped = V::Min(V::Max(V::Mul(x, inverse), least), most);
    return V::SubInt(V::Round(clamped), offset);
  }
};

// The same for the values that a symmetric scale was made of: none is beyond it, NaN alone is
// clamped.
template <typename V>
struct RoundingOfOwn {
  typename V::F inverse, least;

  RoundingOfOwn(float of, int bits) : inverse(V::Set(of)), least(V::Set(-(float)QMax(bits))) {}
  typename V::I Of(typename V::F x) const { return V::Round(V::Max(V::Mul(x, inverse), least)); }
};

// q (stride) of x (count), zeros behind; returns parts of the sum of q.
template <typename V, typename R>
inline typename V::I RoundRow(const R& rounding, const float* x, int64_t count, int64_t stride,
                              int8_t* q) {
  typename V::I sum = V::SetInt(0);
  int64_t i = 0;
  for (; i + 4 * V::kLanes <= count; i += 4 * V::kLanes) {
    const typename V::I a = rounding.Of(V::Load(x + i)),
                        b = rounding.Of(V::Load(x + i + V::kLanes)),
                        c = rounding.Of(V::Load(x + i + 2 * V::kLanes)),
                        d = rounding.Of(V::Load(x + i + 3 * V::kLanes));
    V::StoreBytesOfFour(q + i, a, b, c, d);
    sum = V::AddInt(sum, V::AddInt(V::AddInt(a, b), V::AddInt(c, d)));
  }
  for (; i + V::kLanes <= count; i += V::kLanes) {
    const typename V::I values = rounding.Of(V::Load(x + i));
    V::StoreBytes(q + i, values);
    sum = V::AddInt(sum, values);
  }
  if (i < count) {
    const auto values = V::FirstInts(rounding.Of(V::LoadFirst(x + i, count - i)), count - i);
    V::StoreFirstBytes(q + i, values, count - i);
    sum = V::AddInt(sum, values);
  }
  for (i = count; i < stride; ++i) q[i] = 0;
  return sum;
}

// Scale, inverse and offset of one row.
template <typename V>
inline RangeScale RowRange(const QuantizeRowsArgs& args, int64_t row, bool with_offset) {
  const float* x = args.x + row * args.x_stride;
  if (args.fixed_scale == nullptr && with_offset) {
    float least, most;
    ExtremesOf<V>(x, args.cols, &least, &most);
    return ScaleOfRange(least, most, args.bits);
  }
  if (args.fixed_scale == nullptr) {
    const RowScale own = ScaleOf(V::Largest(LargeMagnitudes<V>(x, args.cols)), QMax(args.bits));
    return {own.scale, own.inverse, 0};
  }
  const int64_t at = (args.fixed_first + row) % args.fixed_rows;
  return FixedRange(args.fixed_scale[at], with_offset ? args.fixed_offset[at] : 0);
}

template <typename V>
inline Rounding<V> RoundingOf(const RangeScale& range, bool with_offset, int bits) {
  return with_offset ? Rounding<V>::WithOffset(range.inverse, range.offset, bits)
                     : Rounding<V>::Symmetric(range.inverse, bits);
}

template <typename V>
void QuantizeRowsBy(const QuantizeRowsArgs& args) {
  const int64_t stride = RoundUp(args.cols, kGroupInputs);
  const bool with_offset = args.offset != nullptr;
  if (!with_offset && args.fixed_scale == nullptr) {
    for (int64_t first = 0; first < args.rows; first += V::kLanes) {
      const int64_t left = args.rows - first, rows = left < V::kLanes ? left : V::kLanes;
      const float* x = args.x + first * args.x_stride;
      const OwnScales<V> scales(x, args.x_stride, rows, args.cols, args.bits);
      for (int64_t r = 0; r < rows; ++r) {
        args.scale[first + r] = scales.scale[r];
        RoundRow<V>(RoundingOfOwn<V>(scales.inverse[r], args.bits), x + r * args.x_stride,
                    args.cols, stride, args.q + (first + r) * stride);
      }
    }
    return;
  }
  for (int64_t row = 0; row < args.rows; ++row) {
    const RangeScale range = RowRange<V>(args, row, with_offset);
    args.scale[row] = range.scale;
    if (with_offset) args.offset[row] = range.offset;
    RoundRow<V>(RoundingOf<V>(range, with_offset, args.bits), args.x + row * args.x_stride,
                args.cols, stride, args.q + row * stride);
  }
}

}  // namespace
}  // namespace tmpq::kernels
