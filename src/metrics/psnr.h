// Signal against error in dB: the peak ratio of images in [-1, 1] (peak-to-peak 2), and the power
// ratio of arrays of any scale.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/metrics/estimate.h"

namespace tmpq {

// Mean squared error of each of `count` samples, in double; both images hold the same number of
// elements per sample.
std::vector<double> MeanSquaredErrors(std::span<const float> images,
                                      std::span<const float> reference, int64_t count);

// 10 log10(2^2 / mse); infinite for 0.
double PsnrOfMse(double mean_squared_error);

// PSNR of the pooled error: the mean of the samples' mean squared errors, then dB (a mean of dB
// would let one identical image make it infinite). The 95 % interval is EstimateMean's of the
// samples' errors, in dB; where it reaches an error of 0, `high` is infinite.
// Identical images: all three infinite; images that are not finite: all three -infinity. Throws
// kInput below two samples.
Estimate EstimatePsnr(std::span<const double> mean_squared_errors);

// PSNR of `a` minus PSNR of `b`, in dB, from squared errors of paired samples: 10 log10(mean b /
// mean a), which is the difference of their SQNR too. Method: Student's t interval of the
// logarithm, whose standard error is that of the samples' differences of relative deviations.
// Without any error in one: infinite; in both: NaN. Throws kInput below two samples.
Estimate EstimatePsnrDifference(std::span<const double> a, std::span<const double> b);

// Signal-to-quantization-noise ratio 10 log10(sum reference^2 / sum (values - reference)^2), pooled
// over `count` samples; for the end sample or any one step's output. Estimand: the ratio of the two
// expected powers. Method: Student's t interval of the logarithm, whose standard error is that of
// the samples' relative deviations of signal and error. Equal arrays: infinite; values that are not
// finite: -infinity. Throws kInput below two samples.
Estimate EstimateSqnr(std::span<const float> values, std::span<const float> reference,
                      int64_t count);

// EstimateSqnr of each step: `values` and `reference` are (steps, count, elements).
std::vector<Estimate> EstimateSqnrOfSteps(std::span<const float> values,
                                          std::span<const float> reference, int64_t steps,
                                          int64_t count);

}  // namespace tmpq
