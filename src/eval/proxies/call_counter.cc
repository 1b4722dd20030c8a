#include "src/eval/proxies/call_counter.h"

namespace tmpq {

CallCounter::CallCounter(Evaluator& inner, const EvaluatorSettings& settings, int calls_per_step)
    : inner_(inner), settings_(settings), calls_per_step_(calls_per_step) {}

int64_t CallCounter::SamplesOf(Fidelity fidelity) const {
  switch (fidelity) {
    case Fidelity::kPredicted:
      return 0;
    case Fidelity::kTrajectory:
      return settings_.trajectory_samples;
    case Fidelity::kMetrics:
      return settings_.metric_samples;
    case Fidelity::kSelection:
      return settings_.selection_samples;
    case Fidelity::kReport:
      return settings_.report_samples;
  }
  return 0;
}

std::vector<Measurements> CallCounter::Evaluate(std::span<const Candidate> candidates,
                                                Fidelity fidelity) {
  for (const Candidate& candidate : candidates) {
    if (!seen_.emplace(candidate.hash(), fidelity).second) {
      ++repeats_;
      continue;
    }
    const int64_t samples = SamplesOf(fidelity);
    samples_ += samples;
    calls_ += samples * candidate.steps() * calls_per_step_;
  }
  return inner_.Evaluate(candidates, fidelity);
}

}  // namespace tmpq
