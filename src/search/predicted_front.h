// What additive tables say of every budget, so that another one is answered without measuring.
#pragma once

#include <string>
#include <vector>

#include "src/search/additive_model.h"
#include "src/search/archive.h"

namespace tmpq {

// The front of predicted error against BitOps over all of the space's bit-widths, whatever its
// budget, at `timesteps` and the same at all steps: allocations by the model's damages, none below
// 0, predicted by their sum and what the timesteps leave. The model's calibration is left out: it
// is fitted to candidates near the budget, and wrong by far elsewhere. Objectives are named
// `measurement` and kBitOps.
std::vector<ArchiveEntry> PredictFront(const SearchSpace& space, const AdditiveModel& model,
                                       const TimestepSequence& timesteps,
                                       const std::string& measurement);

}  // namespace tmpq
