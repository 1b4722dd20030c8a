// Data-parallel training of bundled networks: resumable, and the same bytes for a config on one
// machine whether it was interrupted or not.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <vector>

#include "src/core/progress.h"
#include "src/graph/graph.h"
#include "src/graph/parameters.h"
#include "src/schedule/noise_schedule.h"
#include "src/train/sample_source.h"
#include "src/train/train_config.h"

namespace tmpq {

struct TrainResult {
  ParameterSet parameters;  // averaged (EMA) weights
  std::vector<float> loss;  // of every step
};

// Where a run keeps its state and what it listens to.
struct TrainSession {
  std::filesystem::path checkpoint;  // written every checkpoint_steps; resumed from if it exists
  Progress* progress = nullptr;
  const std::atomic<bool>* interrupted =
      nullptr;  // polled once a step; saves, then throws kInterrupted
};

// Trains `graph` on `data` as `config` says. One LibTorch thread per replica. Throws kInput when
// the checkpoint belongs to another config, kCorrupt when it is damaged.
TrainResult Train(const Graph& graph, const SampleSource& data, const TrainConfig& config,
                  const TrainSession& session);

}  // namespace tmpq
