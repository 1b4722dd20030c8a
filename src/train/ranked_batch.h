// Ranked pairs as a batch, and what an encoder makes of them.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "src/data/ranked_pair.h"
#include "src/torch/torch_executor.h"

namespace tmpq {

struct RankedBatch {
  std::vector<Flaw> flaws;        // by pair
  std::vector<int64_t> captions;  // of all better samples, then again of all worse ones
  std::vector<float> samples;     // likewise
};

RankedBatch DrawRankedBatch(const CaptionedWorld& world, int64_t pairs, RandomStream& random);

// Cosines of the better samples and of the worse ones with their captions, (pairs) each.
std::pair<at::Tensor, at::Tensor> RankedCosines(const TorchExecutor& executor,
                                                const TorchExecutor::Tensors& parameters,
                                                const CaptionedWorld& world,
                                                const RankedBatch& batch);

}  // namespace tmpq
