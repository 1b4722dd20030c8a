#include <ATen/ATen.h>

#include "src/core/random.h"
#include "src/train/ranked_batch.h"
#include "src/train/task_batch.h"

namespace tmpq {
namespace {

// Bradley and Terry's likelihood that the better one of two samples of a caption is preferred, at
// rewards that are cosines over a fixed temperature (PickScore: Kirstain et al., arXiv 2305.01569).
class PreferenceTask : public TrainingTask {
 public:
  PreferenceTask(const Graph& graph, const SampleSource& data, const TrainConfig& config)
      : data_(&data), config_(&config) {
    CheckTakesSamples(graph, data);
    CheckIsEncoder(graph, data.world());
  }

  at::Tensor Loss(const TorchExecutor& executor, const TorchExecutor::Tensors& parameters,
                  int64_t step, int replica) const override {
    const CaptionedWorld& world = *data_->world();
    RandomStream random(config_->seed, RandomPurpose::kTrainingData,
                        StreamOf(*config_, step, replica));
    const auto [better, worse] =
        RankedCosines(executor, parameters, world, DrawRankedBatch(world, config_->batch, random));
    return at::softplus((worse - better) / config_->temperature).mean();
  }

 private:
  const SampleSource* data_;
  const TrainConfig* config_;
};

}  // namespace

std::unique_ptr<TrainingTask> MakePreferenceTask(const Graph& graph, const SampleSource& data,
                                                 const TrainConfig& config) {
  return std::make_unique<PreferenceTask>(graph, data, config);
}

}  // namespace tmpq
