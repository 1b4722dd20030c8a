// What a plan or a model samples, measured: the metrics of src/eval/files without a file in
// between.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "kernels/include/kernels.h"
#include "src/core/progress.h"
#include "src/eval/files/file_metrics.h"
#include "src/eval/models/sample_source.h"
#include "src/runtime/device/device.h"

namespace tmpq {

// The metric of this room alone: SQNR to the float model after every step, as sqnr_step_1, ...
inline constexpr const char* kSqnrOfSteps = "sqnr_steps";
// A candidate to compare with: the float model at the same timesteps.
inline constexpr const char* kAgainstFloat = "float";

struct SampleEvaluation {
  SourceOptions source;
  std::string against;  // kAgainstFloat, a plan's file, a model in float; empty: nothing
  int64_t count = 0;
  uint64_t seed = 0;  // sample i is tmpq-run's
  std::vector<std::string> metrics;
  // Uniform timesteps of the float model that pairs compare with; 0: the source's own timesteps,
  // so that quantization alone shows.
  int float_steps = 0;
  std::filesystem::path prompts;  // PromptSource::Read; empty: the model's own
  // Networks by name, folder or file; empty: those that the model names. frame_net: random features
  // of a frame unless named.
  std::string feature_net, text_encoder, reward_model, frame_net;
  std::filesystem::path reference;  // samples or statistics; empty: the feature network's own
  std::optional<ResizeFilter> resize;
  // Folder where the float model's samples are kept for other evaluations of the same; empty: none.
  std::filesystem::path float_cache;
  int threads = 0;           // 0: one per core
  int64_t batch = 8;         // samples per network call; changes nothing but time
  Device* device = nullptr;  // that samples, with the same result; null: this processor
  const std::atomic<bool>* interrupted = nullptr;
  Progress* progress = nullptr;
};

struct SampleEvaluationResult {
  std::string model;
  int steps = 0;
  std::vector<FileMetric> metrics;
  // First minus second candidate, on the same noise; metrics that pair.
  std::vector<FileMetric> differences;
  std::string reference;  // what distances are to; empty: no distances
  // Name and hash by use: feature_net, text_encoder, reward_model, frame_net.
  std::map<std::string, Json> networks;
  std::map<std::string, double> seconds;  // by stage: sampling, measuring
};

// Samples and measures; the metrics look at pictures, sqnr_steps at what the network denoises. The
// same result for any threads and batch. Throws kUsage where a metric needs what there is not,
// kInput for networks and candidates that do not fit each other, as SampleSource and MeasureFiles
// do, and kInterrupted.
SampleEvaluationResult EvaluateSamples(const SampleEvaluation& evaluation,
                                       const kernels::KernelSet& kernels);

}  // namespace tmpq
