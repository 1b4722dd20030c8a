#include "src/metrics/feature_extractor.h"

#include <omp.h>

#include <algorithm>

#include "src/core/error.h"

namespace tmpq {
namespace {
constexpr int64_t kBatch = 16;  // images of one network call; memory, not results, depends on it
}  // namespace

FeatureExtractor::FeatureExtractor(const Graph& graph, const ParameterSet& parameters, Hash128 hash,
                                   const kernels::KernelSet& kernels)
    : network_(graph, parameters, kernels), policy_(network_.ActivateFloat()), hash_(hash) {
  const NodeId sample = graph.FindInput("sample");
  if (sample < 0) throw Error(ErrorCode::kInput, "network " + graph.name(), "has no input sample");
  sample_shape_ = graph.node(sample).shape;
}

std::vector<float> FeatureExtractor::Extract(std::span<const float> images, int threads,
                                             Progress* progress) const {
  TMPQ_CHECK(images.size() % image_elements() == 0, "images do not fit the feature network");
  const auto count = static_cast<int64_t>(images.size()) / image_elements();
  const int64_t chunks = (count + kBatch - 1) / kBatch;
  const int workers = static_cast<int>(std::clamp<int64_t>(
      threads > 0 ? threads : omp_get_max_threads(), 1, std::max<int64_t>(chunks, 1)));
  std::vector<float> features(count * dimension());
  std::vector<Workspace> workspaces;
  for (int i = 0; i < workers; ++i) workspaces.push_back(network_.MakeWorkspace(kBatch));
  std::atomic<int64_t> done{0};
#pragma omp parallel for num_threads(workers) schedule(dynamic, 1)
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    const int64_t begin = chunk * kBatch, size = std::min(kBatch, count - begin);
    const NetworkInputs inputs{size, {{"sample", images.data() + begin * image_elements()}}, {}};
    network_.Run(policy_, inputs, features.data() + begin * dimension(),
                 workspaces[omp_get_thread_num()]);
    done += size;
    if (progress != nullptr && omp_get_thread_num() == 0) progress->Update(done);
  }
  return features;
}

}  // namespace tmpq
