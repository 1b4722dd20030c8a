#include "src/quant/input_transform.h"

#include <gtest/gtest.h>

#include <cmath>

#include "src/core/error.h"
#include "src/core/random.h"

namespace tmpq {
namespace {

std::vector<float> Normal(int64_t count, uint64_t stream) {
  std::vector<float> values(count);
  FillNormal(7, RandomPurpose::kTest, stream, values);
  return values;
}

TEST(BalancingTest, IsSmoothQuantsFormula) {
  const std::vector<float> a = {16, 4, 1}, w = {1, 0.5f, 2};
  for (const double alpha : {0.0, 0.5, 0.75, 1.0}) {
    const std::vector<float> vector = BalancingVector(a, w, alpha);
    double mean = 1;
    std::vector<double> expected;
    for (size_t j = 0; j < a.size(); ++j) {
      expected.push_back(std::pow(w[j], 1 - alpha) / std::pow(a[j], alpha));
      mean *= std::pow(expected.back(), 1.0 / 3);
    }
    for (size_t j = 0; j < a.size(); ++j) EXPECT_NEAR(vector[j], expected[j] / mean, 1e-6);
  }
  // alpha 0.5 makes the ranges of inputs and weights meet: both become sqrt(a w), up to the mean.
  const std::vector<float> vector = BalancingVector(a, w, 0.5);
  for (size_t j = 0; j < a.size(); ++j) {
    EXPECT_NEAR(a[j] * vector[j] / (w[j] / vector[j]), a[0] * vector[0] / (w[0] / vector[0]), 1e-4);
  }
}

TEST(BalancingTest, HasGeometricMeanOne) {
  const std::vector<float> a = Normal(50, 1), w = Normal(50, 2);
  std::vector<float> a2(50), w2(50);
  for (int j = 0; j < 50; ++j) a2[j] = std::fabs(a[j]) + 1e-3f, w2[j] = std::fabs(w[j]) + 1e-3f;
  double logs = 0;
  for (const float value : BalancingVector(a2, w2, 0.6)) logs += std::log(value);
  EXPECT_NEAR(logs, 0, 50 * 1e-7);
}

TEST(BalancingTest, DeadChannelsStayAsTheyAre) {
  const std::vector<float> vector =
      BalancingVector(std::vector<float>{0, 4, 3, 1}, std::vector<float>{1, 1, 0, 1}, 0.5);
  EXPECT_EQ(vector[0], 1);
  EXPECT_EQ(vector[2], 1);
  EXPECT_NEAR(vector[1], std::sqrt(0.5), 1e-6);
  EXPECT_NEAR(vector[3], std::sqrt(2), 1e-6);
  EXPECT_EQ(BalancingVector(std::vector<float>(3, 0), std::vector<float>(3, 0), 0.5),
            std::vector<float>(3, 1));
}

// What SiLU leaves of a channel that is never active.
TEST(BalancingTest, ChannelsOfDenormalsStayFinite) {
  std::vector<float> a(100, 1.0f), w(100, 1.0f);
  a[5] = 1e-44f, w[6] = 1e-44f;
  for (const double alpha : {0.0, 0.5, 0.9, 1.0}) {
    const std::vector<float> vector = BalancingVector(a, w, alpha);
    for (size_t j = 0; j < vector.size(); ++j) {
      EXPECT_TRUE(std::isnormal(vector[j])) << alpha << ": " << j;
      EXPECT_TRUE(std::isfinite(w[j] / vector[j])) << alpha << ": " << j;
    }
  }
}

TEST(BalancingTest, MagnitudesAreOfChannels) {
  // Two outputs, two window positions, three channels.
  const std::vector<float> weights = {1, -2, 3, 4, 1, -1, -5, 0, 0, 1, 1, 1};
  EXPECT_EQ(ChannelAbsMax(weights, 3), (std::vector<float>{5, 2, 3}));
}

TEST(RotationTest, SignsAreOfTheLayerAndSeed) {
  const std::vector<float> signs = RotationSigns("fc1", 256, 0);
  EXPECT_EQ(signs, RotationSigns("fc1", 256, 0));
  EXPECT_NE(signs, RotationSigns("fc2", 256, 0));
  EXPECT_NE(signs, RotationSigns("fc1", 256, 1));
  int positive = 0;
  for (const float sign : signs) {
    EXPECT_EQ(std::fabs(sign), 1);
    positive += sign > 0 ? 1 : 0;
  }
  EXPECT_NEAR(positive, 128, 40);  // 5 deviations
}

TEST(RotationTest, SizesWithoutOneNameTheLayer) {
  const InputTransform transform{std::vector<float>(6, 1.0f), true};
  for (const bool inputs : {false, true}) {
    try {
      const std::vector<float> values(12, 1.0f);
      inputs ? TransformInputs("blocks.3.fc1", values, 6, transform)
             : TransformWeights("blocks.3.fc1", values, 6, transform);
      FAIL();
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("blocks.3.fc1"), std::string::npos);
    }
  }
}

// Products of inputs and weights, both transformed; a convolution's window has `window` positions.
// The tolerance is the rotation's (hadamard_test.cc), a rounding of each product and division more.
void ExpectSameProducts(int64_t channels, int64_t window, bool balance, bool rotate) {
  constexpr int64_t kRows = 5, kOutputs = 4;
  const int64_t inputs = channels * window;
  std::vector<float> x = Normal(kRows * inputs, 3);
  const std::vector<float> w = Normal(kOutputs * inputs, 4);
  for (size_t i = 0; i < x.size(); i += channels) x[i] *= 50;
  InputTransform transform{{}, rotate};
  if (balance) {
    transform.multiply =
        BalancingVector(ChannelAbsMax(x, channels), ChannelAbsMax(w, channels), 0.5);
  }
  if (rotate) {
    if (!balance) transform.multiply.assign(channels, 1.0f);
    const std::vector<float> signs = RotationSigns("layer", channels, 0);
    for (int64_t c = 0; c < channels; ++c) transform.multiply[c] *= signs[c];
  }
  const std::vector<float> x2 = TransformInputs("layer", x, channels, transform),
                           w2 = TransformWeights("layer", w, channels, transform);
  ASSERT_NE(x2, x);
  const double m = rotate ? std::pow(HadamardOf(channels)->order, 1.5) : 0;
  const double tolerance = (m + std::log2(channels) + 6) * std::ldexp(1.0, -24);
  for (int64_t r = 0; r < kRows; ++r) {
    for (int64_t n = 0; n < kOutputs; ++n) {
      double before = 0, after = 0, xx = 0, ww = 0;
      for (int64_t k = 0; k < inputs; ++k) {
        before += static_cast<double>(x[r * inputs + k]) * w[n * inputs + k];
        const double a = x2[r * inputs + k], b = w2[n * inputs + k];
        after += a * b, xx += a * a, ww += b * b;
      }
      EXPECT_NEAR(before, after, tolerance * std::sqrt(xx * ww)) << channels << " x " << window;
    }
  }
}

TEST(InputTransformTest, LeavesProductsOfLinearsAndConvolutions) {
  for (const int64_t window : {1, 9}) {
    for (const int64_t channels : {1, 2, 4, 24, 28, 64, 112, 192}) {
      if (channels > 1) ExpectSameProducts(channels, window, true, false);
      if (channels > 1) ExpectSameProducts(channels, window, true, true);
      if (channels > 2) ExpectSameProducts(channels, window, false, true);
    }
    ExpectSameProducts(7, window, true, false);
  }
}

TEST(InputTransformTest, BothTogetherLowerIncoherence) {
  constexpr int64_t kChannels = 192;
  std::vector<float> x = Normal(20 * kChannels, 5);
  const std::vector<float> w = Normal(8 * kChannels, 6);
  for (size_t i = 7; i < x.size(); i += kChannels) x[i] *= 60;
  InputTransform transform{
      BalancingVector(ChannelAbsMax(x, kChannels), ChannelAbsMax(w, kChannels), 0.5), false};
  const double plain = Incoherence(x),
               balanced = Incoherence(TransformInputs("layer", x, kChannels, transform));
  transform.rotated = true;
  const double both = Incoherence(TransformInputs("layer", x, kChannels, transform));
  EXPECT_LT(balanced, plain / 2);
  EXPECT_LT(both, balanced);
  EXPECT_EQ(Incoherence(std::vector<float>(5, 0)), 0);
  EXPECT_EQ(Incoherence(std::vector<float>{3, -3}), 1);
}

TEST(InputTransformTest, IdentityChangesNothing) {
  const std::vector<float> x = Normal(30, 8);
  EXPECT_EQ(TransformInputs("layer", x, 6, {}), x);
  EXPECT_EQ(TransformWeights("layer", x, 6, {}), x);
}

}  // namespace
}  // namespace tmpq
