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

void CheckIsEncoder(const Graph& graph, const CaptionedWorld* world) {
  bool has_captions = false;
  for (const Node& node : graph.nodes()) {
    if (node.kind != OpKind::kLabelEmbedding) continue;
    CheckTakesCaptions(graph.node(node.inputs[0]), node.attributes.size, world);
    has_captions = true;
  }
  if (!has_captions || graph.output_shape().size() != 1 || graph.output_shape()[0] % 2 != 0) {
    throw Error(ErrorCode::kUsage, "[model]", "the network is no encoder of samples and captions");
  }
}

std::pair<at::Tensor, at::Tensor> UnitEmbeddings(const at::Tensor& output) {
  const auto unit = [](const at::Tensor& x) {
    return x / (x.square().sum(1, true) + 1e-12).sqrt();
  };
  const int64_t width = output.size(1) / 2;
  return {unit(output.narrow(1, 0, width)), unit(output.narrow(1, width, width))};
}

std::unique_ptr<TrainingTask> MakeTask(const Graph& graph, const SampleSource& data,
                                       const TrainConfig& config) {
  if (config.task == "denoise") return MakeDenoiseTask(graph, data, config);
  if (config.task == "classify") return MakeClassifyTask(graph, data, config);
  if (config.task == "contrast") return MakeContrastTask(graph, data, config);
  if (config.task == "preference") return MakePreferenceTask(graph, data, config);
  throw Error(ErrorCode::kUsage, "task", "\"" + config.task + "\" is unknown",
              "known are denoise, classify, contrast and preference");
}

}  // namespace tmpq
