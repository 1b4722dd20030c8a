// Images or clips to features on the runtime's own float operations: the space of the distribution
// distance.
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
#include "src/metrics/preprocessing.h"
#include "src/runtime/network.h"

namespace tmpq {

// Const-safe. Features do not depend on batch size or thread count.
class FeatureExtractor {
 public:
  // `graph` has one input, whatever its name; `hash` names the trained network in files and errors.
  FeatureExtractor(const Graph& graph, const ParameterSet& parameters, Hash128 hash,
                   const kernels::KernelSet& kernels, Preprocessing preprocessing = {});

  int64_t dimension() const { return ElementsOf(network_.graph().output_shape()); }
  // Of one sample's features: (dimension), or maps (height, width, channels).
  const Shape& feature_shape() const { return network_.graph().output_shape(); }
  // ([frames,] height, width, channels) that the network itself takes.
  const Shape& sample_shape() const { return sample_shape_; }
  int64_t image_elements() const { return ElementsOf(sample_shape_); }
  const Preprocessing& preprocessing() const { return preprocessing_; }
  Hash128 hash() const { return hash_; }

  // Throws kInput unless samples of `shape` can be brought to sample_shape().
  void CheckShape(const Shape& shape) const;

  // (n, shape) in [-1, 1] -> (n, dimension). `threads` 0: as many as OpenMP has. Throws as
  // CheckShape does. A sample that is not finite has features that are not.
  std::vector<float> Extract(std::span<const float> samples, const Shape& shape, int threads,
                             Progress* progress = nullptr) const;
  // The same for samples of sample_shape().
  std::vector<float> Extract(std::span<const float> samples, int threads,
                             Progress* progress = nullptr) const {
    return Extract(samples, sample_shape_, threads, progress);
  }

 private:
  RuntimeNetwork network_;
  ActivePolicy policy_;
  Hash128 hash_;
  std::string input_;  // its name
  Shape sample_shape_;
  Preprocessing preprocessing_;
};

}  // namespace tmpq
