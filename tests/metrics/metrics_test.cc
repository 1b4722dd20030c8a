#include <gtest/gtest.h>

#include <cmath>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/core/random.h"
#include "src/metrics/feature_statistics.h"
#include "src/metrics/frechet.h"
#include "src/metrics/psnr.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

const Hash128 kSpace = HashString("space");

std::vector<float> Features(int64_t n, int64_t d, uint64_t stream, float shift = 0,
                            float scale = 1) {
  std::vector<float> values(n * d);
  FillNormal(1, RandomPurpose::kTest, stream, values);
  for (int64_t i = 0; i < n * d; ++i)
    values[i] = values[i] * scale * static_cast<float>(1 + i % d) / 4 + shift;
  return values;
}

FeatureStatistics StatisticsOf(std::span<const float> features, int64_t d) {
  FeatureAccumulator accumulator(d, kSpace);
  accumulator.Add(features);
  return accumulator.Finish();
}

FeatureStatistics Diagonal(std::vector<double> mean, const std::vector<double>& variance) {
  const auto d = static_cast<int64_t>(mean.size());
  FeatureStatistics statistics{100, d, std::move(mean), std::vector<double>(d * d), kSpace};
  for (int64_t i = 0; i < d; ++i) statistics.covariance[i * d + i] = variance[i];
  return statistics;
}

TEST(FeatureStatisticsTest, MeanAndCovarianceByDefinition) {
  const int64_t n = 300, d = 5;
  const auto features = Features(n, d, 1, 100);  // far from zero: nothing may cancel
  const FeatureStatistics statistics = StatisticsOf(features, d);
  for (int64_t i = 0; i < d; ++i) {
    for (int64_t j = 0; j < d; ++j) {
      double mean_i = 0, mean_j = 0, sum = 0;
      for (int64_t r = 0; r < n; ++r) mean_i += features[r * d + i], mean_j += features[r * d + j];
      mean_i /= n, mean_j /= n;
      for (int64_t r = 0; r < n; ++r)
        sum += (features[r * d + i] - mean_i) * (features[r * d + j] - mean_j);
      EXPECT_NEAR(statistics.covariance[i * d + j], sum / (n - 1), 1e-9);
      EXPECT_NEAR(statistics.mean[i], mean_i, 1e-9);
    }
  }
}

TEST(FeatureStatisticsTest, CutsDoNotMatterAndMergesAgree) {
  const int64_t n = 1000, d = 6;
  const auto features = Features(n, d, 2);
  const FeatureStatistics whole = StatisticsOf(features, d);
  FeatureAccumulator pieces(d, kSpace), left(d, kSpace), right(d, kSpace);
  for (int64_t at = 0; at < n; at += 7) {
    pieces.Add(std::span(features).subspan(at * d, std::min<int64_t>(7, n - at) * d));
  }
  EXPECT_EQ(pieces.Finish().covariance, whole.covariance);
  left.Add(std::span(features).first(400 * d));
  right.Add(std::span(features).subspan(400 * d));
  left.Merge(right);
  for (size_t i = 0; i < whole.covariance.size(); ++i)
    EXPECT_NEAR(left.Finish().covariance[i], whole.covariance[i], 1e-10);
  EXPECT_EQ(left.count(), n);
  EXPECT_THROW(FeatureAccumulator(d, kSpace).Finish(), Error);
}

TEST(FeatureStatisticsTest, FilesKeepEveryBitAndTheSpace) {
  const auto path = TestPath();
  const FeatureStatistics statistics = StatisticsOf(Features(50, 4, 3), 4);
  WriteFeatureStatistics(statistics, path);
  const FeatureStatistics back = ReadFeatureStatistics(path, 4, kSpace);
  EXPECT_EQ(back.mean, statistics.mean);
  EXPECT_EQ(back.covariance, statistics.covariance);
  EXPECT_EQ(back.count, 50);
  EXPECT_EQ(ReadFeatureStatistics(path).feature_hash, kSpace);
  EXPECT_THROW(ReadFeatureStatistics(path, 5, kSpace), Error);
  EXPECT_THROW(ReadFeatureStatistics(path, 4, HashString("other")), Error);
}

TEST(FeatureStatisticsTest, SpatialFeaturesAreFlattened) {
  // Two samples of 1 x 2 positions with 3 channels, of which 2 are kept.
  const std::vector<float> features = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  EXPECT_EQ(FlattenSpatial(features, {1, 2, 3}, 2), (std::vector<float>{1, 2, 4, 5, 7, 8, 10, 11}));
}

TEST(FrechetTest, DiagonalGaussiansHaveAClosedForm) {
  const auto a = Diagonal({0, 1, 2}, {1, 4, 9}), b = Diagonal({1, 1, 0}, {4, 4, 1});
  const double expected = (1 + 0 + 4) + (1 - 2) * (1 - 2) + 0 + (3 - 1) * (3 - 1);
  EXPECT_NEAR(FrechetDistance(a, b), expected, 1e-10);
  EXPECT_NEAR(FrechetDistance(b, a), expected, 1e-10);
  EXPECT_NEAR(FrechetDistance(a, a), 0, 1e-10);
}

TEST(FrechetTest, GeneralCovariancesAreSymmetricAndRankDeficiencyIsHandled) {
  const auto a = StatisticsOf(Features(400, 8, 4), 8),
             b = StatisticsOf(Features(400, 8, 5, 0.5f, 1.5f), 8);
  EXPECT_NEAR(FrechetDistance(a, b), FrechetDistance(b, a), 1e-9);
  EXPECT_GT(FrechetDistance(a, b), 1);
  const auto few = StatisticsOf(Features(5, 8, 6), 8);  // rank 4
  EXPECT_NEAR(FrechetDistance(few, few), 0, 1e-7);
  EXPECT_NEAR(FrechetDistance(few, a), FrechetDistance(a, few), 1e-7);
  // One-dimensional data in eight dimensions against a Gaussian along the same axis: only that axis
  // counts.
  EXPECT_NEAR(FrechetDistance(Diagonal({0, 0}, {4, 0}), Diagonal({0, 0}, {1, 0})), 1, 1e-10);
}

TEST(FrechetTest, OtherSpacesAndDivergedFeatures) {
  auto a = Diagonal({0, 0}, {1, 1}), b = a;
  b.feature_hash = HashString("other");
  EXPECT_THROW(FrechetDistance(a, b), Error);
  b = a;
  b.mean[0] = INFINITY;
  EXPECT_TRUE(std::isinf(FrechetReference(a).DistanceTo(b)));
}

// The interval has to hold the distance of the whole population about 95 times in 100 (the bias at
// finite n aside, which is small against the interval here).
TEST(FrechetTest, IntervalsCover) {
  const int64_t n = 400, d = 4;
  const FrechetReference reference(Diagonal({0, 0, 0, 0}, {1, 1, 1, 1}));
  std::vector<float> population = Features(200'000, d, 100, 1.0f, 1.0f);
  const double truth = reference.DistanceTo(StatisticsOf(population, d));
  int covered = 0;
  const int turns = 100;
  for (int turn = 0; turn < turns; ++turn) {
    const auto sample = Features(n, d, 200 + turn, 1.0f, 1.0f);
    const Estimate estimate = EstimateFrechet(reference, sample, kSpace);
    EXPECT_EQ(estimate.n, n);
    covered += estimate.low <= truth && truth <= estimate.high;
  }
  EXPECT_GE(covered, 86);
}

TEST(FrechetTest, PairedDifferencesAreNarrower) {
  const int64_t n = 500, d = 4;
  const FrechetReference reference(Diagonal({0, 0, 0, 0}, {1, 1, 1, 1}));
  const auto a = Features(n, d, 300, 1);
  std::vector<float> b = a;
  for (float& value : b) value += 0.02f;
  const Estimate difference = EstimateFrechetDifference(reference, b, a, kSpace);
  const Estimate alone = EstimateFrechet(reference, a, kSpace);
  EXPECT_GT(difference.low, 0);
  EXPECT_LT(difference.high - difference.low, 0.5 * (alone.high - alone.low));
}

TEST(PsnrTest, ByHand) {
  const std::vector<float> a = {0, 0, 1, 1}, b = {0.2f, 0, 1, 0.6f};
  const auto errors = MeanSquaredErrors(b, a, 2);
  EXPECT_NEAR(errors[0], 0.02, 1e-8);
  EXPECT_NEAR(errors[1], 0.08, 1e-8);
  const Estimate estimate = EstimatePsnr(errors);
  EXPECT_NEAR(estimate.value, 10 * std::log10(4 / 0.05), 1e-6);
  EXPECT_LT(estimate.low, estimate.value);
  EXPECT_TRUE(std::isinf(EstimatePsnr(std::vector<double>{0, 0}).value));
  EXPECT_EQ(EstimatePsnr(std::vector<double>{NAN, 0}).value, -INFINITY);
  EXPECT_THROW(EstimatePsnr(std::vector<double>{1}), Error);
}

}  // namespace
}  // namespace tmpq
