// Distribution measures: closed forms, symmetries, determinism, errors.
#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>
#include <limits>

#include "src/core/error.h"
#include "src/core/random.h"
#include "src/metrics/frechet.h"
#include "src/metrics/inception_score.h"
#include "src/metrics/kernel_distance.h"
#include "src/metrics/manifold.h"
#include "src/metrics/subsets.h"

namespace tmpq {
namespace {

std::vector<float> Normal(int64_t n, int64_t d, uint64_t stream, float shift = 0) {
  std::vector<float> values(n * d);
  FillNormal(2, RandomPurpose::kTest, stream, values);
  for (float& value : values) value += shift;
  return values;
}

const Hash128 kSpace = HashString("space");

bool Same(const Estimate& a, const Estimate& b) {
  return a.value == b.value && a.low == b.low && a.high == b.high && a.n == b.n;
}

// Runs `measure` on 1 and on 3 threads and compares every bit.
template <typename Measure>
void ExpectThreadsDoNotMatter(Measure&& measure) {
  const int threads = omp_get_max_threads();
  omp_set_num_threads(1);
  const Estimate alone = measure();
  omp_set_num_threads(3);
  const Estimate together = measure();
  omp_set_num_threads(threads);
  EXPECT_TRUE(Same(alone, together)) << alone.value - together.value;
}

TEST(DistributionTest, ThreadsDoNotMatter) {
  const auto a = Normal(300, 150, 1), b = Normal(320, 150, 2, 0.1f);
  const FrechetReference reference(StatisticsOf(b, 150, kSpace));
  ExpectThreadsDoNotMatter([&] { return EstimateFrechet(reference, a, kSpace); });
  ExpectThreadsDoNotMatter([&] { return EstimateKernelDistance(a, b, 150); });
  ExpectThreadsDoNotMatter([&] { return EstimateManifolds(a, b, 150).recall; });
}

// A line in 1 / n: for a standard normal against its own moments the distance is about c / n.
TEST(FrechetTest, InfinityRemovesTheBias) {
  const int64_t d = 6;
  FeatureStatistics truth{1000000, d, std::vector<double>(d), std::vector<double>(d * d), kSpace};
  for (int64_t i = 0; i < d; ++i) truth.covariance[i * d + i] = 1;
  const FrechetReference reference(truth);
  double finite = 0, infinite = 0;
  const int turns = 40;
  for (int turn = 0; turn < turns; ++turn) {
    const auto features = Normal(400, d, 10 + turn);
    finite += EstimateFrechet(reference, features, kSpace).value / turns;
    infinite += EstimateFrechetInfinity(reference, features, kSpace).value / turns;
  }
  EXPECT_GT(finite, 0.02);
  EXPECT_LT(std::abs(infinite), 0.1 * finite);
  EXPECT_THROW(EstimateFrechetInfinity(reference, Normal(7, d, 9), kSpace), Error);
}

// The influence of a row is the derivative of the distance in its weight, seen by adding the row
// once more: (n + 1)(new - old) -> influence - mean influence.
TEST(FrechetTest, InfluencesAreDerivatives) {
  const int64_t n = 3000, d = 3;
  const auto features = Normal(n, d, 60, 0.2f);
  const FrechetReference reference(StatisticsOf(Normal(500, d, 61), d, kSpace));
  const FeatureStatistics statistics = StatisticsOf(features, d, kSpace);
  const auto influences = reference.Influences(statistics, features);
  const double mean = EstimateMean(influences).value;
  for (const int64_t row : {0, 1, 2, 3}) {
    std::vector<float> more = features;
    more.insert(more.end(), features.begin() + row * d, features.begin() + (row + 1) * d);
    const double change =
        reference.DistanceTo(StatisticsOf(more, d, kSpace)) - reference.DistanceTo(statistics);
    EXPECT_NEAR(change * (n + 1), influences[row] - mean, 0.02);
  }
}

TEST(KernelDistanceTest, LinearInSmallShiftsAndSymmetric) {
  // In one dimension with unit shift the kernel's moments are known: E k(x, y) over independent
  // normals of means m1, m2 is E (xy + 1)^3 = E x^3 y^3 + 3 E x^2 y^2 + 3 E x y + 1.
  const auto mean_kernel = [](double m1, double m2) {
    const auto second = [](double m) { return m * m + 1; };
    const auto third = [](double m) { return m * m * m + 3 * m; };
    return third(m1) * third(m2) + 3 * second(m1) * second(m2) + 3 * m1 * m2 + 1;
  };
  const double truth = mean_kernel(0, 0) + mean_kernel(0.5, 0.5) - 2 * mean_kernel(0, 0.5);
  const auto a = Normal(4000, 1, 20), b = Normal(4000, 1, 21, 0.5f);
  const Estimate estimate = EstimateKernelDistance(a, b, 1);
  EXPECT_LT(estimate.low, truth);
  EXPECT_GT(estimate.high, truth);
  EXPECT_NEAR(KernelDistance(a, b, 1), KernelDistance(b, a, 1), 1e-12);
  EXPECT_NEAR(estimate.value, KernelDistance(a, b, 1), 1e-12);
}

// Leaving rows out by hand gives the jackknife's width.
TEST(KernelDistanceTest, TheJackknifeLeavesEachRowOut) {
  const int64_t d = 3;
  const auto a = Normal(9, d, 22), b = Normal(7, d, 23, 1);
  double variance = 0;
  for (int side = 0; side < 2; ++side) {
    const auto& rows = side == 0 ? a : b;
    const auto n = static_cast<int64_t>(rows.size()) / d;
    std::vector<double> values;
    for (int64_t i = 0; i < n; ++i) {
      std::vector<float> rest = rows;
      rest.erase(rest.begin() + i * d, rest.begin() + (i + 1) * d);
      values.push_back(side == 0 ? KernelDistance(rest, b, d) : KernelDistance(a, rest, d));
    }
    const double error = StandardErrorOfMean(values) * static_cast<double>(n - 1);
    variance += error * error;
  }
  const Estimate estimate = EstimateKernelDistance(a, b, d);
  EXPECT_NEAR(estimate.high - estimate.value, StudentT975(8) * std::sqrt(variance), 1e-9);
}

TEST(KernelDistanceTest, PairedDifferencesAreNarrower) {
  const int64_t d = 4;
  const auto a = Normal(300, d, 24, 0.3f), reference = Normal(300, d, 25);
  std::vector<float> b = a;
  for (float& value : b) value += 0.05f;
  const Estimate difference = EstimateKernelDistanceDifference(b, a, reference, d);
  const Estimate alone = EstimateKernelDistance(a, reference, d);
  EXPECT_NEAR(difference.value, KernelDistance(b, reference, d) - alone.value, 1e-9);
  EXPECT_GT(difference.low, 0);
  EXPECT_LT(difference.high - difference.low, 0.5 * (alone.high - alone.low));
  const Estimate nothing = EstimateKernelDistanceDifference(a, a, reference, d);
  EXPECT_EQ(nothing.value, 0);
  EXPECT_EQ(nothing.high, 0);
}

TEST(KernelDistanceTest, SubsetsOfEverythingAreEverything) {
  const auto a = Normal(40, 3, 26), b = Normal(40, 3, 27);
  const auto subsets = KernelDistanceOfSubsets(a, b, 3, 5, 40, 1);
  EXPECT_NEAR(subsets.mean, KernelDistance(a, b, 3), 1e-12);
  EXPECT_NEAR(subsets.deviation, 0, 1e-12);
  EXPECT_GT(KernelDistanceOfSubsets(a, b, 3, 5, 20, 1).deviation, 1e-3);
  EXPECT_THROW(KernelDistanceOfSubsets(a, b, 3, 5, 41, 1), Error);
  EXPECT_THROW(EstimateKernelDistance(Normal(2, 3, 1), b, 3), Error);
  EXPECT_EQ(RandomRows(5, 5, 1, 2), (std::vector<int64_t>{0, 1, 2, 3, 4}));
}

TEST(ManifoldTest, EqualAndFarSets) {
  const auto a = Normal(100, 5, 30), far = Normal(120, 5, 31, 100);
  const ManifoldMetrics same = EstimateManifolds(a, a, 5), apart = EstimateManifolds(a, far, 5);
  EXPECT_EQ(same.precision.value, 1);
  EXPECT_EQ(same.recall.value, 1);
  EXPECT_EQ(same.coverage.value, 1);
  // A ball of the 5th neighbour holds its centre and 5 others: 6 / 5.
  EXPECT_NEAR(same.density.value, 1.2, 1e-12);
  for (const Estimate& nothing : {apart.precision, apart.recall, apart.density, apart.coverage}) {
    EXPECT_EQ(nothing.value, 0);
    EXPECT_EQ(nothing.high, 0);
  }
}

// Samples that are copies of one reference row: all precise, and they recall and cover little.
TEST(ManifoldTest, CollapseIsPreciseWithoutCoverage) {
  const auto reference = Normal(100, 2, 32);
  std::vector<float> copies;
  for (int i = 0; i < 50; ++i) copies.insert(copies.end(), {reference[0], reference[1]});
  const ManifoldMetrics metrics = EstimateManifolds(copies, reference, 2);
  EXPECT_EQ(metrics.precision.value, 1);
  EXPECT_EQ(metrics.recall.value, 0.01);  // a ball of radius 0 holds its centre
  EXPECT_LT(metrics.coverage.value, 0.2);
}

TEST(ManifoldTest, Errors) {
  const auto a = Normal(100, 2, 33);
  std::vector<float> broken = a;
  broken[7] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(EstimateManifolds(broken, a, 2), Error);
  EXPECT_THROW(EstimateManifolds(Normal(11, 2, 34), a, 2), Error);
}

TEST(InceptionScoreTest, ClosedForms) {
  const int64_t classes = 4, n = 40;
  std::vector<float> certain(n * classes, -100.0f), undecided(n * classes, 3.0f);
  for (int64_t i = 0; i < n; ++i) certain[i * classes + i % classes] = 100.0f;
  const Estimate best = EstimateInceptionScore(certain, classes, 10);
  EXPECT_NEAR(best.value, 4, 1e-9);  // every split holds every class once
  EXPECT_NEAR(best.high, 4, 1e-9);
  EXPECT_NEAR(EstimateInceptionScore(undecided, classes).value, 1, 1e-12);
  certain[3] = NAN;
  EXPECT_THROW(EstimateInceptionScore(certain, classes), Error);
  EXPECT_THROW(EstimateInceptionScore(undecided, classes, 21), Error);
}

TEST(EstimateTest, StudentsQuantilesAndPairs) {
  EXPECT_NEAR(StudentT975(1), 12.706, 1e-3);  // printed tables
  EXPECT_NEAR(StudentT975(10), 2.228, 1e-3);
  EXPECT_NEAR(StudentT975(1000000), 1.96, 1e-3);
  const std::vector<double> a = {1, 2, 3, 4}, b = {0, 1, 2, 3.5};
  const Estimate difference = EstimatePairedDifference(a, b);
  EXPECT_NEAR(difference.value, 0.875, 1e-12);
  EXPECT_NEAR(difference.high - difference.value, StudentT975(3) * 0.125, 1e-12);
  EXPECT_THROW(EstimatePairedDifference(a, std::vector<double>{1}), Error);
  EXPECT_THROW(EstimateMean(std::vector<double>{1}), Error);
}

}  // namespace
}  // namespace tmpq
