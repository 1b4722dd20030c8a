#include <ATen/ATen.h>

#include <vector>

#include "src/core/error.h"
#include "src/core/random.h"
#include "src/train/task_batch.h"

namespace tmpq {
namespace {

// Symmetric InfoNCE (CLIP: Radford et al., arXiv 2103.00020) at a fixed temperature: of a batch's
// captions the sample has to find its own, and the other way round. Samples of equal captions share
// the target, so that none is its own negative.
class ContrastTask : public TrainingTask {
 public:
  ContrastTask(const Graph& graph, const SampleSource& data, const TrainConfig& config)
      : data_(&data), config_(&config) {
    CheckTakesSamples(graph, data);
    bool has_captions = false;
    for (const Node& node : graph.nodes()) {
      if (node.kind != OpKind::kLabelEmbedding) continue;
      CheckTakesCaptions(graph.node(node.inputs[0]), node.attributes.size, data.world());
      has_captions = true;
    }
    if (!has_captions || graph.output_shape().size() != 1 || graph.output_shape()[0] % 2 != 0) {
      throw Error(ErrorCode::kUsage, "[model]",
                  "the network is no encoder of samples and captions");
    }
  }

  at::Tensor Loss(const TorchExecutor& executor, const TorchExecutor::Tensors& parameters,
                  int64_t step, int replica) const override {
    const int64_t batch = config_->batch, elements = ElementsOf(data_->shape());
    RandomStream random(config_->seed, RandomPurpose::kTrainingData,
                        StreamOf(*config_, step, replica));
    std::vector<float> samples(batch * elements);
    std::vector<int64_t> labels, captions;
    for (int64_t b = 0; b < batch; ++b) {
      const DrawnCondition drawn =
          data_->Draw(random, {samples.data() + b * elements, static_cast<size_t>(elements)});
      labels.push_back(drawn.label);
      captions.insert(captions.end(), drawn.caption.begin(), drawn.caption.end());
    }
    const int64_t tokens = static_cast<int64_t>(captions.size()) / batch;
    const at::Tensor embeddings =
        executor.Run(parameters, {{"sample", BatchTensor(samples, batch, data_->shape())},
                                  {"caption", BatchTensor(captions, batch, {tokens})}});
    const int64_t width = embeddings.size(1) / 2;
    const at::Tensor similarity = at::matmul(Normalised(embeddings.narrow(1, 0, width)),
                                             Normalised(embeddings.narrow(1, width, width)).t()) /
                                  config_->temperature;
    const at::Tensor label = BatchTensor(labels, batch, {});
    at::Tensor target = at::eq(label.unsqueeze(0), label.unsqueeze(1)).to(at::kFloat);
    target = target / target.sum(1, true);  // symmetric: equal captions have equal counts
    return (at::cross_entropy_loss(similarity, target) +
            at::cross_entropy_loss(similarity.t(), target)) /
           2;
  }

 private:
  static at::Tensor Normalised(const at::Tensor& x) {
    return x / (x.square().sum(1, true) + 1e-12).sqrt();
  }

  const SampleSource* data_;
  const TrainConfig* config_;
};

}  // namespace

std::unique_ptr<TrainingTask> MakeContrastTask(const Graph& graph, const SampleSource& data,
                                               const TrainConfig& config) {
  return std::make_unique<ContrastTask>(graph, data, config);
}

}  // namespace tmpq
