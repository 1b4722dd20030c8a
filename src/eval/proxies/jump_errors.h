// What single jumps between timesteps cost, measured on float trajectories: what the dynamic
// programme of src/search/timestep_programme.h chooses timesteps by.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "src/core/progress.h"
#include "src/runtime/sampler.h"
#include "src/search/timestep_programme.h"

namespace tmpq {

struct JumpErrorSettings {
  TimestepSequence grid;  // timesteps that may be chosen, and of the trajectories
  int weights = 10;       // places where an error's weight is measured; between them its logarithm
                          // is interpolated
  int64_t samples = 8;
  uint64_t seed = 0;
  RandomPurpose purpose = RandomPurpose::kSearchNoise;
  int64_t batch = 8;
  int threads = 0;
  NetworkCall network_call = {};  // of a device; empty: this processor
  const std::atomic<bool>* interrupted = nullptr;
};

// Along float trajectories of the first-order sampler over the grid (DDIM; Euler of flows),
// whatever `sampler`'s own method: the error of a jump from x_i straight to grid point j, mean
// squared against x_j, needs no network call beyond the trajectory's; times the weight of an error
// at j, which is how much of a jump's error there is left in the final sample, squared, measured by
// sampling on from it. Throws kUsage for a grid of one timestep, kInterrupted.
JumpErrors MeasureJumpErrors(const DiffusionSampler& sampler, const ConditionList& conditions,
                             const JumpErrorSettings& settings, Progress& progress);

// Uniform timesteps, and the middle one of each group of `groups` that holds none of them, so that
// every group can be planned in.
TimestepSequence JumpGrid(int uniform, const std::vector<TimestepGroups>& groups,
                          int training_steps);

// As a checksummed file. Load throws kIo, kCorrupt, kInput.
void SaveJumpErrors(const JumpErrors& errors, const std::filesystem::path& path);
JumpErrors LoadJumpErrors(const std::filesystem::path& path);

}  // namespace tmpq
