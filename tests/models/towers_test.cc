// Feature networks and encoders as graphs: clips, and towers cut off a whole.
#include <gtest/gtest.h>

#include <algorithm>

#include "src/core/error.h"
#include "src/models/contrastive_encoder.h"
#include "src/models/feature_net.h"
#include "tests/runtime/op_cases.h"

namespace tmpq {
namespace {

constexpr int64_t kBatch = 3;

std::vector<float> OutputOf(const Graph& graph, const ParameterSet& parameters,
                            const NetworkInputs& inputs) {
  const RuntimeNetwork network(graph, parameters, kernels::BestKernels());
  Workspace workspace = network.MakeWorkspace(inputs.batch);
  std::vector<float> out(inputs.batch * ElementsOf(graph.output_shape()));
  network.Run(network.ActivateFloat(), inputs, out.data(), workspace);
  return out;
}

// A clip is the picture whose pixels hold frame after frame's channels.
TEST(FeatureNetTest, SeesAClipAsOnePicture) {
  FeatureNetConfig config;
  config.frames = 4, config.image_height = 8, config.image_width = 6, config.channels = 3;
  config.width = 8, config.features = 5, config.classes = 2;
  const Graph of_clip = BuildFeatureClassifier(config);
  config.frames = 0, config.channels = 12;
  const Graph of_picture = BuildFeatureClassifier(config);
  const ParameterSet parameters = RandomParameters(of_picture);
  constexpr int64_t kPixels = 8 * 6;
  std::vector<float> clip(4 * kPixels * 3), picture(clip.size());
  FillNormal(1, RandomPurpose::kTest, 0, clip);
  for (int64_t frame = 0; frame < 4; ++frame) {
    for (int64_t pixel = 0; pixel < kPixels; ++pixel) {
      std::copy_n(clip.data() + (frame * kPixels + pixel) * 3, 3,
                  picture.data() + pixel * 12 + frame * 3);
    }
  }
  EXPECT_EQ(of_clip.node(of_clip.FindInput("sample")).shape, (Shape{4, 8, 6, 3}));
  EXPECT_EQ(OutputOf(of_clip, parameters, {1, {{"sample", clip.data()}}, {}}),
            OutputOf(of_picture, parameters, {1, {{"sample", picture.data()}}, {}}));
}

TEST(ContrastiveEncoderTest, TowersAreTheWholesHalves) {
  ContrastiveEncoderConfig config;
  config.image_height = config.image_width = 8;
  config.width = 8, config.embedding = 6, config.text_width = 12, config.text_layers = 2;
  config.text_heads = 3, config.caption_tokens = 4, config.vocabulary = 7;
  const Graph whole = BuildContrastiveEncoder(config);
  const Graph sample = whole.CutAfter(kSampleEmbeddingNode);
  const Graph caption = whole.CutAfter(kCaptionEmbeddingNode);
  EXPECT_EQ(sample.FindInput("caption"), -1);
  EXPECT_EQ(caption.FindInput("sample"), -1);
  EXPECT_EQ(sample.nodes().size() + caption.nodes().size() + 1, whole.nodes().size());
  EXPECT_EQ(sample.parameter_count() + caption.parameter_count(), whole.parameter_count());
  EXPECT_TRUE(whole.sites().sites.empty());  // it measures, and stays float

  const ParameterSet parameters = RandomParameters(whole);
  const RandomBatch inputs(whole, kBatch);
  const auto run = [&](const Graph& graph) {
    return OutputOf(graph, parameters, inputs.Inputs(graph, 0, kBatch));
  };
  const std::vector<float> both = run(whole), left = run(sample), right = run(caption);
  for (int64_t i = 0; i < kBatch; ++i) {
    EXPECT_TRUE(
        std::equal(left.begin() + i * 6, left.begin() + (i + 1) * 6, both.begin() + i * 12));
    EXPECT_TRUE(
        std::equal(right.begin() + i * 6, right.begin() + (i + 1) * 6, both.begin() + i * 12 + 6));
  }
}

// What the cut output does not need is gone, also where it stands before it.
TEST(GraphTest, CutsAwayWhatIsNotNeeded) {
  GraphBuilder b("g");
  const NodeId x = b.Input("x", {4}), unused = b.Input("unused", {4});
  const NodeId left = b.Linear("left", x, 3);
  b.Linear("aside", unused, 3);
  const NodeId right = b.Silu("right", b.Linear("right_fc", x, 3));
  const NodeId sum = b.Add("sum", left, right);
  const Graph cut = b.Finish(b.Silu("end", sum)).CutAfter("sum");
  ASSERT_EQ(cut.nodes().size(), 5u);
  EXPECT_EQ(cut.FindInput("unused"), -1);
  EXPECT_EQ(cut.node(cut.output()).name, "sum");
  EXPECT_EQ(cut.node(cut.node(cut.output()).inputs[1]).name, "right");
  EXPECT_EQ(cut.parameters().size(), 4u);
}

}  // namespace
}  // namespace tmpq
