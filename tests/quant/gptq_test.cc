#include "src/quant/gptq.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "src/core/random.h"

namespace tmpq {
namespace {

constexpr double kDamping = 0.01;

std::vector<float> Normal(int64_t count, uint64_t seed, uint64_t stream) {
  std::vector<float> values(count);
  FillNormal(seed, RandomPurpose::kTest, stream, values);
  return values;
}

// Rows of k inputs that mix `factors` common causes and a little noise of their own.
std::vector<float> CorrelatedRows(int64_t rows, int64_t k, int64_t factors, uint64_t seed) {
  const std::vector<float> causes = Normal(rows * factors, seed, 1),
                           mixing = Normal(factors * k, seed, 2);
  std::vector<float> x = Normal(rows * k, seed, 3);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < k; ++j) {
      float sum = 0.1f * x[r * k + j];
      for (int64_t f = 0; f < factors; ++f) sum += causes[r * factors + f] * mixing[f * k + j];
      x[r * k + j] = sum;
    }
  }
  return x;
}

// Squared error of the outputs over `rows`.
double ErrorOf(const std::vector<float>& weights, const std::vector<float>& rows,
               const QuantizedWeights& quantized) {
  const int64_t k = quantized.inputs, count = static_cast<int64_t>(rows.size()) / k;
  double error = 0;
  for (int64_t r = 0; r < count; ++r) {
    for (int64_t n = 0; n < quantized.outputs; ++n) {
      double sum = 0;
      for (int64_t j = 0; j < k; ++j) {
        sum +=
            (static_cast<double>(weights[n * k + j]) - quantized.ValueAt(n, j)) * rows[r * k + j];
      }
      error += sum * sum;
    }
  }
  return error;
}

QuantizedWeights Gptq(const std::vector<float>& weights, const std::vector<float>& rows, int64_t n,
                      int64_t k, int bits, const WeightOptions& options = {}) {
  QuantizedWeights grid = FindWeightScales("layer", weights, n, k, BitWidth::Of(bits), options);
  RoundByGptq(weights, rows, kDamping, grid);
  return grid;
}

TEST(GptqTest, IsBetterThanNearestOnCorrelatedInputs) {
  constexpr int64_t kOutputs = 6, kInputs = 40;
  for (const int bits : {2, 3, 4}) {
    double logs = 0;
    constexpr int kSeeds = 20;
    for (uint64_t seed = 0; seed < kSeeds; ++seed) {
      const std::vector<float> weights = Normal(kOutputs * kInputs, seed, 4),
                               rows = CorrelatedRows(100, kInputs, 8, seed);
      const QuantizedWeights nearest =
          QuantizeWeights("layer", weights, kOutputs, kInputs, BitWidth::Of(bits));
      const QuantizedWeights gptq = Gptq(weights, rows, kOutputs, kInputs, bits);
      EXPECT_EQ(gptq.scale, nearest.scale);
      const double ratio = ErrorOf(weights, rows, gptq) / ErrorOf(weights, rows, nearest);
      EXPECT_LE(ratio, 1) << "seed " << seed << " at " << bits << " bits";
      logs += std::log(ratio);
    }
    EXPECT_LT(std::exp(logs / kSeeds), 0.5) << bits;
  }
}

TEST(GptqTest, RespectsTheGridsOfEveryKind) {
  constexpr int64_t kOutputs = 5, kInputs = 150;  // no multiple of 64
  const std::vector<float> weights = Normal(kOutputs * kInputs, 1, 5),
                           rows = CorrelatedRows(200, kInputs, 10, 1);
  for (const bool symmetric : {true, false}) {
    for (const int64_t group : {0, 64}) {
      const WeightOptions options{symmetric, group};
      const QuantizedWeights nearest =
          QuantizeWeights("layer", weights, kOutputs, kInputs, BitWidth::Of(3), options);
      const QuantizedWeights gptq = Gptq(weights, rows, kOutputs, kInputs, 3, options);
      EXPECT_LT(ErrorOf(weights, rows, gptq), 0.5 * ErrorOf(weights, rows, nearest));
      for (const int8_t q : gptq.q) {
        EXPECT_GE(q, symmetric ? -3 : -4);
        EXPECT_LE(q, 3);
      }
    }
  }
}

// Inputs that do not move together leave nothing to make up for.
TEST(GptqTest, IsNearestOnOrthogonalInputs) {
  constexpr int64_t kOutputs = 4, kInputs = 9;
  const std::vector<float> weights = Normal(kOutputs * kInputs, 2, 0);
  std::vector<float> rows(kInputs * kInputs, 0.0f);
  for (int64_t i = 0; i < kInputs; ++i) rows[i * (kInputs + 1)] = static_cast<float>(i + 1);
  EXPECT_EQ(Gptq(weights, rows, kOutputs, kInputs, 4).q,
            QuantizeWeights("layer", weights, kOutputs, kInputs, BitWidth::Of(4)).q);
}

TEST(GptqTest, DeadInputsKeepTheirNearestIntegers) {
  constexpr int64_t kOutputs = 4, kInputs = 12;
  const std::vector<float> weights = Normal(kOutputs * kInputs, 3, 0);
  std::vector<float> rows = CorrelatedRows(50, kInputs, 3, 3);
  for (size_t i = 5; i < rows.size(); i += kInputs) rows[i] = 0;
  const QuantizedWeights nearest =
      QuantizeWeights("layer", weights, kOutputs, kInputs, BitWidth::Of(4));
  const QuantizedWeights gptq = Gptq(weights, rows, kOutputs, kInputs, 4);
  for (int64_t n = 0; n < kOutputs; ++n)
    EXPECT_EQ(gptq.q[n * kInputs + 5], nearest.q[n * kInputs + 5]);
  EXPECT_LE(ErrorOf(weights, rows, gptq), ErrorOf(weights, rows, nearest));
}

TEST(GptqTest, RowsOfZerosGiveNearest) {
  const std::vector<float> weights = Normal(4 * 7, 4, 0);
  EXPECT_EQ(Gptq(weights, std::vector<float>(14, 0.0f), 4, 7, 3).q,
            QuantizeWeights("layer", weights, 4, 7, BitWidth::Of(3)).q);
}

TEST(GptqTest, OneRowAndEverySmallSize) {
  for (int64_t k = 1; k <= 9; ++k) {
    for (int64_t n = 1; n <= 9; ++n) {
      const std::vector<float> weights = Normal(n * k, k, n), row = Normal(k, k, n + 100);
      const QuantizedWeights gptq = Gptq(weights, row, n, k, 4);
      const QuantizedWeights nearest = QuantizeWeights("layer", weights, n, k, BitWidth::Of(4));
      EXPECT_TRUE(std::isfinite(ErrorOf(weights, row, gptq)));
      EXPECT_LE(ErrorOf(weights, row, gptq), ErrorOf(weights, row, nearest) * 1.0001 + 1e-12)
          << n << " x " << k;
    }
  }
}

}  // namespace
}  // namespace tmpq
