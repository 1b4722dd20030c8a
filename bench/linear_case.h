// One linear layer with random numbers, which every contestant of a contest multiplies.
#pragma once

#include <cstdint>
#include <vector>

#include "src/core/aligned.h"
#include "src/core/random.h"

namespace tmpq {

struct LinearShape {
  int64_t m = 0, k = 0, n = 0;
  auto operator<=>(const LinearShape&) const = default;

  double operations() const { return 2.0 * static_cast<double>(m * k * n); }
};

struct LinearCase {
  LinearShape shape;
  AlignedVector<float> x, w, bias;  // (m, k), (n, k), (n)

  explicit LinearCase(const LinearShape& of) : shape(of) {
    const auto fill = [](AlignedVector<float>& values, int64_t count, uint64_t stream) {
      values.resize(count);
      FillNormal(0, RandomPurpose::kTest, stream, values);
    };
    fill(x, shape.m * shape.k, 1), fill(w, shape.n * shape.k, 2), fill(bias, shape.n, 3);
  }
};

// What a contestant gave for the first rows, to be checked.
constexpr int64_t kCheckedRows = 8;

}  // namespace tmpq
