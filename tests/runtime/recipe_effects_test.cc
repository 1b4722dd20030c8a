// Every part that a supernet stores has its effect where it should, and nowhere else.
#include <gtest/gtest.h>

#include <functional>

#include "tests/runtime/recipe_layer.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

// A file whose float tensors were changed: `change(name, index, value)`.
std::filesystem::path Changed(
    const RecipeNetwork& net,
    const std::function<float(const std::string&, int64_t, float)>& change) {
  const TensorFile file(net.path());
  TensorFileWriter writer;
  for (const auto& [key, value] : file.metadata()) {
    if (key != "tmpq.checksum") writer.SetMetadata(key, value);
  }
  for (const auto& [name, view] : file.tensors()) {
    if (view.dtype != DType::kF32) {
      writer.Add(name, view.dtype, view.shape, view.data);
      continue;
    }
    const auto floats = file.Floats(name);
    std::vector<float> values(floats.begin(), floats.end());
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = change(name, static_cast<int64_t>(i), values[i]);
    }
    writer.AddFloats(name, view.shape, values);
  }
  writer.Write(net.folder() / "changed");
  return net.folder() / "changed";
}

TEST(RecipeEffectsTest, FloatBranchesAddToTheOutput) {
  const RecipeNetwork net("text", TestedRecipe("low-rank"), TestPath());
  const TensorFile whole(net.path());
  const TensorFile without(Changed(net, [](const std::string& name, int64_t /*i*/, float value) {
    return name.ends_with(".up") ? 0 : value;
  }));
  for (const char* name : {"fc1", "proj"}) {
    const LayerCase layer = Find(net, name);
    EXPECT_NE(RunAlone(net, layer, whole, 8, 8, {}), RunAlone(net, layer, without, 8, 8, {}));
  }
}

TEST(RecipeEffectsTest, FirstRowsReplaceTheFirstTokenAlone) {
  const RecipeNetwork net("text", TestedRecipe("low-rank"), TestPath());
  const TensorFile whole(net.path());
  const TensorFile other(Changed(net, [](const std::string& name, int64_t i, float value) {
    return name == "caption.first_row" ? static_cast<float>(1000 + i) : value;
  }));
  const LayerCase layer = Find(net, "caption");
  const auto before = RunAlone(net, layer, whole, 3, 3, {}),
             after = RunAlone(net, layer, other, 3, 3, {});
  for (int64_t row = 0; row < 10; ++row) {  // two texts of five tokens
    for (int64_t c = 0; c < 24; ++c) {
      const float expected = row % 5 == 0 ? static_cast<float>(1000 + c) : before[row * 24 + c];
      EXPECT_EQ(after[row * 24 + c], expected);
    }
  }
}

// Static scales of one timestep range and branch touch no other.
TEST(RecipeEffectsTest, ScalesBelongToARangeAndABranch) {
  const RecipeNetwork net("dit", TestedRecipe("split-ranges"), TestPath());
  const LayerCase layer = Find(net, "fc1");
  const TensorFile whole(net.path());
  for (int entry = 0; entry < 4; ++entry) {
    const TensorFile other(Changed(net, [&](const std::string& name, int64_t i, float value) {
      return name == "fc1.a8.scale" && i == entry ? 2 * value : value;
    }));
    for (int place = 0; place < 4; ++place) {
      const PolicyPlace at{place / 2, place % 2};
      EXPECT_EQ(RunAlone(net, layer, whole, 8, 8, at) == RunAlone(net, layer, other, 8, 8, at),
                place != entry);
    }
  }
}

// Guidance's second branch runs with scales of its own in whole samples.
TEST(RecipeEffectsTest, SplitGuidanceReachesSamples) {
  const RecipeNetwork net("dit", TestedRecipe("split-ranges"), TestPath());
  const RuntimeNetwork network(net.graph(), net.parameters(), kernels::BestKernels());
  const auto sample = [&](const std::filesystem::path& path, int timestep) {
    const Supernet supernet = net.Open(path, RecipeNetwork::Widths());
    return net.Sample(
        network,
        Candidate::Uniform(TimestepSequence({timestep}, RecipeNetwork::kTimesteps),
                           UniformPolicy(net.graph().sites(), BitWidth::Of(8), BitWidth::Of(8))),
        supernet.weights());
  };
  const auto changed = Changed(net, [](const std::string& name, int64_t i, float value) {
    return name == "fc1.a8.scale" && i == 1 ? 2 * value : value;  // range 0, unconditional
  });
  EXPECT_NE(sample(net.path(), 10), sample(changed, 10));
  EXPECT_EQ(sample(net.path(), 40), sample(changed, 40));
}

TEST(RecipeEffectsTest, BalancingByRangeHasWeightsOfItsOwn) {
  const RecipeNetwork net("dit", TestedRecipe("vidit-q-v1"), TestPath());
  const LayerCase layer = Find(net, "qkv");
  const TensorFile whole(net.path());
  const TensorFile other(Changed(net, [](const std::string& name, int64_t /*i*/, float value) {
    return name == "qkv.s1.w8.scale" ? 2 * value : value;
  }));
  EXPECT_EQ(RunAlone(net, layer, whole, 8, 8, {0, 0}), RunAlone(net, layer, other, 8, 8, {0, 0}));
  EXPECT_NE(RunAlone(net, layer, whole, 8, 8, {1, 0}), RunAlone(net, layer, other, 8, 8, {1, 0}));
}

}  // namespace
}  // namespace tmpq
