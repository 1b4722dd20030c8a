#include "src/eval/driver/finalist_choice.h"

#include <algorithm>

#include "src/core/error.h"
#include "src/eval/proxies/noise_blocks.h"

namespace tmpq {

int64_t FinalistChoice::beaten() const {
  return std::count_if(finalists.begin(), finalists.end(),
                       [](const Finalist& finalist) { return finalist.minus_plan.low > 0; });
}

FinalistChoice ChooseFinalist(const std::vector<Candidate>& candidates,
                              const std::vector<Measurements>& answers,
                              const std::string& measurement, int64_t samples,
                              const std::optional<Candidate>& defender) {
  TMPQ_CHECK(!candidates.empty() && candidates.size() == answers.size(),
             "every finalist has an answer");
  const auto minus = [&](size_t a, size_t b) {
    if (a == b) return Estimate{0, 0, 0, samples};
    return EstimateBlockDifference(answers[a], answers[b], measurement, samples);
  };
  FinalistChoice choice{measurement, samples, {}, 0};
  if (defender.has_value()) {
    const auto found = std::find(candidates.begin(), candidates.end(), *defender);
    TMPQ_CHECK(found != candidates.end(), "the defender is a finalist");
    choice.plan = static_cast<size_t>(found - candidates.begin());
    choice.defender = choice.plan;
  }
  for (size_t i = 0; i < candidates.size(); ++i) {
    const bool better = choice.defender.has_value()
                            ? minus(i, choice.plan).high < 0 && minus(i, *choice.defender).high < 0
                            : answers[i].at(measurement) < answers[choice.plan].at(measurement);
    if (better) choice.plan = i;
  }
  for (size_t i = 0; i < candidates.size(); ++i) {
    choice.finalists.push_back({candidates[i], answers[i].at(measurement), minus(i, choice.plan)});
  }
  return choice;
}

}  // namespace tmpq
