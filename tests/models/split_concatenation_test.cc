#include "src/models/split_concatenation.h"

#include <gtest/gtest.h>

#include "src/graph/graph_builder.h"
#include "src/runtime/network.h"
#include "tests/runtime/small_model.h"

namespace tmpq {
namespace {

// A shortcut that is read directly by one convolution and through a norm by another.
ModelFile ShortcutModel() {
  GraphBuilder b("shortcut");
  const NodeId x = b.Input("sample", {4, 4, 3});
  const NodeId a = b.Conv2d("a", x, 8, 3, 1, 1, LayerGroup::kConvolution);
  const NodeId c = b.Conv2d("c", b.Silu("act", a), 4, 3, 1, 1, LayerGroup::kConvolution);
  const NodeId both = b.Concat("both", {c, a});
  const NodeId deep = b.Conv2d("deep", b.Silu("silu", b.GroupNorm("norm", both, 4)), 5, 3, 1, 1,
                               LayerGroup::kConvolution);
  const NodeId straight = b.Conv2d("straight", both, 5, 1, 1, 0, LayerGroup::kConvolution);
  ModelFile model;
  model.name = "shortcut";
  model.graph = b.Finish(b.Add("out", deep, straight));
  model.parameters = RandomParameters(model.graph);
  model.hash = HashString("shortcut");
  return model;
}

std::vector<float> OutputOf(const ModelFile& model, const std::vector<float>& x) {
  const RuntimeNetwork network(model.graph, model.parameters, kernels::BestKernels());
  Workspace workspace = network.MakeWorkspace(1);
  std::vector<float> out(ElementsOf(model.graph.output_shape()));
  network.Run(network.ActivateFloat(), {1, {{"sample", x.data()}}, {}}, out.data(), workspace);
  return out;
}

TEST(SplitConcatenationTest, KeepsTheOutputAndGivesEachPartItsSites) {
  const ModelFile model = ShortcutModel(), split = SplitConcatenations(model);
  EXPECT_EQ(split.name, "shortcut-split");
  EXPECT_NE(split.hash, model.hash);
  EXPECT_EQ(split.graph.macs(), model.graph.macs());
  EXPECT_EQ(split.graph.parameter_count(), model.graph.parameter_count());
  // Two layers became four, of a weight and an activation site each.
  EXPECT_EQ(split.graph.sites().sites.size(), model.graph.sites().sites.size() + 4);
  std::vector<float> x(4 * 4 * 3);
  FillNormal(1, RandomPurpose::kTest, 0, x);
  const std::vector<float> expected = OutputOf(model, x), actual = OutputOf(split, x);
  float largest = 0;
  for (const float value : expected) largest = std::max(largest, std::fabs(value));
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(actual[i], expected[i], 1e-5f * largest);
  }
}

TEST(SplitConcatenationTest, LeavesModelsWithoutShortcutsAlone) {
  ModelFile model;
  model.name = "small";
  model.graph = SmallDenoiser();
  model.parameters = RandomParameters(model.graph);
  model.hash = HashString("small");
  const ModelFile same = SplitConcatenations(model);
  EXPECT_EQ(same.name, model.name);
  EXPECT_EQ(same.hash, model.hash);
  EXPECT_EQ(same.graph.hash(), model.graph.hash());
}

}  // namespace
}  // namespace tmpq
