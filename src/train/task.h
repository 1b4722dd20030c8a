// What a network is trained to do: a loss over batches that depend on (seed, step, replica) alone.
#pragma once

#include <memory>

#include "src/graph/graph.h"
#include "src/torch/torch_executor.h"
#include "src/train/sample_source.h"
#include "src/train/train_config.h"

namespace tmpq {

// Const-safe: replicas call Loss at the same time.
class TrainingTask {
 public:
  virtual ~TrainingTask() = default;
  // Scalar loss of replica `replica`'s batch at `step`.
  virtual at::Tensor Loss(const TorchExecutor& executor, const TorchExecutor::Tensors& parameters,
                          int64_t step, int replica) const = 0;
};

// The task named in the config; throws kUsage for an unknown one. Arguments outlive the task.
std::unique_ptr<TrainingTask> MakeTask(const Graph& graph, const SampleSource& data,
                                       const TrainConfig& config);

}  // namespace tmpq
