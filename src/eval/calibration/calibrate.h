// Calibration: what the layers' inputs look like along float trajectories, over timesteps and
// conditions.
#pragma once

#include <atomic>

#include "src/core/progress.h"
#include "src/quant/layer_statistics.h"
#include "src/quant/recipe.h"
#include "src/runtime/sampler.h"

namespace tmpq {

struct CalibrationSettings {
  uint64_t seed = 0;
  int threads = 0;  // 0: one per core; the statistics do not depend on it
  const std::atomic<bool>* interrupted = nullptr;
};

// Samples recipe.calibration_samples in float at recipe.calibration_steps uniform timesteps, on
// noise of its own, and remembers every layer's inputs by the ranges and branches of `scheme`.
// Throws kInterrupted; kInput for activations that are not finite.
CalibrationStatistics Calibrate(const DiffusionSampler& sampler, const ConditionList& conditions,
                                const QuantRecipe& recipe, const QuantScheme& scheme,
                                const CalibrationSettings& settings, Progress& progress);

}  // namespace tmpq
