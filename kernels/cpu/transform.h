// Balancing and rotation over a set's vectors (vectors_*.h): the bytes of TransformRows in rows.h.
// Everything has internal linkage.
#pragma once

#include <stdint.h>

#include "kernels/cpu/rows.h"
#include "kernels/include/kernels.h"

namespace tmpq::kernels {
namespace {

// out (count) = x times `multiply`, or 0 where there is no x.
inline void BalanceBlock(const float* x, const float* multiply, int64_t count, float* out) {
  typedef float Four __attribute__((vector_size(16), aligned(4)));
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    Four value = {};
    if (x != nullptr) value = *(const Four*)(x + i);
    if (multiply != nullptr) value *= *(const Four*)(multiply + i);
    *(Four*)(out + i) = value;
  }
  for (; i < count; ++i) {
    out[i] = (x != nullptr ? x[i] : 0.0f) * (multiply != nullptr ? multiply[i] : 1.0f);
  }
}

// Walsh-Hadamard inside each block of 2^k of x (count), which is whole vectors.
template <typename V>
inline void TransformBlocks(int64_t count, int64_t block, float* x) {
  for (int64_t i = 0; i < count; i += V::kLanes) {
    typename V::F value = V::Load(x + i);
    if (block > 1) value = V::template Butterfly<1>(value);
    if (block > 2) value = V::template Butterfly<2>(value);
    if (block > 4) value = V::template Butterfly<4>(value);
    if constexpr (V::kLanes > 8) {
      if (block > 8) value = V::template Butterfly<8>(value);
    }
    V::Store(x + i, value);
  }
  for (int64_t half = V::kLanes; half < block; half *= 2) {
    for (int64_t begin = 0; begin < count; begin += 2 * half) {
      for (int64_t i = begin; i < begin + half; i += V::kLanes) {
        const typename V::F a = V::Load(x + i), b = V::Load(x + i + half);
        V::Store(x + i, V::Add(a, b));
        V::Store(x + i + half, V::Sub(a, b));
      }
    }
  }
}

// out (Outputs, Width vectors) = sums over `order` lines of x, of which Width vectors are taken,
// with the signs of Outputs columns of the matrix. Products with +1 and -1 are exact: fused or not,
// a sum is rounded once.
template <typename V, int Outputs, int Width>
inline void SumLines(const float* x, int64_t order, int64_t line, const int8_t* matrix,
                     float factor, float* out, int64_t out_stride) {
  typename V::F sums[Outputs][Width];
#pragma GCC unroll 4
  for (int b = 0; b < Outputs; ++b) {
#pragma GCC unroll 4
    for (int v = 0; v < Width; ++v) sums[b][v] = V::Set(0.0f);
  }
  for (int64_t c = 0; c < order; ++c, x += line, matrix += order) {
    typename V::F values[Width];
#pragma GCC unroll 4
    for (int v = 0; v < Width; ++v) values[v] = V::Load(x + v * V::kLanes);
#pragma GCC unroll 4
    for (int b = 0; b < Outputs; ++b) {
      const typename V::F sign = V::Set((float)matrix[b]);
#pragma GCC unroll 4
      for (int v = 0; v < Width; ++v) sums[b][v] = V::Fma(sign, values[v], sums[b][v]);
    }
  }
#pragma GCC unroll 4
  for (int b = 0; b < Outputs; ++b) {
#pragma GCC unroll 4
    for (int v = 0; v < Width; ++v)
      V::Store(out + b * out_stride + v * V::kLanes, V::Mul(sums[b][v], V::Set(factor)));
  }
}

// Rows that are transformed together, `together` of them: lines of the same block of each row, so
// that small blocks fill vectors. x (order, together, block); out: rows of order blocks, the first
// `rows` of which are stored.
template <typename V, int Outputs, int Width>
inline void TransformAcross(const TransformRowsArgs& args, const float* x, int64_t together,
                            int64_t rows, float* out) {
  const int64_t order = args.order, block = args.cols / order, line = together * block;
  const float factor = 1.0f / sqrtf((float)args.cols);
  for (int64_t b = 0; b < order; b += Outputs) {  // orders above 1 are multiples of 4
    for (int64_t i = 0; i < line; i += Width * V::kLanes) {
      if (together == 1) {
        SumLines<V, Outputs, Width>(x + i, order, line, args.matrix + b, factor,
                                    out + b * block + i, block);
        continue;
      }
      float sums[Outputs][Width * V::kLanes];
      SumLines<V, Outputs, Width>(x + i, order, line, args.matrix + b, factor, sums[0],
                                  Width * V::kLanes);
      for (int64_t at = 0; at < Width * V::kLanes; at += block) {  // together > 1: i is 0
        float* to = out + at / block * args.cols + b * block;
        if (at / block >= rows) break;
        for (int o = 0; o < Outputs; ++o, to += block) {
          BalanceBlock(sums[o] + at, nullptr, block, to);
        }
      }
    }
  }
}

// out (order, together, block) of rows: balanced; rows that are not there are 0.
inline void GatherLines(const TransformRowsArgs& args, const float* x, int64_t together,
                        int64_t rows, float* out) {
  const int64_t block = args.cols / args.order;
  for (int64_t c = 0; c < args.cols; c += block) {
    const float* multiply = args.multiply != nullptr ? args.multiply + c : nullptr;
    for (int64_t row = 0; row < together; ++row, out += block)
      BalanceBlock(row < rows ? x + row * args.x_stride + c : nullptr, multiply, block, out);
  }
}

template <typename V>
void TransformRowsBy(const TransformRowsArgs& args) {
  const int64_t cols = args.cols, block = cols / args.order;
  if (!args.rotate || (args.order == 1 ? block < V::kLanes : args.order % 4 != 0)) {
    return TransformRows(args);
  }
  const int64_t wanted = args.order == 1 ? 1 : 4 * V::kLanes / block;
  const int64_t together = wanted < 1                       ? 1
                           : wanted > kTransformScratchRows ? kTransformScratchRows
                                                            : wanted;
  for (int64_t row = 0; row < args.rows; row += together) {
    const int64_t rows = args.rows - row < together ? args.rows - row : together;
    float* out = args.out + row * cols;
    float* lines = args.order == 1 ? out : args.scratch;
    GatherLines(args, args.x + row * args.x_stride, together, rows, lines);
    TransformBlocks<V>(together * cols, block, lines);
    if (args.order == 1) {
      const typename V::F factor = V::Set(1.0f / sqrtf((float)cols));
      for (int64_t i = 0; i < cols; i += V::kLanes)
        V::Store(out + i, V::Mul(V::Load(out + i), factor));
    } else if (together * block >= 4 * V::kLanes) {
      TransformAcross<V, 2, 4>(args, lines, together, rows, out);
    } else if (together * block == 2 * V::kLanes) {
      TransformAcross<V, 4, 2>(args, lines, together, rows, out);
    } else {
      TransformAcross<V, 4, 1>(args, lines, together, rows, out);
    }
  }
}

}  // namespace
}  // namespace tmpq::kernels
