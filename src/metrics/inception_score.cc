#include "src/metrics/inception_score.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "src/core/error.h"

namespace tmpq {
namespace {

// Log-probabilities of one sample.
std::vector<double> LogSoftmax(std::span<const float> logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  if (!std::isfinite(largest)) throw Error(ErrorCode::kInput, "logits", "are not finite");
  double sum = 0.0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  const double normaliser = largest + std::log(sum);
  if (!std::isfinite(normaliser)) throw Error(ErrorCode::kInput, "logits", "are not finite");
  std::vector<double> result;
  for (const float logit : logits) result.push_back(logit - normaliser);
  return result;
}

double Score(std::span<const float> logits, int64_t classes) {
  const auto n = static_cast<int64_t>(logits.size()) / classes;
  std::vector<double> marginal(classes, 0.0);
  double negative_entropy = 0.0;  // sum over samples of sum p log p
  for (int64_t i = 0; i < n; ++i) {
    const std::vector<double> log_p = LogSoftmax(logits.subspan(i * classes, classes));
    for (int64_t c = 0; c < classes; ++c) {
      const double p = std::exp(log_p[c]);
      marginal[c] += p;
      if (p > 0.0) negative_entropy += p * log_p[c];
    }
  }
  double cross = 0.0;  // the same against the marginal
  for (const double sum : marginal) {
    if (sum > 0.0) cross += sum * std::log(sum / static_cast<double>(n));
  }
  return std::exp((negative_entropy - cross) / static_cast<double>(n));
}

}  // namespace

Estimate EstimateInceptionScore(std::span<const float> logits, int64_t classes, int splits) {
  CheckRange("splits of the inception score", splits, 2, 1e6);
  if (classes < 1 || logits.size() % classes != 0) {
    throw Error(ErrorCode::kInput, "logits",
                "are not rows of " + std::to_string(classes) + " classes");
  }
  const auto n = static_cast<int64_t>(logits.size()) / classes;
  if (n < 2 * splits) {
    throw Error(ErrorCode::kInput, "logits", "of " + std::to_string(n) + " samples are too few",
                "at least " + std::to_string(2 * splits) + " are needed for " +
                    std::to_string(splits) + " splits");
  }
  std::vector<double> scores;
  for (int64_t s = 0; s < splits; ++s) {
    const int64_t begin = n * s / splits, end = n * (s + 1) / splits;
    scores.push_back(Score(logits.subspan(begin * classes, (end - begin) * classes), classes));
  }
  Estimate estimate = EstimateMean(scores);
  estimate.n = n;
  return estimate;
}

}  // namespace tmpq
