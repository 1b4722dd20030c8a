// A run of training small enough for unit tests.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>

#include "src/core/error.h"
#include "src/core/progress.h"
#include "src/train/trainer.h"
#include "tests/test_path.h"

namespace tmpq {

inline TrainConfig SmallConfig(const std::string& task, int steps) {
  TrainConfig config;
  config.name = "small";
  config.task = task;
  config.steps = steps;
  config.batch = 8;
  config.warmup_steps = 2;
  config.ema_decay = 0.5;
  config.max_shift = 0;
  config.training_steps = 50;
  config.checkpoint_steps = 4;
  return config;
}

// A folder of its own for every test.
class SmallTraining : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = TestPath();
    std::filesystem::create_directories(folder_);
  }

  TrainResult TrainIn(const char* checkpoint, const Graph& graph, const SampleSource& data,
                      const TrainConfig& config) {
    return Train(graph, data, config, {folder_ / checkpoint, &silent_, nullptr});
  }

  // Stopped in the middle and resumed, training ends with the same weights and the same curve.
  void ExpectResumesToTheSameBytes(const Graph& graph, const SampleSource& data,
                                   const TrainConfig& config) {
    const TrainResult whole = TrainIn("whole", graph, data, config);
    class Interrupter : public Progress {
     public:
      explicit Interrupter(int64_t step) : step_(step) {}
      void Update(int64_t done, const std::string&) override {
        interrupted = interrupted || done >= step_;
      }
      std::atomic<bool> interrupted = false;

     private:
      int64_t step_;
    } interrupter(config.steps / 2);
    try {
      Train(graph, data, config, {folder_ / "cut", &interrupter, &interrupter.interrupted});
      FAIL() << "was not interrupted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInterrupted);
    }
    const TrainResult resumed = TrainIn("cut", graph, data, config);
    EXPECT_EQ(resumed.loss, whole.loss);
    EXPECT_EQ(resumed.parameters.values(), whole.parameters.values());
  }

  std::filesystem::path folder_;
  Progress silent_;
};

}  // namespace tmpq
