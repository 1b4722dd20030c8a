// One run's samples as pictures, kept for others where they are the float model's.
#pragma once

#include <vector>

#include "src/eval/files/sample_set.h"
#include "src/eval/samples/sample_evaluation.h"

namespace tmpq {

struct Drawn {
  SampleSet pictures;
  TimestepSequence timesteps;
  std::vector<float> trajectory;  // (steps, count, sample), or empty
};

// Samples 0 .. settings.count - 1 of settings.seed. `in_float`: `run` is the float model's, whose
// samples settings.float_cache may hold already, by the hash of all that they depend on.
Drawn DrawSamples(const SampleSource& source, const SamplingRun& run,
                  const ConditionList& conditions, const SampleEvaluation& settings,
                  bool with_trajectory, bool in_float);

}  // namespace tmpq
