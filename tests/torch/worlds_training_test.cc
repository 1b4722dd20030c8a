// Training on captioned worlds: classifiers of attributes, encoders of samples and captions.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

#include "src/data/ranked_pair.h"
#include "src/models/contrastive_encoder.h"
#include "src/models/feature_net.h"
#include "src/train/accuracy.h"
#include "tests/torch/small_training.h"

namespace tmpq {
namespace {

// Clips of two frames: a half of one frame is bright. Six captions of two words.
class Halves : public CaptionedWorld {
 public:
  Halves()
      : CaptionedWorld("halves", {2, 12, 12, 3},
                       {{"side", {"left", "right", "top"}, {}}, {"frame", {"first", "last"}, {}}}) {
  }
  void Draw(const AttributeValues& values, RandomStream& random,
            std::span<float> out) const override {
    for (size_t i = 0; i < out.size(); ++i) {
      const size_t frame = i / 432, y = i / 36 % 12, x = i / 3 % 12;
      const bool half = values[0] == 2 ? y < 6 : (x < 6) == (values[0] == 0);
      const bool bright = half && frame == static_cast<size_t>(values[1]);
      out[i] = (bright ? 0.6f : -0.6f) + 0.1f * static_cast<float>(random.Uniform());
    }
  }
  AttributeValues Judge(std::span<const float>) const override { return {-1, -1}; }
};

Graph SmallClassifier(int64_t classes) {
  FeatureNetConfig net;
  net.frames = 2, net.image_height = net.image_width = 12, net.channels = 3;
  net.width = 8, net.features = 8, net.classes = classes;
  return BuildFeatureClassifier(net);
}

Graph SmallEncoder() {
  ContrastiveEncoderConfig net;
  net.frames = 2, net.image_height = net.image_width = 12;
  net.width = 8, net.embedding = 8, net.caption_tokens = 2, net.vocabulary = 6;
  net.text_width = 8, net.text_heads = 2;
  return BuildContrastiveEncoder(net);
}

class WorldsTrainingTest : public SmallTraining {
 protected:
  TrainConfig Config(const std::string& task, int steps) {
    TrainConfig config = SmallConfig(task, steps);
    config.label = "attributes";
    config.learning_rate = 1e-2;
    return config;
  }
  ErrorCode CodeOf(const Graph& graph, const SampleSource& data, const TrainConfig& config) {
    try {
      TrainIn("refused", graph, data, config);
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kIo;
  }

  Halves world_;
  std::unique_ptr<SampleSource> data_ = SourceOf(world_);
  ImageSet test_ = Materialize(world_, Split::kTest, 60, 1);
};

TEST_F(WorldsTrainingTest, LearnsAttributes) {
  const Graph graph = SmallClassifier(3 + 2);
  const TrainResult result = TrainIn("c", graph, *data_, Config("classify", 100));
  EXPECT_LT(result.loss.back(), 0.5 * result.loss.front());
  const Accuracy accuracy =
      ClassifierAccuracy(graph, result.parameters, test_, Labelling("attributes", *data_));
  EXPECT_EQ(accuracy.samples, 60);
  EXPECT_GT(accuracy.whole, 0.9);
  const Json parts = accuracy.PartsJson();
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_GE(parts["side"], accuracy.whole);
  EXPECT_GE(parts["frame"], accuracy.whole);
}

// A softmax over all combinations is the same data's other labelling.
TEST_F(WorldsTrainingTest, LabelsAreTheWorldsCombinations) {
  const Labelling classes("class", *data_), attributes("attributes", *data_);
  EXPECT_EQ(classes.logits(), 6);
  EXPECT_EQ(attributes.logits(), 5);
  for (int64_t i = 0; i < 6; ++i) {
    const AttributeValues values = world_.ValuesOf(i);
    EXPECT_EQ(classes.AnswersOf(i), std::vector<int64_t>{i});
    EXPECT_EQ(attributes.AnswersOf(i), std::vector<int64_t>(values.begin(), values.end()));
  }
}

TEST_F(WorldsTrainingTest, LearnsToFindTheCaption) {
  const Graph graph = SmallEncoder();
  const TrainConfig config = Config("contrast", 100);
  const TrainResult result = TrainIn("c", graph, *data_, config);
  EXPECT_LT(result.loss.back(), 0.6 * result.loss.front());
  const Accuracy accuracy = RetrievalAccuracy(graph, result.parameters, test_, world_);
  EXPECT_GT(accuracy.whole, 0.9);
  ASSERT_EQ(accuracy.parts.size(), 2u);
  EXPECT_EQ(accuracy.parts[0].first, "side");
  EXPECT_GE(accuracy.parts[0].second, accuracy.whole);
}

TEST_F(WorldsTrainingTest, LearnsWhatIsPreferred) {
  const Graph graph = SmallEncoder();
  TrainConfig config = Config("preference", 150);
  config.temperature = 0.1;
  const TrainResult result = TrainIn("p", graph, *data_, config);
  EXPECT_LT(result.loss.back(), 0.6 * result.loss.front());
  const Accuracy accuracy = PreferenceAccuracy(graph, result.parameters, world_, 600, 1);
  EXPECT_EQ(accuracy.samples, 600);
  EXPECT_GT(accuracy.whole, 0.8);
  ASSERT_EQ(accuracy.parts.size(), FlawsOf(world_.shape()).size());
  EXPECT_EQ(accuracy.parts[0].first, "caption");
  double least = 1, most = 0;
  for (const auto& [name, share] : accuracy.parts) {
    std::printf("  %-8s %.3f\n", name.c_str(), share);
    least = std::min(least, share), most = std::max(most, share);
  }
  EXPECT_LE(least, accuracy.whole);
  EXPECT_GE(most, accuracy.whole);
}

TEST_F(WorldsTrainingTest, ResumesToTheSameBytes) {
  ExpectResumesToTheSameBytes(SmallEncoder(), *data_, Config("contrast", 8));
}

TEST_F(WorldsTrainingTest, RewardModelsResumeToTheSameBytes) {
  ExpectResumesToTheSameBytes(SmallEncoder(), *data_, Config("preference", 4));
}

TEST_F(WorldsTrainingTest, RefusesWhatDoesNotFit) {
  TrainConfig config = Config("classify", 2);
  EXPECT_EQ(CodeOf(SmallClassifier(6), *data_, config), ErrorCode::kUsage);  // attributes: 5
  config.max_shift = 1;
  EXPECT_EQ(CodeOf(SmallClassifier(5), *data_, config), ErrorCode::kUsage);
  config.max_shift = 0, config.flip = true;
  EXPECT_EQ(CodeOf(SmallClassifier(5), *data_, config), ErrorCode::kUsage);
  config.flip = false, config.label = "colours";
  EXPECT_EQ(CodeOf(SmallClassifier(5), *data_, config), ErrorCode::kUsage);

  const auto uncaptioned =
      SourceOf(ImageSet{2, 24, 12, 3, std::vector<float>(1728), {0, 1}}, "none");
  config.label = "attributes";
  EXPECT_THROW(Labelling("attributes", *uncaptioned), Error);
  for (const char* task : {"contrast", "preference"}) {
    EXPECT_EQ(CodeOf(SmallEncoder(), *uncaptioned, Config(task, 2)), ErrorCode::kUsage);
    EXPECT_EQ(CodeOf(SmallClassifier(5), *data_, Config(task, 2)), ErrorCode::kUsage);
  }
}

}  // namespace
}  // namespace tmpq
