#include "src/train/trainer.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/core/random.h"
#include "src/models/dit.h"
#include "src/models/feature_net.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

// Two classes: the left or the upper half is bright.
ImageSet TwoClasses() {
  ImageSet data;
  data.count = 64, data.height = data.width = 8;
  data.pixels.resize(64 * 64);
  FillNormal(1, RandomPurpose::kTest, 0, data.pixels);
  for (int i = 0; i < 64; ++i) {
    data.labels.push_back(i % 2);
    for (int p = 0; p < 64; ++p) {
      float& pixel = data.pixels[i * 64 + p];
      const bool bright = (i % 2 == 0 ? p % 8 : p / 8) < 4;
      pixel = 0.1f * pixel + (bright ? 0.5f : -0.5f);
    }
  }
  return data;
}

TrainConfig SmallConfig(const std::string& task, int steps) {
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

Graph SmallDit() {
  DitConfig config;
  config.image_height = config.image_width = 8;
  config.width = 16, config.depth = 1, config.heads = 2, config.classes = 2,
  config.frequency_features = 16;
  return BuildDit(config);
}

class TrainerTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        fs::path(testing::TempDir()) /
        ("trainer-" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
  Progress silent_;
};

TEST_F(TrainerTest, LearnsToClassify) {
  FeatureNetConfig net;
  net.image_height = net.image_width = 8;
  net.width = 8, net.features = 8, net.classes = 2;
  const Graph graph = BuildFeatureClassifier(net);
  const auto data = SourceOf(TwoClasses(), "test");
  TrainConfig config = SmallConfig("classify", 80);
  config.learning_rate = 1e-2;
  const TrainResult result = Train(graph, *data, config, {folder_ / "c", &silent_, nullptr});
  EXPECT_EQ(result.loss.size(), 80u);
  EXPECT_LT(result.loss.back(), 0.5 * result.loss.front());
  EXPECT_GT(ClassifierAccuracy(graph, result.parameters, TwoClasses()), 0.95);
}

// Stopped at any step and resumed, training ends with the same weights and the same curve.
TEST_F(TrainerTest, ResumesToTheSameBytes) {
  const Graph graph = SmallDit();
  const auto data = SourceOf(TwoClasses(), "test");
  const TrainConfig config = SmallConfig("denoise", 12);
  const TrainResult whole = Train(graph, *data, config, {folder_ / "whole", &silent_, nullptr});

  // Raises the flag when step 6 is reported.
  class Interrupter : public Progress {
   public:
    void Update(int64_t done, const std::string&) override {
      interrupted = interrupted || done >= 6;
    }
    std::atomic<bool> interrupted = false;
  } interrupter;
  try {
    Train(graph, *data, config, {folder_ / "cut", &interrupter, &interrupter.interrupted});
    FAIL() << "was not interrupted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInterrupted);
  }
  const TrainResult resumed = Train(graph, *data, config, {folder_ / "cut", &silent_, nullptr});
  EXPECT_EQ(resumed.loss, whole.loss);
  EXPECT_EQ(resumed.parameters.values(), whole.parameters.values());
}

TEST_F(TrainerTest, RefusesACheckpointOfAnotherConfigOrADamagedOne) {
  const Graph graph = SmallDit();
  const auto data = SourceOf(TwoClasses(), "test");
  Train(graph, *data, SmallConfig("denoise", 5), {folder_ / "c", &silent_, nullptr});
  TrainConfig other = SmallConfig("denoise", 5);
  other.learning_rate = 0.5;
  EXPECT_THROW(Train(graph, *data, other, {folder_ / "c", &silent_, nullptr}), Error);
  std::string bytes = ReadFile(folder_ / "c");
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 8);
  WriteFileAtomically(folder_ / "c", bytes);
  EXPECT_THROW(Train(graph, *data, SmallConfig("denoise", 5), {folder_ / "c", &silent_, nullptr}),
               Error);
}

}  // namespace
}  // namespace tmpq
