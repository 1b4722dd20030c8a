// Squared Frechet distance between Gaussians fitted to feature vectors, with error bars.
//
//   |m1 - m2|^2 + tr(S1) + tr(S2) - 2 tr((S1 S2)^1/2)
//
// (Dowson and Landau 1982; as a measure of generated images Heusel et al. 2017). In double through
// Eigen: deterministic for any number of threads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/metrics/estimate.h"
#include "src/metrics/feature_statistics.h"

namespace tmpq {

// Resamples of an interval unless told otherwise: the standard deviation is known to
// 1 / sqrt(2 x 200) = 5 %.
inline constexpr int kBootstrapReplicates = 200;

// One side of the distance with its decomposition done once. Const-safe.
class FrechetReference {
 public:
  explicit FrechetReference(FeatureStatistics statistics);

  const FeatureStatistics& statistics() const { return statistics_; }
  // Covariances may be rank-deficient. Infinite when `other` is not finite (a candidate diverged).
  // Throws kInput for statistics of another feature network or dimension.
  double DistanceTo(const FeatureStatistics& other) const;

 private:
  FeatureStatistics statistics_;
  int64_t rank_ = 0;
  std::vector<double> root_;  // (dimension, rank) column-major, root root' = covariance
};

double FrechetDistance(const FeatureStatistics& a, const FeatureStatistics& b);

// Distance of `features` (n, dimension of the reference) with its 95 % interval.
//
// The interval is value +- 1.96 bootstrap standard deviations over resampled features, cut at 0.
// Percentiles are not used: a resample has duplicates, its covariance is too small, and the
// statistic of a resample is biased upwards by about as much as the statistic itself is. The
// interval speaks of the candidate's samples at this n, against this fixed reference; the bias
// that every Frechet distance has at finite n is not in it. Resamples depend on (seed, replicate,
// n) only. `feature_hash` names the network that made the features (kInput if not the
// reference's).
Estimate EstimateFrechet(const FrechetReference& reference, std::span<const float> features,
                         Hash128 feature_hash, uint64_t seed,
                         int replicates = kBootstrapReplicates);

// Distance of `a` minus distance of `b`, both generated from the same noise (row i of each belongs
// to the same sample): both are resampled with the same rows, so what they share cancels.
Estimate EstimateFrechetDifference(const FrechetReference& reference, std::span<const float> a,
                                   std::span<const float> b, Hash128 feature_hash, uint64_t seed,
                                   int replicates = kBootstrapReplicates);

}  // namespace tmpq
