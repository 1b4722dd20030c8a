#include "src/train/task.h"

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "src/core/error.h"
#include "src/torch/torch_device.h"
#include "src/train/task_batch.h"

namespace tmpq {

uint64_t StreamOf(const TrainConfig& config, int64_t step, int replica, int64_t image) {
  return (static_cast<uint64_t>(step) * config.replicas + replica) * config.batch + image;
}

at::Tensor BatchTensor(const std::vector<float>& values, int64_t batch, Shape shape) {
  shape.insert(shape.begin(), batch);
  return TensorOf(values, std::move(shape));
}

at::Tensor BatchTensor(const std::vector<int64_t>& values, int64_t batch, Shape shape) {
  shape.insert(shape.begin(), batch);
  return TensorOf(values, std::move(shape));
}

void CheckTakesSamples(const Graph& graph, const SampleSource& data) {
  const NodeId sample = graph.FindInput("sample");
  if (sample < 0 || graph.node(sample).shape != data.shape()) {
    throw Error(ErrorCode::kUsage, "[model]", "the network does not take the data's samples",
                "they are " + ShapeText(data.shape()));
  }
}

void CheckTakesCaptions(const Node& caption, int64_t rows, const CaptionedWorld* world) {
  const Vocabulary* vocabulary = world == nullptr ? nullptr : &world->vocabulary();
  if (vocabulary == nullptr || rows < vocabulary->size() ||
      caption.shape != Shape{vocabulary->tokens()}) {
    throw Error(ErrorCode::kUsage, "[model]", "the network does not take the data's captions",
                vocabulary == nullptr
                    ? "it has none"
                    : "vocabulary = " + std::to_string(vocabulary->size()) +
                          ", caption_tokens = " + std::to_string(vocabulary->tokens()));
  }
}

std::unique_ptr<TrainingTask> MakeTask(const Graph& graph, const SampleSource& data,
                                       const TrainConfig& config) {
  if (config.task == "denoise") return MakeDenoiseTask(graph, data, config);
  if (config.task == "classify") return MakeClassifyTask(graph, data, config);
  if (config.task == "contrast") return MakeContrastTask(graph, data, config);
  throw Error(ErrorCode::kUsage, "task", "\"" + config.task + "\" is unknown",
              "known are denoise, classify and contrast");
}

}  // namespace tmpq
