#include <ATen/ATen.h>

#include <algorithm>
#include <vector>

#include "src/core/error.h"
#include "src/core/random.h"
#include "src/train/labelling.h"
#include "src/train/task_batch.h"

namespace tmpq {
namespace {

// Cross entropy, summed over the parts of the labelling, with random shifts and flips.
class ClassifyTask : public TrainingTask {
 public:
  ClassifyTask(const Graph& graph, const SampleSource& data, const TrainConfig& config)
      : data_(&data), config_(&config), labelling_(config.label, data) {
    CheckTakesSamples(graph, data);
    if (graph.output_shape() != Shape{labelling_.logits()}) {
      throw Error(ErrorCode::kUsage, "[model]", "the network has another number of labels",
                  "classes = " + std::to_string(labelling_.logits()));
    }
    if (data.world() != nullptr && (config.max_shift > 0 || config.flip)) {
      throw Error(ErrorCode::kUsage, "max_shift, flip",
                  "would change the places and directions that captions name",
                  "max_shift = 0 and flip = false for " + data.world()->name());
    }
  }

  at::Tensor Loss(const TorchExecutor& executor, const TorchExecutor::Tensors& parameters,
                  int64_t step, int replica) const override {
    const int64_t batch = config_->batch, elements = ElementsOf(data_->shape());
    RandomStream random(config_->seed, RandomPurpose::kTrainingData,
                        StreamOf(*config_, step, replica));
    std::vector<float> images(batch * elements, -1.0f), image(elements);
    std::vector<int64_t> answers;
    for (int64_t b = 0; b < batch; ++b) {
      const auto of_image = labelling_.AnswersOf(data_->Draw(random, image).label);
      answers.insert(answers.end(), of_image.begin(), of_image.end());
      const auto span = static_cast<uint64_t>(2 * config_->max_shift + 1);
      const auto dy = static_cast<int64_t>(random.Below(span)) - config_->max_shift;
      const auto dx = static_cast<int64_t>(random.Below(span)) - config_->max_shift;
      const bool flip = random.Chance(0.5) && config_->flip;
      if (dy == 0 && dx == 0 && !flip) {  // also all that a clip allows
        std::copy(image.begin(), image.end(), images.begin() + b * elements);
      } else {
        CopyShifted(image.data(), dy, dx, flip, images.data() + b * elements);
      }
    }
    const at::Tensor logits =
        executor.Run(parameters, {{"sample", BatchTensor(images, batch, data_->shape())}});
    const auto parts = static_cast<int64_t>(labelling_.parts().size());
    const at::Tensor targets = BatchTensor(answers, batch, {parts});
    at::Tensor loss;
    int64_t offset = 0;
    for (int64_t i = 0; i < parts; ++i) {
      const int64_t size = labelling_.parts()[i].size;
      const at::Tensor part =
          at::cross_entropy_loss(logits.narrow(1, offset, size), targets.select(1, i));
      loss = i == 0 ? part : loss + part;
      offset += size;
    }
    return loss;
  }

 private:
  // Of images; what comes in from outside stays as `out` was.
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
  Labelling labelling_;
};

}  // namespace

std::unique_ptr<TrainingTask> MakeClassifyTask(const Graph& graph, const SampleSource& data,
                                               const TrainConfig& config) {
  return std::make_unique<ClassifyTask>(graph, data, config);
}

}  // namespace tmpq
