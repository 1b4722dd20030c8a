#include "src/quant/range.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/include/numerics.h"
#include "src/core/error.h"
#include "src/core/random.h"

namespace tmpq {
namespace {

std::vector<float> Heavy(uint64_t stream, float shift = 0) {
  std::vector<float> values(300);
  FillNormal(9, RandomPurpose::kTest, stream, values);
  for (float& value : values) value = value * value * value + shift;
  return values;
}

double ErrorOf(const std::vector<float>& values, const Grid& grid, int bits, bool symmetric) {
  double sum = 0;
  for (const float value : values) {
    const int q = RoundToGrid(grid, bits, symmetric, value);
    sum += std::pow(value - static_cast<double>(grid.scale) * (q + grid.offset), 2);
  }
  return sum;
}

TEST(RangeTest, MinMaxHoldsZero) {
  const std::vector<float> values = {3, 5, 4};
  const ValueRange range = FindRange(values, 8, false, RangeMethod::kMinMax, 100);
  EXPECT_EQ(range.low, 0);
  EXPECT_EQ(range.high, 5);
  const ValueRange both = FindRange(values, 8, true, RangeMethod::kMinMax, 100);
  EXPECT_EQ(both.low, -5);
  EXPECT_EQ(both.high, 5);
}

TEST(RangeTest, PercentileLeavesOutTheOutliers) {
  std::vector<float> values;
  for (int i = 1; i <= 1000; ++i) values.push_back(static_cast<float>(i % 2 == 0 ? i : -i));
  const ValueRange symmetric = FindRange(values, 8, true, RangeMethod::kPercentile, 99);
  EXPECT_NEAR(symmetric.high, 990, 1.01);
  EXPECT_EQ(symmetric.low, -symmetric.high);
  const ValueRange apart = FindRange(values, 8, false, RangeMethod::kPercentile, 99);
  EXPECT_NEAR(apart.high, 980, 3);
  EXPECT_NEAR(apart.low, -980, 3);
  EXPECT_EQ(FindRange(values, 8, true, RangeMethod::kPercentile, 100).high, 1000);
  EXPECT_EQ(FindRange({}, 8, false, RangeMethod::kPercentile, 99).high, 0);
}

TEST(RangeTest, SquaredErrorIsNeverWorseThanMinMax) {
  int better = 0;
  for (uint64_t stream = 0; stream < 10; ++stream) {
    const std::vector<float> values = Heavy(stream, stream % 3 == 0 ? 2.0f : 0.0f);
    for (int bits = 2; bits <= 8; ++bits) {
      for (const bool symmetric : {true, false}) {
        const auto error = [&](RangeMethod method) {
          const ValueRange range = FindRange(values, bits, symmetric, method, 99.9);
          return ErrorOf(values, GridOf(range, bits, symmetric), bits, symmetric);
        };
        const double minmax = error(RangeMethod::kMinMax), mse = error(RangeMethod::kMse);
        EXPECT_LE(mse, minmax);
        better += mse < 0.8 * minmax ? 1 : 0;
      }
    }
  }
  EXPECT_GT(better, 40);  // of 140
}

// Q-Diffusion's code subtracts a channel's minimum where the grid cannot reach it: a channel on one
// side of 0 loses all of its values. Here every channel is on its grid.
TEST(RangeTest, ChannelsOnOneSideAreOnTheirGrid) {
  for (const float shift : {-40.0f, -3.0f, 3.0f, 40.0f}) {
    std::vector<float> values(200);
    FillNormal(3, RandomPurpose::kTest, 0, values);
    for (float& value : values) value = shift + std::clamp(value, -2.0f, 2.0f);
    for (int bits = 2; bits <= 8; ++bits) {
      const ValueRange range = FindRange(values, bits, false, RangeMethod::kMinMax, 100);
      const Grid grid = GridOf(range, bits, false);
      EXPECT_LE(range.low, 0);
      EXPECT_GE(range.high, 0);
      for (const float value : values) {
        const int q = RoundToGrid(grid, bits, false, value);
        const float back = grid.scale * static_cast<float>(q + grid.offset);
        EXPECT_LE(std::fabs(back - value), 0.501f * grid.scale) << shift << " at " << bits;
      }
      const int zero = RoundToGrid(grid, bits, false, 0);
      EXPECT_EQ(zero + grid.offset, 0);
    }
  }
}

TEST(RangeTest, ZeroAndConstantChannelsAreExactOrOnTheGrid) {
  for (const RangeMethod method :
       {RangeMethod::kMinMax, RangeMethod::kPercentile, RangeMethod::kMse}) {
    for (int bits = 2; bits <= 8; ++bits) {
      for (const bool symmetric : {true, false}) {
        const std::vector<float> zeros(7, 0.0f);
        const Grid grid = GridOf(FindRange(zeros, bits, symmetric, method, 99), bits, symmetric);
        EXPECT_EQ(grid.scale, 0);
        EXPECT_EQ(RoundToGrid(grid, bits, symmetric, 0), 0);
        for (const float constant : {-2.5f, 0.3f, 1e30f}) {
          const std::vector<float> same(7, constant);
          const Grid one = GridOf(FindRange(same, bits, symmetric, method, 99), bits, symmetric);
          const int q = RoundToGrid(one, bits, symmetric, constant);
          EXPECT_NEAR(one.scale * static_cast<float>(q + one.offset) / constant, 1, 1e-6);
        }
      }
    }
  }
}

TEST(RangeTest, NansCountAsZero) {
  std::vector<float> values = Heavy(1), zeros = values;
  for (int i = 0; i < 300; i += 13) values[i] = NAN, zeros[i] = 0;
  for (const RangeMethod method :
       {RangeMethod::kMinMax, RangeMethod::kPercentile, RangeMethod::kMse}) {
    for (const bool symmetric : {true, false}) {
      const ValueRange with = FindRange(values, 4, symmetric, method, 95),
                       without = FindRange(zeros, 4, symmetric, method, 95);
      EXPECT_EQ(with.low, without.low) << static_cast<int>(method);
      EXPECT_EQ(with.high, without.high) << static_cast<int>(method);
    }
  }
}

TEST(RangeTest, UnknownMethodsAreRefused) {
  EXPECT_EQ(ParseRangeMethod("mse"), RangeMethod::kMse);
  EXPECT_THROW(ParseRangeMethod("entropy"), Error);
}

}  // namespace
}  // namespace tmpq
