#include "src/quant/hadamard.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "kernels/include/hadamard.h"
#include "src/core/random.h"
#include "src/quant/input_transform.h"

namespace tmpq {
namespace {

// Channels of layers of DiT, PixArt, Latte, Open-Sora, Stable Diffusion and of the bundled models.
constexpr int64_t kRealSizes[] = {48,  64,   96,   112,  128,  192,  320,  384,  448,  640,  768,
                                  960, 1152, 1280, 1408, 1536, 1920, 2560, 4096, 4608, 5120, 6144};

template <typename T>
std::vector<T> Rotated(const Hadamard& hadamard, std::vector<T> row) {
  std::vector<T> scratch(hadamard.order);
  const auto factor = static_cast<T>(1 / std::sqrt(static_cast<double>(hadamard.size())));
  kernels::HadamardRow(row.data(), hadamard.order, hadamard.block, hadamard.matrix.data(), factor,
                       scratch.data());
  return row;
}

TEST(HadamardTest, MatricesOfRealSizesAreOrthogonalInIntegers) {
  for (const int64_t size : kRealSizes) {
    const std::optional<Hadamard> hadamard = HadamardOf(size);
    ASSERT_TRUE(hadamard.has_value()) << size;
    const int64_t order = hadamard->order;
    EXPECT_EQ(hadamard->size(), size);
    EXPECT_TRUE(std::has_single_bit(static_cast<uint64_t>(hadamard->block))) << size;
    const std::vector<int8_t>& matrix = hadamard->matrix;
    ASSERT_EQ(matrix.size(), static_cast<size_t>(order == 1 ? 0 : order * order)) << size;
    for (int64_t i = 0; i < order && order > 1; ++i) {
      for (int64_t j = 0; j < order; ++j) {
        ASSERT_EQ(std::abs(matrix[i * order + j]), 1);
        int64_t product = 0;
        for (int64_t c = 0; c < order; ++c) {
          product += matrix[i * order + c] * matrix[j * order + c];
        }
        ASSERT_EQ(product, i == j ? order : 0) << size << ": rows " << i << " and " << j;
      }
    }
  }
}

TEST(HadamardTest, TakesTheSmallestOrder) {
  EXPECT_EQ(HadamardOf(1)->order, 1);
  EXPECT_EQ(HadamardOf(2)->order, 1);
  EXPECT_EQ(HadamardOf(4096)->order, 1);
  EXPECT_EQ(HadamardOf(192)->order, 12);   // Paley I, q = 11
  EXPECT_EQ(HadamardOf(448)->order, 28);   // Paley II, q = 13
  EXPECT_EQ(HadamardOf(1152)->order, 36);  // Paley II, q = 17
  EXPECT_EQ(HadamardOf(1408)->order, 44);  // Paley I, q = 43
}

TEST(HadamardTest, SizesWithoutAMatrixHaveNone) {
  for (const int64_t size : {-4, 0, 3, 6, 10, 27, 50, 52, 92}) {
    EXPECT_FALSE(HadamardOf(size).has_value()) << size;
  }
}

// Rows of unit vectors give the matrix itself: H_order kron H_block, signs of a Sylvester matrix.
TEST(HadamardTest, TheFastTransformIsTheMatrix) {
  for (const int64_t size : {8, 12, 24, 28, 36, 80}) {
    const Hadamard hadamard = *HadamardOf(size);
    const double factor = 1 / std::sqrt(static_cast<double>(size));
    for (int64_t i = 0; i < size; ++i) {
      std::vector<double> unit(size, 0);
      unit[i] = 1;
      const std::vector<double> row = Rotated(hadamard, unit);
      for (int64_t j = 0; j < size; ++j) {
        const auto within = static_cast<uint64_t>(i % hadamard.block & j % hadamard.block);
        int sign = std::popcount(within) % 2 == 0 ? 1 : -1;
        if (hadamard.order > 1) {
          sign *= hadamard.matrix[i / hadamard.block * hadamard.order + j / hadamard.block];
        }
        ASSERT_EQ(row[j], sign * factor) << size << ": " << i << ", " << j;
      }
    }
  }
}

// |error| <= (k + m^1.5 + 2) u |x| |w| for order m and blocks of 2^k, u = 2^-24: a butterfly adds
// at most u of the norm, m sums of m terms m^1.5 u.
TEST(HadamardTest, RotationKeepsProducts) {
  double worst = 0;
  for (const int64_t size : kRealSizes) {
    const Hadamard hadamard = *HadamardOf(size);
    std::vector<float> x(size), w(size);
    FillNormal(1, RandomPurpose::kTest, 0, x);
    FillNormal(1, RandomPurpose::kTest, 1, w);
    const std::vector<float> x2 = Rotated(hadamard, x), w2 = Rotated(hadamard, w);
    double before = 0, after = 0, xx = 0, ww = 0;
    for (int64_t i = 0; i < size; ++i) {
      before += static_cast<double>(x[i]) * w[i], after += static_cast<double>(x2[i]) * w2[i];
      xx += static_cast<double>(x[i]) * x[i], ww += static_cast<double>(w[i]) * w[i];
    }
    const double m = hadamard.order == 1 ? 0 : std::pow(hadamard.order, 1.5);
    const double tolerance = 2 * (std::log2(hadamard.block) + m + 2) * std::ldexp(1.0, -24);
    const double error = std::fabs(after - before) / std::sqrt(xx * ww);
    EXPECT_LE(error, tolerance) << size;
    worst = std::max(worst, error / tolerance);
  }
  RecordProperty("largest_share_of_tolerance", std::to_string(worst));
  EXPECT_GT(worst, 0);
}

TEST(HadamardTest, RotationSpreadsAnOutlier) {
  for (const int64_t size : kRealSizes) {
    std::vector<float> row(size);
    FillNormal(2, RandomPurpose::kTest, 0, row);
    row[size / 3] = 100;
    const double before = Incoherence(row), after = Incoherence(Rotated(*HadamardOf(size), row));
    EXPECT_LT(after, before / 4) << size;
  }
}

}  // namespace
}  // namespace tmpq
