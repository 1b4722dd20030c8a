// Squared Frechet distance between Gaussians fitted to feature vectors, with error bars.
//
//   |m1 - m2|^2 + tr(S1) + tr(S2) - 2 tr((S1 S2)^1/2)
//
// (Dowson and Landau 1982; as a measure of generated images Heusel et al. 2017). In double through
// Eigen: deterministic for any number of threads.
//
// Intervals. Estimand: the expected value of the statistic at this n, against this fixed reference;
// the bias that every Frechet distance has at finite n is in value and estimand alike. Method: the
// infinitesimal jackknife. Each sample's influence on the distance is known in closed form, and the
// value is +- Student's t times the standard error of the mean influence. A bootstrap needs a
// decomposition a replicate, and its resamples hold duplicates: their covariances are too small in
// rank, and its deviations are up to twice too large where n is near d.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/metrics/estimate.h"
#include "src/metrics/feature_statistics.h"

namespace tmpq {

// One side of the distance with its decomposition done once. Const-safe.
class FrechetReference {
 public:
  explicit FrechetReference(FeatureStatistics statistics);

  const FeatureStatistics& statistics() const { return statistics_; }
  // Covariances may be rank-deficient. Infinite when `other` is not finite (a candidate diverged).
  // Throws kInput for statistics of another feature network or dimension.
  double DistanceTo(const FeatureStatistics& other) const;

  // The derivative of the distance in the weight of each row of `features` (n, dimension), whose
  // statistics are `other`: with T the optimal transport from `other` to the reference,
  // 2 (m2 - m1)'(x - m2) + (x - m2)'(I - T)(x - m2), up to a constant.
  std::vector<double> Influences(const FeatureStatistics& other,
                                 std::span<const float> features) const;

 private:
  FeatureStatistics statistics_;
  int64_t rank_ = 0;
  std::vector<double> root_;  // (dimension, rank) column-major, root root' = covariance
};

double FrechetDistance(const FeatureStatistics& a, const FeatureStatistics& b);

// Statistics of `features`: rows of `dimension`. Throws kInput for too few or broken rows.
FeatureStatistics StatisticsOf(std::span<const float> features, int64_t dimension,
                               Hash128 feature_hash);

// Distance of `features` (n, dimension of the reference), low cut at 0. `feature_hash` names the
// network that made the features (kInput if not the reference's).
Estimate EstimateFrechet(const FrechetReference& reference, std::span<const float> features,
                         Hash128 feature_hash);

// Distance of `a` minus distance of `b`, both generated from the same noise (row i of each belongs
// to the same sample): the interval is that of the rows' differences of influence, so what they
// share cancels.
Estimate EstimateFrechetDifference(const FrechetReference& reference, std::span<const float> a,
                                   std::span<const float> b, Hash128 feature_hash);

// The distance of infinitely many samples (Chong and Forsyth 2020, FID-infinity): a line in 1 / n
// through the distances of n, n/2, n/3 and n/4 rows, read at 1 / n = 0. At n/k the value is the
// mean over k disjoint parts in the order of arrival (the paper draws one random subset a size,
// which wastes samples). Estimand: that limit. Method: to first order in 1/n its influences are the
// distance's own, so the half width is EstimateFrechet's; not cut at 0, since the value is nearly
// unbiased. Needs 8 rows at least (kInput), and to be a line, n/4 well above the dimension.
Estimate EstimateFrechetInfinity(const FrechetReference& reference, std::span<const float> features,
                                 Hash128 feature_hash);

}  // namespace tmpq
