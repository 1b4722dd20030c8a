#include "src/eval/proxies/call_counter.h"

namespace tmpq {

CallCounter::CallCounter(Evaluator& inner, const EvaluatorSettings& settings, int calls_per_step)
    : inner_(inner), settings_(settings), calls_per_step_(calls_per_step) {}

std::vector<Measurements> CallCounter::Evaluate(std::span<const Candidate> candidates,
                                                Fidelity fidelity) {
  for (const Candidate& candidate : candidates) {
    if (!seen_.emplace(candidate.hash(), fidelity).second) {
      ++repeats_;
      continue;
    }
    int64_t samples = SamplesOf(settings_, fidelity);
    // What was probed is part of the trajectory error.
    if (fidelity == Fidelity::kTrajectory &&
        seen_.count({candidate.hash(), Fidelity::kProbe}) > 0) {
      samples -= SamplesOf(settings_, Fidelity::kProbe);
    }
    samples_ += samples;
    calls_ += samples * candidate.steps() * calls_per_step_;
  }
  return inner_.Evaluate(candidates, fidelity);
}

}  // namespace tmpq
