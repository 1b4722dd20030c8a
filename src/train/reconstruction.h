// Post-training reconstruction: block by block, roundings of weights (AdaRound) and then steps of
// static activations (LSQ) that make a quantized block's outputs those of the float network, given
// inputs from the blocks before as they are quantized (Q-Diffusion, Li et al., arXiv 2302.04304).
#pragma once

#include <atomic>
#include <filesystem>
#include <vector>

#include "src/core/hash.h"
#include "src/core/progress.h"
#include "src/graph/graph.h"
#include "src/graph/parameters.h"
#include "src/quant/calibration_calls.h"
#include "src/quant/layer_statistics.h"
#include "src/quant/learned_rounding.h"
#include "src/quant/recipe.h"
#include "src/train/reconstruction_config.h"

namespace tmpq {

// What is reconstructed; everything outlives the call.
struct ReconstructionJob {
  const Graph* graph;
  const ParameterSet* parameters;
  Hash128 model;
  const QuantRecipe* recipe;  // with rounding = adaround
  const QuantScheme* scheme;  // SchemeOf(recipe, ..)
  const CalibrationStatistics* statistics;
  const CalibrationCalls* calls;
  std::vector<int> weight_bits, activation_bits;  // ascending; each is a run of its own
  uint64_t seed = 0;                              // of the minibatches
};

struct ReconstructionSession {
  std::filesystem::path checkpoint;  // written after every unit; resumed from if it exists
  int threads = 0;                   // of LibTorch; 0: one per core
  Progress* progress = nullptr;
  const std::atomic<bool>* interrupted = nullptr;  // polled; throws kInterrupted
};

// Steps are learned over weights at the candidate bit-width nearest to theirs (of two, the wider).
// The same bytes for the same job, config, build and number of threads, interrupted or not. The
// result's report has a row a unit and bit-width: its error over the calls before and after.
// Throws kInput when the checkpoint belongs to another job.
LearnedRounding Reconstruct(const ReconstructionJob& job, const ReconstructionConfig& config,
                            const ReconstructionSession& session);

}  // namespace tmpq
