// Network calls along float trajectories, which reconstruction learns from.
#pragma once

#include "src/core/progress.h"
#include "src/eval/calibration/calibrate.h"
#include "src/quant/calibration_calls.h"
#include "src/runtime/sampler.h"

namespace tmpq {

// Which calls: of each sample's `sampling_steps` uniform steps `kept_steps` evenly spaced ones.
struct CallChoice {
  int64_t samples = 16;
  int sampling_steps = 20;
  int kept_steps = 20;
};

// Samples in float on the calibration's noise; of guidance both branches' calls are kept. By
// sample, step, branch. The result does not depend on threads. Throws kUsage, kInterrupted.
CalibrationCalls CollectCalls(const DiffusionSampler& sampler, const ConditionList& conditions,
                              const CallChoice& choice, const CalibrationSettings& settings,
                              Progress& progress);

}  // namespace tmpq
