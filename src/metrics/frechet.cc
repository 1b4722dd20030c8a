#include "src/metrics/frechet.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <string>

#include "src/core/error.h"
#include "src/core/random.h"

namespace tmpq {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Eigenvalues at or below this are rounding errors of zeros: a symmetric solver's absolute error is
// a few epsilon times the largest one. Taking their roots would turn 1e-16 into 1e-8.
double ZeroThreshold(const VectorXd& eigenvalues) {
  const double largest = eigenvalues.size() > 0 ? eigenvalues.maxCoeff() : 0.0;
  return std::max(largest, 0.0) * static_cast<double>(eigenvalues.size()) *
         std::numeric_limits<double>::epsilon();
}

bool AllFinite(const FeatureStatistics& statistics) {
  const auto finite = [](double value) { return std::isfinite(value); };
  return std::all_of(statistics.mean.begin(), statistics.mean.end(), finite) &&
         std::all_of(statistics.covariance.begin(), statistics.covariance.end(), finite);
}

double SampleDeviation(const std::vector<double>& values) {
  double mean = 0.0, squares = 0.0;
  for (const double value : values) mean += value;
  mean /= static_cast<double>(values.size());
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

// Features as columns, centred on their mean: a resample's moments are then sums with weights.
struct CentredFeatures {
  VectorXd mean;
  MatrixXd columns;  // (dimension, n)
};

CentredFeatures Centre(const FeatureStatistics& statistics, std::span<const float> features) {
  CentredFeatures centred;
  const int64_t d = statistics.dimension;
  centred.mean = Eigen::Map<const VectorXd>(statistics.mean.data(), d);
  centred.columns =
      Eigen::Map<const Eigen::MatrixXf>(features.data(), d, statistics.count).cast<double>();
  centred.columns.colwise() -= centred.mean;
  return centred;
}

// Statistics of the resample that a stream draws: n rows with replacement, counted instead of
// copied.
FeatureStatistics Resample(const CentredFeatures& features, Hash128 feature_hash,
                           RandomStream stream) {
  const int64_t d = features.columns.rows(), n = features.columns.cols();
  std::vector<int> times(n, 0);
  for (int64_t i = 0; i < n; ++i) ++times[stream.Below(n)];
  MatrixXd weighted(d, n);
  VectorXd shift = VectorXd::Zero(d);
  int64_t used = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (times[i] == 0) continue;
    shift += times[i] * features.columns.col(i);
    weighted.col(used++) = std::sqrt(static_cast<double>(times[i])) * features.columns.col(i);
  }
  shift /= static_cast<double>(n);
  MatrixXd scatter = MatrixXd::Zero(d, d);
  scatter.selfadjointView<Eigen::Lower>().rankUpdate(weighted.leftCols(used));
  scatter.selfadjointView<Eigen::Lower>().rankUpdate(shift, -static_cast<double>(n));
  FeatureStatistics statistics{n, d, std::vector<double>(d), std::vector<double>(d * d),
                               feature_hash};
  Eigen::Map<VectorXd>(statistics.mean.data(), d) = features.mean + shift;
  Eigen::Map<MatrixXd>(statistics.covariance.data(), d, d) =
      MatrixXd(scatter.selfadjointView<Eigen::Lower>()) / static_cast<double>(n - 1);
  return statistics;
}

// The distance of each resample. Replicates are independent streams, so threads change nothing.
std::vector<double> ReplicateDistances(const FrechetReference& reference,
                                       const FeatureStatistics& statistics,
                                       std::span<const float> features, uint64_t seed,
                                       int replicates) {
  const CentredFeatures centred = Centre(statistics, features);
  std::vector<double> distances(replicates);
  std::exception_ptr failure;
#pragma omp parallel for schedule(static)
  for (int r = 0; r < replicates; ++r) {
    try {
      distances[r] = reference.DistanceTo(
          Resample(centred, statistics.feature_hash,
                   RandomStream(seed, RandomPurpose::kBootstrap, static_cast<uint64_t>(r))));
    } catch (...) {
#pragma omp critical(tmpq_bootstrap_failure)
      failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
  return distances;
}

struct Sample {
  FeatureStatistics statistics;
  double distance = 0.0;
};

Sample Measure(const FrechetReference& reference, std::span<const float> features,
               Hash128 feature_hash) {
  const int64_t dimension = reference.statistics().dimension;
  if (features.size() % dimension != 0) {
    throw Error(ErrorCode::kInput, "features",
                "are not rows of dimension " + std::to_string(dimension));
  }
  FeatureAccumulator accumulator(dimension, feature_hash);
  accumulator.Add(features);
  Sample sample{accumulator.Finish(), 0.0};
  sample.distance = reference.DistanceTo(sample.statistics);
  return sample;
}

Estimate WithInterval(double value, const std::vector<double>& replicates, int64_t n) {
  const double half = kNormal95 * SampleDeviation(replicates);
  return {value, value - half, value + half, n};
}

}  // namespace

FrechetReference::FrechetReference(FeatureStatistics statistics)
    : statistics_(std::move(statistics)) {
  if (!AllFinite(statistics_)) {
    throw Error(ErrorCode::kInput, "reference statistics", "are not finite");
  }
  const int64_t d = statistics_.dimension;
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(
      Eigen::Map<const MatrixXd>(statistics_.covariance.data(), d, d));
  TMPQ_CHECK(solver.info() == Eigen::Success, "the eigen-decomposition did not converge");
  const VectorXd& eigenvalues = solver.eigenvalues();  // ascending
  const double zero = ZeroThreshold(eigenvalues);
  rank_ = (eigenvalues.array() > zero).count();
  root_.resize(d * rank_);
  Eigen::Map<MatrixXd>(root_.data(), d, rank_) =
      solver.eigenvectors().rightCols(rank_) * eigenvalues.tail(rank_).cwiseSqrt().asDiagonal();
}

double FrechetReference::DistanceTo(const FeatureStatistics& other) const {
  CheckComparable(other, statistics_);
  if (!AllFinite(other)) return kInfinity;
  const int64_t d = statistics_.dimension;
  const Eigen::Map<const VectorXd> mean(statistics_.mean.data(), d);
  const Eigen::Map<const VectorXd> other_mean(other.mean.data(), d);
  const Eigen::Map<const MatrixXd> covariance(statistics_.covariance.data(), d, d);
  const Eigen::Map<const MatrixXd> other_covariance(other.covariance.data(), d, d);
  double trace_of_root = 0.0;
  if (rank_ > 0) {
    // With S1 = R R', the non-zero eigenvalues of S1 S2 are those of the symmetric R' S2 R.
    const Eigen::Map<const MatrixXd> root(root_.data(), d, rank_);
    const MatrixXd half = other_covariance * root;
    const MatrixXd product = root.transpose() * half;
    const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(product, Eigen::EigenvaluesOnly);
    TMPQ_CHECK(solver.info() == Eigen::Success, "the eigen-decomposition did not converge");
    const double zero = ZeroThreshold(solver.eigenvalues());
    for (const double value : solver.eigenvalues()) {
      if (value > zero) trace_of_root += std::sqrt(value);
    }
  }
  const double distance = (mean - other_mean).squaredNorm() + covariance.trace() +
                          other_covariance.trace() - 2.0 * trace_of_root;
  return std::max(distance, 0.0);  // rounding may leave -1e-15 between equals
}

double FrechetDistance(const FeatureStatistics& a, const FeatureStatistics& b) {
  return FrechetReference(a).DistanceTo(b);
}

Estimate EstimateFrechet(const FrechetReference& reference, std::span<const float> features,
                         Hash128 feature_hash, uint64_t seed, int replicates) {
  CheckRange("bootstrap replicates", replicates, 2, 1e6);
  const Sample sample = Measure(reference, features, feature_hash);
  const int64_t n = sample.statistics.count;
  if (!std::isfinite(sample.distance)) return {kInfinity, kInfinity, kInfinity, n};
  Estimate estimate =
      WithInterval(sample.distance,
                   ReplicateDistances(reference, sample.statistics, features, seed, replicates), n);
  estimate.low = std::max(estimate.low, 0.0);
  return estimate;
}

Estimate EstimateFrechetDifference(const FrechetReference& reference, std::span<const float> a,
                                   std::span<const float> b, Hash128 feature_hash, uint64_t seed,
                                   int replicates) {
  CheckRange("bootstrap replicates", replicates, 2, 1e6);
  if (a.size() != b.size()) {
    throw Error(ErrorCode::kInput, "paired features", "have different numbers of samples");
  }
  const Sample first = Measure(reference, a, feature_hash);
  const Sample second = Measure(reference, b, feature_hash);
  const int64_t n = first.statistics.count;
  if (!std::isfinite(first.distance) || !std::isfinite(second.distance)) {
    const double unknown = std::numeric_limits<double>::quiet_NaN();
    return {unknown, unknown, unknown, n};
  }
  std::vector<double> differences =
      ReplicateDistances(reference, first.statistics, a, seed, replicates);
  const std::vector<double> second_distances =
      ReplicateDistances(reference, second.statistics, b, seed, replicates);
  for (size_t r = 0; r < differences.size(); ++r) differences[r] -= second_distances[r];
  return WithInterval(first.distance - second.distance, differences, n);
}

}  // namespace tmpq
