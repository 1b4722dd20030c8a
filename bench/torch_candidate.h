// The naive way to score a candidate: float weights quantized anew, the network simulated in
// LibTorch.
#pragma once

#include <memory>

#include "src/graph/graph.h"
#include "src/graph/parameters.h"
#include "src/plan/candidate.h"
#include "src/runtime/sampler.h"

namespace tmpq {

// Of networks whose layers all have the default scheme (round to nearest, a scale an output of the
// weights and a token of the activations).
class TorchCandidates {
 public:
  // `graph` outlives this object; parameters are copied.
  TorchCandidates(const Graph& graph, const ParameterSet& parameters);
  ~TorchCandidates();

  // Samples of a candidate; runs on LibTorch's threads, all samples in one batch.
  std::vector<float> Sample(const DiffusionSampler& sampler, const Candidate& candidate,
                            const SampleRequest& request);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tmpq
