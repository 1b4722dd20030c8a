#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "src/core/error.h"
#include "src/core/random.h"
#include "src/schedule/noise_schedule.h"
#include "src/train/task_batch.h"

namespace tmpq {
namespace {

// v-prediction (Salimans & Ho, arXiv 2202.00512): v = sqrt(ab) noise - sqrt(1 - ab) x0, mean
// squared error.
class DenoiseTask : public TrainingTask {
 public:
  DenoiseTask(const Graph& graph, const SampleSource& data, const TrainConfig& config)
      : data_(&data),
        config_(&config),
        schedule_(NoiseSchedule::Make(config.schedule, config.training_steps)) {
    CheckTakesSamples(graph, data);
    for (const Node& node : graph.nodes()) {
      if (node.kind != OpKind::kLabelEmbedding) continue;
      const Node& input = graph.node(node.inputs[0]);
      condition_ = input.name;
      captioned_ = !input.shape.empty();
      const int64_t rows = node.attributes.size;
      if (captioned_) CheckTakesCaptions(input, rows, data.world());
      if (!captioned_ && rows != data.labels() + 1) {
        throw Error(ErrorCode::kUsage, "[model]", "the network has another number of labels",
                    "classes = " + std::to_string(data.labels()));
      }
      null_condition_.assign(ElementsOf(input.shape), captioned_ ? 0 : rows - 1);
    }
  }

  at::Tensor Loss(const TorchExecutor& executor, const TorchExecutor::Tensors& parameters,
                  int64_t step, int replica) const override {
    const int64_t batch = config_->batch, elements = ElementsOf(data_->shape());
    RandomStream random(config_->seed, RandomPurpose::kTrainingData,
                        StreamOf(*config_, step, replica));
    std::vector<float> noisy(batch * elements), target(batch * elements), noise(elements),
        clean(elements), timesteps(batch);
    std::vector<int64_t> conditions;
    for (int64_t b = 0; b < batch; ++b) {
      const DrawnCondition drawn = data_->Draw(random, clean);
      const int t = DrawTimestep(random);
      std::vector<int64_t> condition(drawn.caption.begin(), drawn.caption.end());
      if (!captioned_) condition = {drawn.label};
      if (random.Chance(config_->label_dropout)) condition = null_condition_;
      conditions.insert(conditions.end(), condition.begin(), condition.end());
      timesteps[b] = static_cast<float>(t);
      FillNormal(config_->seed, RandomPurpose::kTrainingNoise, StreamOf(*config_, step, replica, b),
                 noise);
      const auto signal = static_cast<float>(std::sqrt(schedule_.alpha_bar[t]));
      const auto sigma = static_cast<float>(std::sqrt(1 - schedule_.alpha_bar[t]));
      for (int64_t i = 0; i < elements; ++i) {
        noisy[b * elements + i] = signal * clean[i] + sigma * noise[i];
        target[b * elements + i] = signal * noise[i] - sigma * clean[i];
      }
    }
    TorchExecutor::Tensors inputs = {{"sample", BatchTensor(noisy, batch, data_->shape())},
                                     {"timestep", BatchTensor(timesteps, batch, {})}};
    if (!condition_.empty()) {
      Shape shape;
      if (captioned_) shape.push_back(static_cast<int64_t>(null_condition_.size()));
      inputs[condition_] = BatchTensor(conditions, batch, shape);
    }
    const at::Tensor v = executor.Run(parameters, inputs);
    return at::mse_loss(v, BatchTensor(target, batch, data_->shape()));
  }

 private:
  // Uniform, or with timestep_shift s > 1 moved towards noise: u -> s u / (1 + (s - 1) u).
  int DrawTimestep(RandomStream& random) const {
    const int steps = schedule_.training_steps();
    const auto t = static_cast<int>(random.Below(steps));
    if (config_->timestep_shift == 1) return t;
    const double u = (t + 0.5) / steps, s = config_->timestep_shift;
    return std::min(steps - 1, static_cast<int>(s * u / (1 + (s - 1) * u) * steps));
  }

  const SampleSource* data_;
  const TrainConfig* config_;
  NoiseSchedule schedule_;
  std::string condition_;  // input; empty: none
  bool captioned_ = false;
  std::vector<int64_t> null_condition_ = {0};
};

}  // namespace

std::unique_ptr<TrainingTask> MakeDenoiseTask(const Graph& graph, const SampleSource& data,
                                              const TrainConfig& config) {
  return std::make_unique<DenoiseTask>(graph, data, config);
}

}  // namespace tmpq
