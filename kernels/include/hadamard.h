// The fast Hadamard transform of a row, for host and device (docs/numerics.md, "Rotation").
//
// A row of `order` blocks of 2^k values is multiplied by (H_order kron H_2^k) / sqrt(order 2^k): a
// Walsh-Hadamard transform inside each block, additions only, then H_order across the blocks. Order
// 1 is the plain Walsh-Hadamard transform. Float and double instances do the same operations.
#pragma once

#include <stdint.h>

#include "kernels/include/numerics.h"

namespace tmpq::kernels {

// In place. `matrix` (order, order) of +1 and -1, row-major, null for order 1; `block` 2^k;
// `scratch` (order) values; `factor` 1 / sqrt(order block).
template <typename T>
TMPQ_HOST_DEVICE static inline void HadamardRow(T* row, int64_t order, int64_t block,
                                                const int8_t* matrix, T factor, T* scratch) {
  for (int64_t b = 0; b < order; ++b) {
    T* x = row + b * block;
    for (int64_t half = 1; half < block; half *= 2) {
      for (int64_t begin = 0; begin < block; begin += 2 * half) {
        for (int64_t i = begin; i < begin + half; ++i) {
          const T sum = x[i] + x[i + half], difference = x[i] - x[i + half];
          x[i] = sum;
          x[i + half] = difference;
        }
      }
    }
  }
  if (order > 1) {
    for (int64_t i = 0; i < block; ++i) {
      for (int64_t b = 0; b < order; ++b) scratch[b] = row[b * block + i];
      for (int64_t b = 0; b < order; ++b) {
        T sum = 0;
        for (int64_t c = 0; c < order; ++c) sum = sum + (T)matrix[c * order + b] * scratch[c];
        row[b * block + i] = sum;
      }
    }
  }
  for (int64_t i = 0; i < order * block; ++i) row[i] = row[i] * factor;
}

}  // namespace tmpq::kernels
