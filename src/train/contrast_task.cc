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
    CheckIsEncoder(graph, data.world());
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
    const auto [of_samples, of_captions] = UnitEmbeddings(embeddings);
    const at::Tensor similarity = at::matmul(of_samples, of_captions.t()) / config_->temperature;
    const at::Tensor label = BatchTensor(labels, batch, {});
    at::Tensor target = at::eq(label.unsqueeze(0), label.unsqueeze(1)).to(at::kFloat);
    target = target / target.sum(1, true);  // symmetric: equal captions have equal counts
    return (at::cross_entropy_loss(similarity, target) +
            at::cross_entropy_loss(similarity.t(), target)) /
           2;
  }

 private:
  const SampleSource* data_;
  const TrainConfig* config_;
};

}  // namespace

std::unique_ptr<TrainingTask> MakeContrastTask(const Graph& graph, const SampleSource& data,
                                               const TrainConfig& config) {
  return std::make_unique<ContrastTask>(graph, data, config);
}

}  // namespace tmpq
