// Hadamard matrices for the sizes of real layers, and the rotation of weights.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace tmpq {

// A size that can be rotated: order blocks of 2^k (kernels/include/hadamard.h).
struct Hadamard {
  int64_t order = 1;           // of the matrix across the blocks
  int64_t block = 1;           // 2^k
  std::vector<int8_t> matrix;  // (order, order) of +1 and -1, row-major; empty for order 1

  int64_t size() const { return order * block; }
};

// With the smallest order whose matrix Sylvester's and Paley's constructions give (Paley 1933: q +
// 1 for a prime q = 3 mod 4; 2 (q + 1) for a prime q = 1 mod 4). Nothing for sizes that have none,
// such as those not divisible by 4.
std::optional<Hadamard> HadamardOf(int64_t size);

}  // namespace tmpq
