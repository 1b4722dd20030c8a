#include "src/train/trainer.h"

#include <gtest/gtest.h>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/core/random.h"
#include "src/models/dit.h"
#include "src/models/feature_net.h"
#include "src/train/accuracy.h"
#include "tests/torch/small_training.h"

namespace tmpq {
namespace {

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

Graph SmallDit() {
  DitConfig config;
  config.image_height = config.image_width = 8;
  config.width = 16, config.depth = 1, config.heads = 2, config.classes = 2,
  config.frequency_features = 16;
  return BuildDit(config);
}

using TrainerTest = SmallTraining;

TEST_F(TrainerTest, LearnsToClassify) {
  FeatureNetConfig net;
  net.image_height = net.image_width = 8;
  net.width = 8, net.features = 8, net.classes = 2;
  const Graph graph = BuildFeatureClassifier(net);
  const auto data = SourceOf(TwoClasses(), "test");
  TrainConfig config = SmallConfig("classify", 80);
  config.learning_rate = 1e-2;
  const TrainResult result = TrainIn("c", graph, *data, config);
  EXPECT_EQ(result.loss.size(), 80u);
  EXPECT_LT(result.loss.back(), 0.5 * result.loss.front());
  const Labelling labelling("class", *data);
  EXPECT_GT(ClassifierAccuracy(graph, result.parameters, TwoClasses(), labelling).whole, 0.95);
}

TEST_F(TrainerTest, ResumesToTheSameBytes) {
  ExpectResumesToTheSameBytes(SmallDit(), *SourceOf(TwoClasses(), "test"),
                              SmallConfig("denoise", 12));
}

TEST_F(TrainerTest, RefusesACheckpointOfAnotherConfigOrADamagedOne) {
  const Graph graph = SmallDit();
  const auto data = SourceOf(TwoClasses(), "test");
  TrainIn("c", graph, *data, SmallConfig("denoise", 5));
  TrainConfig other = SmallConfig("denoise", 5);
  other.learning_rate = 0.5;
  EXPECT_THROW(TrainIn("c", graph, *data, other), Error);
  std::string bytes = ReadFile(folder_ / "c");
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 8);
  WriteFileAtomically(folder_ / "c", bytes);
  EXPECT_THROW(TrainIn("c", graph, *data, SmallConfig("denoise", 5)), Error);
}

}  // namespace
}  // namespace tmpq
