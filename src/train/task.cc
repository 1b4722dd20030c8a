#include "src/train/task.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "src/core/error.h"
#include "src/core/random.h"
#include "src/schedule/noise_schedule.h"

namespace tmpq {
namespace {

// A number that no other (step, replica, image) has: the stream of its random numbers.
uint64_t StreamOf(int64_t step, int replica, const TrainConfig& config, int image = 0) {
  return (static_cast<uint64_t>(step) * config.replicas + replica) * config.batch + image;
}

// (batch, shape); copies.
at::Tensor BatchTensor(std::vector<float>& values, int64_t batch, Shape shape) {
  shape.insert(shape.begin(), batch);
  return at::from_blob(values.data(), shape, at::kFloat).clone();
}

// v-prediction (Salimans & Ho, arXiv 2202.00512): v = sqrt(ab) noise - sqrt(1 - ab) x0, mean
// squared error.
class DenoiseTask : public TrainingTask {
 public:
  DenoiseTask(const Graph& graph, const SampleSource& data, const TrainConfig& config)
      : data_(&data),
        config_(&config),
        schedule_(NoiseSchedule::Make(config.schedule, config.training_steps)) {
    const NodeId sample = graph.FindInput("sample");
    if (sample < 0 || graph.node(sample).shape != data.shape()) {
      throw Error(ErrorCode::kUsage, "[model]", "the network does not take the data's samples",
                  "they are " + ShapeText(data.shape()));
    }
    for (const Node& node : graph.nodes()) {
      if (node.kind != OpKind::kLabelEmbedding) continue;
      const Node& input = graph.node(node.inputs[0]);
      condition_ = input.name;
      captioned_ = !input.shape.empty();
      const int64_t rows = node.attributes.size;
      if (captioned_ && (data.vocabulary() == nullptr || rows < data.vocabulary()->size() ||
                         input.shape != Shape{data.vocabulary()->tokens()})) {
        throw Error(ErrorCode::kUsage, "[model]", "the network does not take the data's captions",
                    data.vocabulary() == nullptr
                        ? "it has none"
                        : "vocabulary = " + std::to_string(data.vocabulary()->size()) +
                              ", caption_tokens = " + std::to_string(data.vocabulary()->tokens()));
      }
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
                        StreamOf(step, replica, *config_));
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
      FillNormal(config_->seed, RandomPurpose::kTrainingNoise,
                 StreamOf(step, replica, *config_, static_cast<int>(b)), noise);
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
      std::vector<int64_t> shape = {batch};
      if (captioned_) shape.push_back(static_cast<int64_t>(null_condition_.size()));
      inputs[condition_] = at::from_blob(conditions.data(), shape, at::kLong).clone();
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

// Cross entropy with random shifts and flips.
class ClassifyTask : public TrainingTask {
 public:
  ClassifyTask(const SampleSource& data, const TrainConfig& config)
      : data_(&data), config_(&config) {}

  at::Tensor Loss(const TorchExecutor& executor, const TorchExecutor::Tensors& parameters,
                  int64_t step, int replica) const override {
    const int64_t batch = config_->batch, elements = ElementsOf(data_->shape());
    RandomStream random(config_->seed, RandomPurpose::kTrainingData,
                        StreamOf(step, replica, *config_));
    std::vector<float> images(batch * elements, -1.0f), image(elements);
    std::vector<int64_t> labels(batch);
    for (int64_t b = 0; b < batch; ++b) {
      labels[b] = data_->Draw(random, image).label;
      const auto span = static_cast<uint64_t>(2 * config_->max_shift + 1);
      const auto dy = static_cast<int64_t>(random.Below(span)) - config_->max_shift;
      const auto dx = static_cast<int64_t>(random.Below(span)) - config_->max_shift;
      const bool flip = random.Chance(0.5) && config_->flip;
      CopyShifted(image.data(), dy, dx, flip, images.data() + b * elements);
    }
    const at::Tensor logits =
        executor.Run(parameters, {{"sample", BatchTensor(images, batch, data_->shape())}});
    return at::cross_entropy_loss(logits, at::from_blob(labels.data(), {batch}, at::kLong).clone());
  }

 private:
  void CopyShifted(const float* image, int64_t dy, int64_t dx, bool flip, float* out) const {
    const Shape shape = data_->shape();
    const int64_t height = shape[0], width = shape[1], channels = shape[2];
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        const int64_t from_y = y - dy, from_x = (flip ? width - 1 - x : x) - dx;
        if (from_y < 0 || from_y >= height || from_x < 0 || from_x >= width) continue;
        std::copy_n(image + (from_y * width + from_x) * channels, channels,
                    out + (y * width + x) * channels);
      }
    }
  }

  const SampleSource* data_;
  const TrainConfig* config_;
};

}  // namespace

std::unique_ptr<TrainingTask> MakeTask(const Graph& graph, const SampleSource& data,
                                       const TrainConfig& config) {
  if (config.task == "denoise") return std::make_unique<DenoiseTask>(graph, data, config);
  if (config.task == "classify") return std::make_unique<ClassifyTask>(data, config);
  throw Error(ErrorCode::kUsage, "task", "\"" + config.task + "\" is unknown",
              "known are denoise and classify");
}

}  // namespace tmpq
