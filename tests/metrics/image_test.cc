// Measures of single images and pairs by hand.
#include <gtest/gtest.h>

#include <cmath>

#include "src/core/error.h"
#include "src/core/random.h"
#include "src/metrics/feature_map_distance.h"
#include "src/metrics/psnr.h"
#include "src/metrics/resize.h"
#include "src/metrics/sharpness.h"
#include "src/metrics/ssim.h"

namespace tmpq {
namespace {

TEST(SqnrTest, ByHand) {
  const std::vector<float> reference = {3, 4, 0, 10}, values = {3, 5, 1, 12};
  const Estimate sqnr = EstimateSqnr(values, reference, 2);
  EXPECT_NEAR(sqnr.value, 10 * std::log10(125.0 / 6), 1e-9);
  // Signals 12.5 and 50 are .4 and 1.6 of their mean, errors .5 and 2.5 are 1/3 and 5/3: relative
  // deviations of 1/15 and -1/15.
  const double half = 10 / std::log(10.0) * StudentT975(1) / 15;
  EXPECT_NEAR(sqnr.high - sqnr.value, half, 1e-9);
  EXPECT_TRUE(std::isinf(EstimateSqnr(reference, reference, 2).value));
  const std::vector<float> broken = {3, NAN, 0, 10};
  EXPECT_EQ(EstimateSqnr(broken, reference, 2).value, -INFINITY);
  const std::vector<float> twice = {3, 4, 0, 10, 3, 4, 0, 10}, steps = {3, 5, 1, 12, 3, 4, 0, 10};
  const auto estimates = EstimateSqnrOfSteps(steps, twice, 2, 2);
  EXPECT_EQ(estimates[0].value, sqnr.value);
  EXPECT_TRUE(std::isinf(estimates[1].value));
}

TEST(PsnrTest, DifferenceOfPairs) {
  const std::vector<double> a = {1, 3}, b = {2, 2};
  const Estimate difference = EstimatePsnrDifference(a, b);
  EXPECT_NEAR(difference.value, 0, 1e-12);
  // Relative errors .5 and 1.5 against 1 and 1: deviations of +-.5.
  EXPECT_NEAR(difference.high, 10 / std::log(10.0) * StudentT975(1) * 0.5, 1e-9);
  const std::vector<double> half = {1, 1}, none = {0, 0};
  EXPECT_NEAR(EstimatePsnrDifference(half, b).value, 10 * std::log10(2), 1e-9);
  EXPECT_NEAR(EstimatePsnrDifference(half, b).low, EstimatePsnrDifference(half, b).high, 1e-9);
  EXPECT_EQ(EstimatePsnrDifference(none, b).value, INFINITY);
  EXPECT_TRUE(std::isnan(EstimatePsnrDifference(none, none).value));
}

TEST(SsimTest, EqualImagesAndSmallOnes) {
  std::vector<float> image(9 * 8 * 3);
  FillNormal(1, RandomPurpose::kTest, 1, image);
  EXPECT_NEAR(StructuralSimilarities(image, image, {9, 8, 3})[0], 1, 1e-12);
  EXPECT_THROW(StructuralSimilarities(image, image, {9, 8, 3}, SsimWindow::kGaussian11), Error);
}

TEST(FeatureMapDistanceTest, ByHand) {
  // Two positions of two channels: (1,0) against (0,2), at right angles: 2; (3,4) against (6,8): 0.
  const std::vector<float> a = {1, 0, 3, 4}, b = {0, 2, 6, 8}, opposite = {-1, 0, -3, -4};
  const FeatureMaps layer{a, b, {1, 2, 2}}, far{a, opposite, {1, 2, 2}};
  EXPECT_NEAR(FeatureMapDistances(std::vector{layer}, 1)[0], 1, 1e-12);
  EXPECT_NEAR(FeatureMapDistances(std::vector{far}, 1)[0], 4, 1e-12);
  EXPECT_NEAR(FeatureMapDistances(std::vector{layer, far}, 1)[0], 2.5, 1e-12);
}

TEST(SharpnessTest, ByHand) {
  // A checkerboard of +-1 has Laplacians of +-8; a plane has none.
  std::vector<float> board, plane;
  for (int i = 0; i < 36; ++i) {
    board.push_back((i / 6 + i % 6) % 2 == 0 ? 1.0f : -1.0f);
    plane.push_back(0.25f * static_cast<float>(i % 6) - 0.125f * static_cast<float>(i / 6));
  }
  EXPECT_NEAR(LaplacianVariances(board, {6, 6, 1})[0], 64, 1e-12);
  EXPECT_NEAR(LaplacianVariances(plane, {6, 6, 1})[0], 0, 1e-12);
  EXPECT_THROW(LaplacianVariances(plane, {2, 18, 1}), Error);
}

TEST(ResizeTest, ConstantsStayAndNamesAreKnown) {
  const std::vector<float> image(7 * 5, 0.3f);
  for (const char* name : {"bicubic", "bilinear", "bilinear-tf1"}) {
    for (const float value : ResizeImages(image, {7, 5, 1}, 4, 11, ParseResizeFilter(name)))
      EXPECT_NEAR(value, 0.3f, 1e-6);
  }
  EXPECT_THROW(ParseResizeFilter("lanczos"), Error);
}

}  // namespace
}  // namespace tmpq
