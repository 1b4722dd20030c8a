#include "src/metrics/kernel_distance.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "src/core/error.h"
#include "src/metrics/subsets.h"

namespace tmpq {
namespace {

using Eigen::MatrixXd;

// Rows of one product: part of the result's definition. 128 x 512 kernel values are 512 kB.
constexpr int64_t kRows = 128, kOtherRows = 512;

// Rows as columns, in double.
MatrixXd Columns(std::span<const float> rows, int64_t dimension, int64_t least) {
  if (dimension < 1 || rows.size() % dimension != 0) {
    throw Error(ErrorCode::kInput, "features",
                "are not rows of dimension " + std::to_string(dimension));
  }
  const auto n = static_cast<int64_t>(rows.size()) / dimension;
  if (n < least) {
    throw Error(ErrorCode::kInput, "kernel distance", "got " + std::to_string(n) + " rows",
                "at least " + std::to_string(least) + " a side are needed");
  }
  return Eigen::Map<const Eigen::MatrixXf>(rows.data(), dimension, n).cast<double>();
}

// For each column x of `a`: the sum of k(x, y) over the columns y of `b`, x itself left out where
// both are the same matrix.
std::vector<double> KernelSums(const MatrixXd& a, const MatrixXd& b) {
  std::vector<double> sums(a.cols(), 0.0);
  const auto dimension = static_cast<double>(a.rows());
  const bool own = &a == &b;
#pragma omp parallel for schedule(dynamic, 1)
  for (int64_t row = 0; row < a.cols(); row += kRows) {
    const int64_t rows = std::min<int64_t>(kRows, a.cols() - row);
    for (int64_t other = 0; other < b.cols(); other += kOtherRows) {
      const int64_t others = std::min<int64_t>(kOtherRows, b.cols() - other);
      MatrixXd kernel = b.middleCols(other, others).transpose() * a.middleCols(row, rows);
      kernel = (kernel.array() / dimension + 1.0).cube();
      for (int64_t i = 0; i < rows; ++i) {
        const int64_t self = row + i - other;
        if (own && self >= 0 && self < others) kernel(self, i) = 0.0;
        sums[row + i] += kernel.col(i).sum();
      }
    }
  }
  return sums;
}

double Sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

// The statistic from its three sums of kernel values.
double FromSums(double own, double n, double other, double m, double cross) {
  return own / (n * (n - 1)) + other / (m * (m - 1)) - 2.0 * cross / (n * m);
}

// The statistic, and what it becomes without each sample and without each reference row.
struct Jackknife {
  double value = 0;
  std::vector<double> without_sample, without_reference;
};

Jackknife LeaveOneOut(const MatrixXd& x, const MatrixXd& y, const std::vector<double>& y_sums) {
  const auto n = static_cast<double>(x.cols()), m = static_cast<double>(y.cols());
  std::vector<double> x_sums = KernelSums(x, x), x_cross = KernelSums(x, y),
                      y_cross = KernelSums(y, x);
  const double own = Sum(x_sums), other = Sum(y_sums), cross = Sum(x_cross);
  Jackknife result{FromSums(own, n, other, m, cross), std::move(x_sums), y_sums};
  for (size_t i = 0; i < x_cross.size(); ++i) {
    double& sum = result.without_sample[i];
    sum = FromSums(own - 2.0 * sum, n - 1, other, m, cross - x_cross[i]);
  }
  for (size_t j = 0; j < y_cross.size(); ++j) {
    double& sum = result.without_reference[j];
    sum = FromSums(own, n, other - 2.0 * sum, m - 1, cross - y_cross[j]);
  }
  return result;
}

// (n - 1) / n times the sum of squared deviations.
double JackknifeVariance(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  const double standard_error = StandardErrorOfMean(values);  // squares / ((n - 1) n), rooted
  return standard_error * standard_error * (n - 1) * (n - 1);
}

Estimate WithJackknife(const Jackknife& jackknife) {
  const double variance =
      JackknifeVariance(jackknife.without_sample) + JackknifeVariance(jackknife.without_reference);
  return WithStandardError(jackknife.value, std::sqrt(variance),
                           static_cast<int64_t>(jackknife.without_sample.size()));
}

MatrixXd Gather(const MatrixXd& columns, const std::vector<int64_t>& chosen) {
  MatrixXd gathered(columns.rows(), chosen.size());
  for (size_t i = 0; i < chosen.size(); ++i) gathered.col(i) = columns.col(chosen[i]);
  return gathered;
}

double Distance(const MatrixXd& x, const MatrixXd& y) {
  return FromSums(Sum(KernelSums(x, x)), static_cast<double>(x.cols()), Sum(KernelSums(y, y)),
                  static_cast<double>(y.cols()), Sum(KernelSums(x, y)));
}

}  // namespace

double KernelDistance(std::span<const float> features, std::span<const float> reference,
                      int64_t dimension) {
  return Distance(Columns(features, dimension, 2), Columns(reference, dimension, 2));
}

Estimate EstimateKernelDistance(std::span<const float> features, std::span<const float> reference,
                                int64_t dimension) {
  const MatrixXd x = Columns(features, dimension, 3), y = Columns(reference, dimension, 3);
  return WithJackknife(LeaveOneOut(x, y, KernelSums(y, y)));
}

Estimate EstimateKernelDistanceDifference(std::span<const float> a, std::span<const float> b,
                                          std::span<const float> reference, int64_t dimension) {
  if (a.size() != b.size()) {
    throw Error(ErrorCode::kInput, "paired features", "have different numbers of samples");
  }
  const MatrixXd y = Columns(reference, dimension, 3);
  const std::vector<double> y_sums = KernelSums(y, y);
  Jackknife difference = LeaveOneOut(Columns(a, dimension, 3), y, y_sums);
  const Jackknife second = LeaveOneOut(Columns(b, dimension, 3), y, y_sums);
  difference.value -= second.value;
  for (size_t i = 0; i < second.without_sample.size(); ++i)
    difference.without_sample[i] -= second.without_sample[i];
  for (size_t j = 0; j < second.without_reference.size(); ++j)
    difference.without_reference[j] -= second.without_reference[j];
  return WithJackknife(difference);
}

SubsetKernelDistance KernelDistanceOfSubsets(std::span<const float> features,
                                             std::span<const float> reference, int64_t dimension,
                                             int subsets, int64_t size, uint64_t seed) {
  CheckRange("subsets of the kernel distance", subsets, 2, 1e6);
  const MatrixXd x = Columns(features, dimension, std::max<int64_t>(size, 2));
  const MatrixXd y = Columns(reference, dimension, std::max<int64_t>(size, 2));
  std::vector<double> distances(subsets);
  for (int s = 0; s < subsets; ++s) {
    distances[s] = Distance(Gather(x, RandomRows(x.cols(), size, seed, 2 * s)),
                            Gather(y, RandomRows(y.cols(), size, seed, 2 * s + 1)));
  }
  const double count = subsets, mean = Sum(distances) / count;
  double squares = 0;
  for (const double value : distances) squares += (value - mean) * (value - mean);
  return {mean, std::sqrt(squares / count)};  // divided by the count, as torch-fidelity does
}

}  // namespace tmpq
