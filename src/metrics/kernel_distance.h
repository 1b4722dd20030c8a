// Kernel distance of feature vectors: the squared maximum mean discrepancy with the polynomial
// kernel k(x, y) = (x'y / d + 1)^3 (Binkowski et al. 2018; "KID" when the features are
// Inception's). Features are (n, dimension) row-major, reference (m, dimension). In double, in
// blocks of fixed size: deterministic for any number of threads. Cost: O((n + m)^2 dimension).
//
// Intervals. Estimand: the discrepancy of the two populations that samples and reference rows were
// drawn from (the statistic is unbiased, so n does not enter). Method: the delete-one jackknife
// over samples and over reference rows, whose variances add; value +- Student's t times its root.
// Where both populations are equal the statistic's distribution is skewed and the interval too
// wide.
#pragma once

#include <cstdint>
#include <span>

#include "src/metrics/estimate.h"

namespace tmpq {

// The unbiased estimate: the mean of k over pairs of different samples, plus the same of reference
// rows, minus twice the mean over mixed pairs. May be negative. Throws kInput below two rows.
double KernelDistance(std::span<const float> features, std::span<const float> reference,
                      int64_t dimension);

// KernelDistance with its interval. Throws kInput below three rows.
Estimate EstimateKernelDistance(std::span<const float> features, std::span<const float> reference,
                                int64_t dimension);

// KernelDistance of `a` minus that of `b`, to the same reference; row i of each comes from the same
// noise and is left out together.
Estimate EstimateKernelDistanceDifference(std::span<const float> a, std::span<const float> b,
                                          std::span<const float> reference, int64_t dimension);

// How the field reports it (torch-fidelity: 100 subsets of 1,000): mean and standard deviation of
// KernelDistance over random subsets of both sides. Subsets overlap, so the deviation measures a
// subset's noise and is no error bar of the mean.
struct SubsetKernelDistance {
  double mean = 0, deviation = 0;
};
// Subset s of a side depends on (seed, s, rows of the side) only; torch-fidelity draws its own from
// NumPy. Throws kInput when a side has fewer than `size` rows.
SubsetKernelDistance KernelDistanceOfSubsets(std::span<const float> features,
                                             std::span<const float> reference, int64_t dimension,
                                             int subsets, int64_t size, uint64_t seed);

}  // namespace tmpq
