// exp of the mean Kullback-Leibler divergence of a sample's class distribution from the mean one
// (Salimans et al. 2016), from the logits of a classifier. "Inception score" only when the
// classifier is Inception; other networks' scores carry their own name.
#pragma once

#include <cstdint>
#include <span>

#include "src/metrics/estimate.h"

namespace tmpq {

inline constexpr int kInceptionSplits = 10;  // as in the paper and torch-fidelity

// `logits` (n, classes) row-major; contiguous splits in the order of arrival, sample i n / splits
// up to (i + 1) n / splits. The value is the mean over splits; n samples. Estimand: the expected
// score of n / splits samples (the score is biased downwards in its number). Method: splits are
// independent, so it is EstimateMean's interval of the splits' scores. Throws kInput below two
// samples a split, or for logits that are not finite.
Estimate EstimateInceptionScore(std::span<const float> logits, int64_t classes,
                                int splits = kInceptionSplits);

}  // namespace tmpq
