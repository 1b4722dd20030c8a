#include "src/metrics/frechet.h"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "src/core/error.h"

namespace tmpq {
namespace {

using Eigen::Map;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kColumns = 128;    // of one thread's turn; part of the result's definition
constexpr int64_t kLargestPart = 4;  // FD-infinity looks at n/1 .. n/4

// Values at or below this are rounding errors of zeros: the absolute error of a symmetric
// decomposition is a few epsilon times the largest value. Taking their roots would turn 1e-16 into
// 1e-8.
double ZeroThreshold(const VectorXd& values) {
  const double largest = values.size() > 0 ? values.maxCoeff() : 0.0;
  return std::max(largest, 0.0) * static_cast<double>(values.size()) *
         std::numeric_limits<double>::epsilon();
}

bool AllFinite(const FeatureStatistics& statistics) {
  const auto finite = [](double value) { return std::isfinite(value); };
  return std::all_of(statistics.mean.begin(), statistics.mean.end(), finite) &&
         std::all_of(statistics.covariance.begin(), statistics.covariance.end(), finite);
}

Map<const MatrixXd> CovarianceOf(const FeatureStatistics& statistics) {
  return {statistics.covariance.data(), statistics.dimension, statistics.dimension};
}
Map<const VectorXd> MeanOf(const FeatureStatistics& statistics) {
  return {statistics.mean.data(), statistics.dimension};
}

// left * right, in blocks of columns of fixed size, so threads change nothing.
template <typename Left>
MatrixXd Multiply(const Left& left, const Eigen::Ref<const MatrixXd>& right) {
  MatrixXd product(left.rows(), right.cols());
#pragma omp parallel for schedule(dynamic, 1) if (right.cols() > kColumns)
  for (int64_t begin = 0; begin < right.cols(); begin += kColumns) {
    const int64_t width = std::min(kColumns, right.cols() - begin);
    product.middleCols(begin, width).noalias() = left * right.middleCols(begin, width);
  }
  return product;
}

// The symmetric product R' S R, whose non-zero eigenvalues are those of (R R') S.
MatrixXd SymmetricProduct(const Map<const MatrixXd>& root, const Map<const MatrixXd>& covariance) {
  return Multiply(root.transpose(), Multiply(covariance, root));
}

}  // namespace

FrechetReference::FrechetReference(FeatureStatistics statistics)
    : statistics_(std::move(statistics)) {
  if (!AllFinite(statistics_)) {
    throw Error(ErrorCode::kInput, "reference statistics", "are not finite");
  }
  const int64_t d = statistics_.dimension;
  const Eigen::LDLT<MatrixXd> factors(CovarianceOf(statistics_));
  const VectorXd pivots = factors.vectorD();  // largest first, up to rounding
  const double zero = ZeroThreshold(pivots);
  while (rank_ < d && pivots[rank_] > zero) ++rank_;
  root_.resize(d * rank_);
  Map<MatrixXd> root(root_.data(), d, rank_);
  root = MatrixXd(factors.matrixL()).leftCols(rank_);
  root = root * pivots.head(rank_).cwiseSqrt().asDiagonal();
  root = factors.transpositionsP().transpose() * root;
}

double FrechetReference::DistanceTo(const FeatureStatistics& other) const {
  CheckComparable(other, statistics_);
  if (!AllFinite(other)) return kInfinity;
  double trace_of_root = 0.0;
  if (rank_ > 0) {
    const Map<const MatrixXd> root(root_.data(), statistics_.dimension, rank_);
    const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(
        SymmetricProduct(root, CovarianceOf(other)), Eigen::EigenvaluesOnly);
    TMPQ_CHECK(solver.info() == Eigen::Success, "the eigen-decomposition did not converge");
    const double zero = ZeroThreshold(solver.eigenvalues());
    for (const double value : solver.eigenvalues()) {
      if (value > zero) trace_of_root += std::sqrt(value);
    }
  }
  const double distance = (MeanOf(statistics_) - MeanOf(other)).squaredNorm() +
                          CovarianceOf(statistics_).trace() + CovarianceOf(other).trace() -
                          2.0 * trace_of_root;
  return std::max(distance, 0.0);  // rounding may leave -1e-15 between equals
}

// With S1 = R R' and K = R' S2 R = U diag(w) U': d tr(K^1/2) = 1/2 tr(K^-1/2 dK), so a row's share
// of -2 tr(K^1/2) is -|w^-1/4 U' R' (x - m2)|^2. Along directions in which S2 has no variance no
// reweighting of its own rows can give it any, so zeros of w are left out.
std::vector<double> FrechetReference::Influences(const FeatureStatistics& other,
                                                 std::span<const float> features) const {
  CheckComparable(other, statistics_);
  const int64_t d = statistics_.dimension, n = other.count;
  TMPQ_CHECK(static_cast<int64_t>(features.size()) == n * d, "features and statistics differ");
  MatrixXd centred = Map<const Eigen::MatrixXf>(features.data(), d, n).cast<double>();
  centred.colwise() -= MeanOf(other);
  const VectorXd shift = MeanOf(other) - MeanOf(statistics_);
  VectorXd influences =
      (2.0 * shift.transpose() * centred + centred.colwise().squaredNorm()).transpose();
  if (rank_ > 0) {
    const Map<const MatrixXd> root(root_.data(), d, rank_);
    const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(
        SymmetricProduct(root, CovarianceOf(other)));
    TMPQ_CHECK(solver.info() == Eigen::Success, "the eigen-decomposition did not converge");
    const VectorXd& eigenvalues = solver.eigenvalues();  // ascending
    const int64_t kept = (eigenvalues.array() > ZeroThreshold(eigenvalues)).count();
    const MatrixXd directions = Multiply(root, solver.eigenvectors().rightCols(kept)) *
                                eigenvalues.tail(kept).array().pow(-0.25).matrix().asDiagonal();
    influences -= Multiply(directions.transpose(), centred).colwise().squaredNorm().transpose();
  }
  return {influences.begin(), influences.end()};
}

double FrechetDistance(const FeatureStatistics& a, const FeatureStatistics& b) {
  return FrechetReference(a).DistanceTo(b);
}

FeatureStatistics StatisticsOf(std::span<const float> features, int64_t dimension,
                               Hash128 feature_hash) {
  if (features.size() % dimension != 0) {
    throw Error(ErrorCode::kInput, "features",
                "are not rows of dimension " + std::to_string(dimension));
  }
  FeatureAccumulator accumulator(dimension, feature_hash);
  accumulator.Add(features);
  return accumulator.Finish();
}

Estimate EstimateFrechet(const FrechetReference& reference, std::span<const float> features,
                         Hash128 feature_hash) {
  const FeatureStatistics statistics =
      StatisticsOf(features, reference.statistics().dimension, feature_hash);
  const double distance = reference.DistanceTo(statistics);
  if (!std::isfinite(distance)) return {distance, distance, distance, statistics.count};
  Estimate estimate = WithStandardError(
      distance, StandardErrorOfMean(reference.Influences(statistics, features)), statistics.count);
  estimate.low = std::max(estimate.low, 0.0);
  return estimate;
}

Estimate EstimateFrechetDifference(const FrechetReference& reference, std::span<const float> a,
                                   std::span<const float> b, Hash128 feature_hash) {
  if (a.size() != b.size()) {
    throw Error(ErrorCode::kInput, "paired features", "have different numbers of samples");
  }
  const int64_t d = reference.statistics().dimension;
  const FeatureStatistics first = StatisticsOf(a, d, feature_hash);
  const FeatureStatistics second = StatisticsOf(b, d, feature_hash);
  const double first_distance = reference.DistanceTo(first);
  const double second_distance = reference.DistanceTo(second);
  if (!std::isfinite(first_distance) || !std::isfinite(second_distance)) {
    const double unknown = std::numeric_limits<double>::quiet_NaN();
    return {unknown, unknown, unknown, first.count};
  }
  std::vector<double> differences = reference.Influences(first, a);
  const std::vector<double> subtracted = reference.Influences(second, b);
  for (size_t i = 0; i < differences.size(); ++i) differences[i] -= subtracted[i];
  return WithStandardError(first_distance - second_distance, StandardErrorOfMean(differences),
                           first.count);
}

Estimate EstimateFrechetInfinity(const FrechetReference& reference, std::span<const float> features,
                                 Hash128 feature_hash) {
  const int64_t d = reference.statistics().dimension;
  const Estimate at_n = EstimateFrechet(reference, features, feature_hash);
  if (at_n.n < 2 * kLargestPart) {
    throw Error(ErrorCode::kInput, "features",
                "are too few to extrapolate: got " + std::to_string(at_n.n),
                "at least " + std::to_string(2 * kLargestPart) + " are needed");
  }
  if (!std::isfinite(at_n.value)) return at_n;
  // Least squares over parts = 1..4; in units of 1/n the abscissa is the number of parts.
  double sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0;
  for (int64_t parts = 1; parts <= kLargestPart; ++parts) {
    double mean = 0;
    for (int64_t part = 0; part < parts; ++part) {
      const int64_t begin = at_n.n * part / parts, end = at_n.n * (part + 1) / parts;
      mean += reference.DistanceTo(
          StatisticsOf(features.subspan(begin * d, (end - begin) * d), d, feature_hash));
    }
    mean /= static_cast<double>(parts);
    const auto x = static_cast<double>(parts);
    sum_x += x, sum_y += mean, sum_xx += x * x, sum_xy += x * mean;
  }
  const double points = kLargestPart;
  const double slope = (points * sum_xy - sum_x * sum_y) / (points * sum_xx - sum_x * sum_x);
  const double limit = (sum_y - slope * sum_x) / points, half = at_n.high - at_n.value;
  return {limit, limit - half, limit + half, at_n.n};
}

}  // namespace tmpq
