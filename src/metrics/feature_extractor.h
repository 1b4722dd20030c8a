// Images to features on the runtime's own float operations: the space of the distribution distance.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "src/core/hash.h"
#include "src/core/progress.h"
#include "src/graph/graph.h"
#include "src/graph/parameters.h"
#include "src/runtime/network.h"

namespace tmpq {

// Const-safe. Features do not depend on batch size or thread count.
class FeatureExtractor {
 public:
  // `graph` has one input "sample"; `hash` names the trained network in
  // files and errors.
  FeatureExtractor(const Graph& graph, const ParameterSet& parameters, Hash128 hash,
                   const kernels::KernelSet& kernels);

  int64_t dimension() const { return ElementsOf(network_.graph().output_shape()); }
  // ([frames,] height, width, channels) of one sample.
  const Shape& sample_shape() const { return sample_shape_; }
  int64_t image_elements() const { return ElementsOf(sample_shape_); }
  Hash128 hash() const { return hash_; }

  // (n, image elements) in [-1, 1] -> (n, dimension). `threads` 0: as many as OpenMP has.
  std::vector<float> Extract(std::span<const float> images, int threads,
                             Progress* progress = nullptr) const;

 private:
  RuntimeNetwork network_;
  ActivePolicy policy_;
  Hash128 hash_;
  Shape sample_shape_;
};

}  // namespace tmpq
