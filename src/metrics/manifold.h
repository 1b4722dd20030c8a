// How much of the samples lies in the reference's manifold and the other way round, both taken as
// unions of balls around feature vectors that reach to the k-th nearest neighbour of their own set.
//
//   precision  share of samples in some ball of the reference      (Kynkaanniemi et al. 2019, k =
//   3) recall     share of reference rows in some ball of the samples (k = 3) density    balls of
//   the reference that hold a sample, mean over samples, / k coverage   share of the reference's
//   balls that hold a sample   (Naeem et al. 2020, k = 5)
//
// A ball holds its border. Deterministic for any number of threads.
//
// Intervals. Estimand: the expected value at these numbers of samples and reference rows (all four
// change with them: compare equal numbers only). Method: half-sampling. A random half of both sides
// without replacement has, for a mean, exactly the variance about the whole that the whole has
// about its expectation; so the deviation over half-samples is the standard error. Resampling with
// replacement would put a sample's own duplicates among its neighbours.
#pragma once

#include <cstdint>
#include <span>

#include "src/metrics/estimate.h"

namespace tmpq {

struct ManifoldSettings {
  int precision_neighbours = 3, density_neighbours = 5;
  int half_samples = 100;  // 0: values without intervals (both ends are the value)
  uint64_t seed = 0;
};

struct ManifoldMetrics {
  Estimate precision, recall, density, coverage;
};

// `features` (n, dimension), `reference` (m, dimension), row-major. Keeps n^2 + m^2 + n m distances
// of 4 bytes. Throws kInput for values that are not finite, for halves that are no larger than the
// numbers of neighbours, and above 16,384 rows (3.2 GB).
ManifoldMetrics EstimateManifolds(std::span<const float> features, std::span<const float> reference,
                                  int64_t dimension, const ManifoldSettings& settings = {});

}  // namespace tmpq
