#include "src/metrics/feature_extractor.h"

#include <omp.h>

#include <algorithm>

#include "src/core/error.h"

namespace tmpq {
namespace {
constexpr int64_t kBatch = 16;  // samples of one network call; memory, not results, depends on it
}  // namespace

FeatureExtractor::FeatureExtractor(const Graph& graph, const ParameterSet& parameters, Hash128 hash,
                                   const kernels::KernelSet& kernels, Preprocessing preprocessing)
    : network_(graph, parameters, kernels),
      policy_(network_.ActivateFloat()),
      hash_(hash),
      preprocessing_(std::move(preprocessing)) {
  for (const Node& node : graph.nodes()) {
    if (node.kind != OpKind::kInput) continue;
    if (!input_.empty()) {
      throw Error(ErrorCode::kInput, "network " + graph.name(),
                  "has the inputs " + input_ + " and " + node.name,
                  "a feature network has one: its samples");
    }
    input_ = node.name, sample_shape_ = node.shape;
  }
  if (sample_shape_.size() < 3) {
    throw Error(ErrorCode::kInput, "network " + graph.name(),
                "has no input ([frames,] height, width, channels)");
  }
}

void FeatureExtractor::CheckShape(const Shape& shape) const {
  CheckPreprocessing(preprocessing_, shape, sample_shape_,
                     "feature network " + network_.graph().name());
}

std::vector<float> FeatureExtractor::Extract(std::span<const float> samples, const Shape& shape,
                                             int threads, Progress* progress) const {
  CheckShape(shape);
  const int64_t elements = ElementsOf(shape);
  TMPQ_CHECK(samples.size() % elements == 0, "samples do not fit their shape");
  const auto count = static_cast<int64_t>(samples.size()) / elements;
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
    const std::vector<float> prepared = Preprocess(
        preprocessing_, samples.subspan(begin * elements, size * elements), shape, sample_shape_);
    network_.Run(policy_, {size, {{input_, prepared.data()}}, {}},
                 features.data() + begin * dimension(), workspaces[omp_get_thread_num()]);
    done += size;
    if (progress != nullptr && omp_get_thread_num() == 0) progress->Update(done);
  }
  return features;
}

}  // namespace tmpq
