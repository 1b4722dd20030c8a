// Rank correlation of two measures over the same candidates: whether the cheap one orders them as
// the dear one does.
//
// Intervals. Estimand: the correlation over the population that the candidates were drawn from.
// Method: Fisher's z +- 1.96 standard errors, of Bonett and Wright (2000) for Spearman,
// (1 + r^2 / 2) / (n - 3), and of Fieller, Hartley and Pearson (1957) for Kendall, .437 / (n - 4).
// A bootstrap would tie resampled candidates with themselves. docs/metrics.md has the measured
// coverage. Where all agree (|r| = 1) the interval is that of the next value that n candidates can
// have. Infinite values rank last or first; a side without two different values has no order: NaN.
#pragma once

#include <span>

#include "src/metrics/estimate.h"

namespace tmpq {

// Pearson's correlation of the ranks; equal values share the mean of their ranks. Throws kInput
// for sides of different size, fewer than 5 values, or NaN.
Estimate EstimateSpearman(std::span<const double> a, std::span<const double> b);

// Kendall's tau-b: (agreeing - disagreeing pairs) / root of the product of the pairs that each side
// orders. Throws as EstimateSpearman does.
Estimate EstimateKendall(std::span<const double> a, std::span<const double> b);

}  // namespace tmpq
