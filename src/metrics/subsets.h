// Random subsets of rows, for intervals by subsampling.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "src/core/random.h"

namespace tmpq {

// `size` different rows of 0..n-1, ascending; depends on (seed, stream, n, size).
inline std::vector<int64_t> RandomRows(int64_t n, int64_t size, uint64_t seed, uint64_t stream) {
  std::vector<int64_t> rows(n);
  std::iota(rows.begin(), rows.end(), 0);
  RandomStream random(seed, RandomPurpose::kBootstrap, stream);
  random.Shuffle(std::span(rows));
  rows.resize(size);
  std::sort(rows.begin(), rows.end());
  return rows;
}

}  // namespace tmpq
