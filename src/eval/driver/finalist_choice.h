// Which finalist becomes the plan, and which of them it is better than beyond noise.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/metrics/estimate.h"
#include "src/plan/candidate.h"
#include "src/search/evaluator.h"

namespace tmpq {

struct Finalist {
  Candidate candidate;
  double loss = 0;
  Estimate minus_plan;  // loss minus the plan's, on the same noise: 0 of the plan itself
};

struct FinalistChoice {
  std::string measurement;
  int64_t samples = 0;
  std::vector<Finalist> finalists;  // as they came
  size_t plan = 0;
  std::optional<size_t> defender = {};  // which of them had to be beaten beyond noise

  // Finalists that the plan is better than: the whole 95 % interval is above 0.
  int64_t beaten() const;
};

// `answers`: of Fidelity::kSelection, of `samples` samples of common noise. The least `measurement`
// wins, the earlier one of equals. With a `defender` among the candidates it is the plan until a
// candidate, in turn, is better than it and than the plan so far, both beyond noise. Throws as
// EstimateBlockDifference.
FinalistChoice ChooseFinalist(const std::vector<Candidate>& candidates,
                              const std::vector<Measurements>& answers,
                              const std::string& measurement, int64_t samples,
                              const std::optional<Candidate>& defender);

}  // namespace tmpq
