// What the tasks share: their makers, the numbers of their random streams, their batches.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "src/train/task.h"

namespace tmpq {

std::unique_ptr<TrainingTask> MakeDenoiseTask(const Graph& graph, const SampleSource& data,
                                              const TrainConfig& config);
std::unique_ptr<TrainingTask> MakeClassifyTask(const Graph& graph, const SampleSource& data,
                                               const TrainConfig& config);
std::unique_ptr<TrainingTask> MakeContrastTask(const Graph& graph, const SampleSource& data,
                                               const TrainConfig& config);
std::unique_ptr<TrainingTask> MakePreferenceTask(const Graph& graph, const SampleSource& data,
                                                 const TrainConfig& config);

// A number that no other (step, replica, image) has: the stream of its random numbers.
uint64_t StreamOf(const TrainConfig& config, int64_t step, int replica, int64_t image = 0);

// (batch, shape); copies.
at::Tensor BatchTensor(const std::vector<float>& values, int64_t batch, Shape shape);
at::Tensor BatchTensor(const std::vector<int64_t>& values, int64_t batch, Shape shape);

// Throw kUsage, saying what would fit, unless the network's input "sample" has the data's shape;
// its input `caption`, whose table has `rows` rows, takes the world's captions (null: there are
// none).
void CheckTakesSamples(const Graph& graph, const SampleSource& data);
void CheckTakesCaptions(const Node& caption, int64_t rows, const CaptionedWorld* world);
// Throws kUsage unless the network sends the world's captions and samples to one space.
void CheckIsEncoder(const Graph& graph, const CaptionedWorld* world);

// The samples' and the captions' embeddings, of length 1, of a contrastive encoder's output.
std::pair<at::Tensor, at::Tensor> UnitEmbeddings(const at::Tensor& output);

}  // namespace tmpq
