#include "src/train/task.h"

#include <ATen/ATen.h>

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

at::Tensor ImageTensor(const ImageSet& data, std::vector<float>& pixels, int64_t batch) {
  return at::from_blob(pixels.data(), {batch, data.height, data.width, data.channels}, at::kFloat)
      .clone();
}

// v-prediction (Salimans & Ho, arXiv 2202.00512): v = sqrt(ab) noise - sqrt(1 - ab) x0, mean
// squared error.
class DenoiseTask : public TrainingTask {
 public:
  DenoiseTask(const Graph& graph, const ImageSet& data, const TrainConfig& config)
      : data_(&data),
        config_(&config),
        schedule_(NoiseSchedule::Make(config.schedule, config.training_steps)) {
    for (const Node& node : graph.nodes()) {
      if (node.kind == OpKind::kLabelEmbedding) null_label_ = node.attributes.size - 1;
    }
  }

  at::Tensor Loss(const TorchExecutor& executor, const TorchExecutor::Tensors& parameters,
                  int64_t step, int replica) const override {
    const int64_t batch = config_->batch, elements = data_->image_elements();
    RandomStream random(config_->seed, RandomPurpose::kTrainingData,
                        StreamOf(step, replica, *config_));
    std::vector<float> noisy(batch * elements), target(batch * elements), noise(elements),
        timesteps(batch);
    std::vector<int64_t> labels(batch);
    for (int64_t b = 0; b < batch; ++b) {
      const auto index = static_cast<int64_t>(random.Below(data_->count));
      const auto t = static_cast<int>(random.Below(schedule_.training_steps()));
      labels[b] = random.Chance(config_->label_dropout) ? null_label_ : data_->labels[index];
      timesteps[b] = static_cast<float>(t);
      FillNormal(config_->seed, RandomPurpose::kTrainingNoise,
                 StreamOf(step, replica, *config_, static_cast<int>(b)), noise);
      const auto signal = static_cast<float>(std::sqrt(schedule_.alpha_bar[t]));
      const auto sigma = static_cast<float>(std::sqrt(1 - schedule_.alpha_bar[t]));
      const float* image = data_->image(index);
      for (int64_t i = 0; i < elements; ++i) {
        noisy[b * elements + i] = signal * image[i] + sigma * noise[i];
        target[b * elements + i] = signal * noise[i] - sigma * image[i];
      }
    }
    const at::Tensor v = executor.Run(
        parameters, {{"sample", ImageTensor(*data_, noisy, batch)},
                     {"timestep", at::from_blob(timesteps.data(), {batch}, at::kFloat).clone()},
                     {"label", at::from_blob(labels.data(), {batch}, at::kLong).clone()}});
    return at::mse_loss(v, ImageTensor(*data_, target, batch));
  }

 private:
  const ImageSet* data_;
  const TrainConfig* config_;
  NoiseSchedule schedule_;
  int64_t null_label_ = 0;
};

// Cross entropy with random shifts and flips.
class ClassifyTask : public TrainingTask {
 public:
  ClassifyTask(const ImageSet& data, const TrainConfig& config) : data_(&data), config_(&config) {}

  at::Tensor Loss(const TorchExecutor& executor, const TorchExecutor::Tensors& parameters,
                  int64_t step, int replica) const override {
    const int64_t batch = config_->batch, elements = data_->image_elements();
    RandomStream random(config_->seed, RandomPurpose::kTrainingData,
                        StreamOf(step, replica, *config_));
    std::vector<float> images(batch * elements, -1.0f);
    std::vector<int64_t> labels(batch);
    for (int64_t b = 0; b < batch; ++b) {
      const auto index = static_cast<int64_t>(random.Below(data_->count));
      const auto span = static_cast<uint64_t>(2 * config_->max_shift + 1);
      const auto dy = static_cast<int64_t>(random.Below(span)) - config_->max_shift;
      const auto dx = static_cast<int64_t>(random.Below(span)) - config_->max_shift;
      const bool flip = random.Chance(0.5) && config_->flip;
      CopyShifted(data_->image(index), dy, dx, flip, images.data() + b * elements);
      labels[b] = data_->labels[index];
    }
    const at::Tensor logits =
        executor.Run(parameters, {{"sample", ImageTensor(*data_, images, batch)}});
    return at::cross_entropy_loss(logits, at::from_blob(labels.data(), {batch}, at::kLong).clone());
  }

 private:
  void CopyShifted(const float* image, int64_t dy, int64_t dx, bool flip, float* out) const {
    for (int64_t y = 0; y < data_->height; ++y) {
      for (int64_t x = 0; x < data_->width; ++x) {
        const int64_t from_y = y - dy, from_x = (flip ? data_->width - 1 - x : x) - dx;
        if (from_y < 0 || from_y >= data_->height || from_x < 0 || from_x >= data_->width) continue;
        for (int64_t c = 0; c < data_->channels; ++c) {
          out[(y * data_->width + x) * data_->channels + c] =
              image[(from_y * data_->width + from_x) * data_->channels + c];
        }
      }
    }
  }

  const ImageSet* data_;
  const TrainConfig* config_;
};

}  // namespace

std::unique_ptr<TrainingTask> MakeTask(const Graph& graph, const ImageSet& data,
                                       const TrainConfig& config) {
  if (config.task == "denoise") return std::make_unique<DenoiseTask>(graph, data, config);
  if (config.task == "classify") return std::make_unique<ClassifyTask>(data, config);
  throw Error(ErrorCode::kUsage, "task", "\"" + config.task + "\" is unknown",
              "known are denoise and classify");
}

}  // namespace tmpq
