#include "src/train/reconstruction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/models/unet.h"
#include "src/train/reconstruction_units.h"
#include "tests/test_path.h"
#include "tests/torch/small_reconstruction.h"

namespace tmpq {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string ErrorOf(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::vector<std::string> NamesOf(const std::vector<ReconstructionUnit>& units) {
  std::vector<std::string> names;
  for (const ReconstructionUnit& unit : units) names.push_back(unit.name);
  return names;
}

TEST(ReconstructionUnitsTest, TransformerBlocksAndSingleLayers) {
  const Graph graph = TwoBlockDit();
  const std::vector<ReconstructionUnit> units = FindUnits(graph, {});
  EXPECT_THAT(NamesOf(units),
              ElementsAre("patch_embedding", "blocks.0", "blocks.1", "final_adaln", "final"));
  EXPECT_EQ(graph.node(units[1].output).name, "blocks.0.residual2");
  EXPECT_EQ(units[1].layers.size(), 5u);  // adaln, qkv, proj, fc1, fc2
  std::vector<std::string> inputs;
  for (const NodeId id : units[1].inputs) inputs.push_back(graph.node(id).name);
  EXPECT_THAT(inputs, ElementsAre("position", "condition", "blocks.0.norm1"));
}

TEST(ReconstructionUnitsTest, ResidualBlocksOfAUnet) {
  UnetConfig config;
  config.image_height = config.image_width = 8;
  config.block_channels = {8, 16}, config.attention = {0, 1}, config.heads = {1, 2};
  config.transformer_layers = {1, 1};
  config.norm_groups = 4, config.classes = 3;
  config.context_tokens = 5, config.context_features = 12;
  const Graph graph = BuildUnet(config);
  const std::vector<std::string> names = NamesOf(FindUnits(graph, {}));
  EXPECT_THAT(names, testing::Contains("down_blocks.0.resnets.0"));
  // A transformer block inside of an attention block; its projections are layers of their own.
  EXPECT_THAT(names, testing::Contains("down_blocks.1.attentions.0.transformer_blocks.0"));
  EXPECT_THAT(names, testing::Contains("down_blocks.1.attentions.0.proj_in"));
  EXPECT_THAT(names, testing::Contains("conv_in"));
}

TEST(ReconstructionUnitsTest, EveryQuantizedLayerIsInOne) {
  const Graph graph = TwoBlockDit();
  QuantScheme scheme;
  scheme.layers["blocks.1.fc1"].keep_float = true;
  size_t layers = 0, expected = 0;
  for (const ReconstructionUnit& unit : FindUnits(graph, scheme)) layers += unit.layers.size();
  for (const Node& node : graph.nodes()) {
    expected += node.first_site >= 0 && node.kind != OpKind::kAttention ? 1 : 0;
  }
  EXPECT_EQ(layers, expected - 1);
}

class ReconstructionTest : public testing::Test {
 protected:
  ReconstructionTest()
      : graph_(TwoBlockDit()),
        parameters_(RandomParameters(graph_)),
        recipe_(FindRecipe("q-diffusion")),
        scheme_(SchemeOf(recipe_, graph_, kSmallTrainingSteps)),
        calls_(RandomCalls(graph_, 24)),
        statistics_(Observe(graph_, parameters_, scheme_, calls_)) {
    config_.weight_iterations = 120, config_.activation_iterations = 30;
    config_.minibatch = 8, config_.weight_rate = 2e-2;
    folder_ = TestPath();
    std::filesystem::create_directories(folder_);
  }

  LearnedRounding Learn(const char* checkpoint, const std::atomic<bool>* interrupted = nullptr,
                        Progress* progress = nullptr) const {
    const ReconstructionJob job{&graph_,      &parameters_, HashString("m"), &recipe_, &scheme_,
                                &statistics_, &calls_,      {3, 4},          {4},      7};
    return Reconstruct(job, config_, {folder_ / checkpoint, 1, progress, interrupted});
  }

  std::string BytesOf(const LearnedRounding& learned) const {
    learned.Save(folder_ / "bytes");
    return ReadFile(folder_ / "bytes");
  }

  Graph graph_;
  ParameterSet parameters_;
  QuantRecipe recipe_;
  QuantScheme scheme_;
  CalibrationCalls calls_;
  CalibrationStatistics statistics_;
  ReconstructionConfig config_;
  std::filesystem::path folder_;
};

// Of every block and layer, both by rounding and by steps.
TEST_F(ReconstructionTest, LowersTheErrorOfBlocks) {
  const LearnedRounding learned = Learn("checkpoint");
  EXPECT_EQ(learned.report().size(), 15u);  // 5 units at w3, w4 and a4
  double before = 0, after = 0;
  for (const Json& row : learned.report()) {
    const bool block = row.at("unit").get<std::string>().starts_with("blocks.");
    if (row.at("learned") == "weights" && block) {
      EXPECT_LT(row.at("after").get<double>(), 0.9 * row.at("before").get<double>()) << row;
    }
    before += row.at("before").get<double>(), after += row.at("after").get<double>();
  }
  EXPECT_LT(after, before);
}

TEST_F(ReconstructionTest, ResumesToTheSameBytes) {
  const std::string whole = BytesOf(Learn("whole"));
  class Interrupter : public Progress {
   public:
    void Update(int64_t done, const std::string&) override { interrupted = done >= 700; }
    std::atomic<bool> interrupted = false;
  } interrupter;
  EXPECT_THAT(ErrorOf([&] { Learn("parts", &interrupter.interrupted, &interrupter); }),
              HasSubstr("stopped"));
  EXPECT_EQ(BytesOf(Learn("parts")), whole);
}

TEST_F(ReconstructionTest, RefusesTheCheckpointOfOtherSettings) {
  config_.weight_iterations = 2, config_.activation_iterations = 2;
  Learn("checkpoint");
  config_.regulariser = 0.5;
  EXPECT_THAT(ErrorOf([&] { Learn("checkpoint"); }), HasSubstr("checkpoint of other settings"));
}

TEST_F(ReconstructionTest, RefusesRecipesThatLearnNothing) {
  recipe_.rounding = "nearest";
  EXPECT_THAT(ErrorOf([&] { Learn("checkpoint"); }), HasSubstr("rounding = adaround"));
}

// What was learned is what the layers' quantizer packs.
TEST_F(ReconstructionTest, IsWhatLayersStore) {
  config_.weight_iterations = 40, config_.activation_iterations = 20;
  const LearnedRounding learned = Learn("checkpoint");
  LayerRequest request{&graph_, &parameters_, &recipe_, &scheme_, &statistics_, {3, 4}, {4}};
  request.rounder = [&](const std::string& layer, int set, std::span<const float> weights,
                        QuantizedWeights& grid) {
    return learned.Round(layer, set, weights, grid);
  };
  request.steps = [&](const std::string& layer, int bits) { return learned.Steps(layer, bits); };
  for (const ReconstructionUnit& unit : FindUnits(graph_, scheme_)) {
    for (const NodeId id : unit.layers) {
      const QuantizedLayer layer = QuantizeLayer(request, id);
      EXPECT_EQ(layer.activations.at(4).scale, learned.Steps(graph_.node(id).name, 4)->scale);
    }
  }
}

}  // namespace
}  // namespace tmpq
