// A measured value with its 95 % interval, and the intervals of means.
#pragma once

#include <cstdint>
#include <span>

namespace tmpq {

struct Estimate {
  double value = 0;
  double low = 0;
  double high = 0;
  int64_t n = 0;  // samples
};

// Summed in order; NaN of none.
double Mean(std::span<const double> values);

// The 97.5 % quantile of Student's t distribution: standard errors on each side of a mean whose
// deviation was estimated with `degrees_of_freedom` >= 1; 1.96 for many.
double StudentT975(int64_t degrees_of_freedom);

// `value` +- StudentT975(n - 1) * `standard_error`.
Estimate WithStandardError(double value, double standard_error, int64_t n);

// Standard error of the mean of independent values, one a sample. Throws kInput below two.
double StandardErrorOfMean(std::span<const double> values);

// Estimand: the expected value of one sample. Method: Student's t interval of the mean of
// independent values, one a sample. Not finite: mean and both ends are the mean of what came.
// Throws kInput below two samples.
Estimate EstimateMean(std::span<const double> values);

// Estimand: the expected difference a - b of one sample, both made from the same noise (value i of
// each belongs to the same sample), so what they share cancels. Method as EstimateMean. Throws
// kInput for different numbers of samples.
Estimate EstimatePairedDifference(std::span<const double> a, std::span<const double> b);

}  // namespace tmpq
