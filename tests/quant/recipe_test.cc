#include "src/quant/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "src/core/config.h"
#include "src/core/error.h"
#include "src/core/file.h"
#include "src/plan/candidate.h"
#include "tests/runtime/small_model.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

// What an error that `call` throws says; empty: it throws none.
std::string ErrorOf(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

class RecipeFileTest : public testing::Test {
 protected:
  void SetUp() override { path_ = TestPath(".ini"); }
  QuantRecipe Find(const std::string& text) const {
    WriteFileAtomically(path_, text);
    return FindRecipe(path_);
  }

  std::string path_;
};

TEST(RecipeTest, NamedRecipesAreValidAndDescribed) {
  std::vector<std::string> names;
  for (const NamedRecipe& named : NamedRecipes()) {
    EXPECT_NO_THROW(named.recipe.Validate()) << named.name;
    EXPECT_GT(named.description.size(), 20u) << named.name;
    EXPECT_EQ(ConfigText(FindRecipe(named.name)), ConfigText(named.recipe));
    names.push_back(named.name);
  }
  EXPECT_THAT(names,
              testing::UnorderedElementsAre("naive", "q-diffusion", "ptq4dit", "q-dit",
                                            "smoothquant", "quarot", "vidit-q-v1", "vidit-q",
                                            "vidit-q-mp", "mixdq", "svdquant", "tmpq-dm", "tmpq"));
  EXPECT_FALSE(FindRecipe("naive").NeedsCalibration());
  EXPECT_FALSE(FindRecipe("quarot").NeedsCalibration());
  EXPECT_TRUE(FindRecipe("vidit-q").NeedsCalibration());
  EXPECT_TRUE(FindRecipe("mixdq").NeedsCalibration());
  EXPECT_THAT(ErrorOf([] { FindRecipe("vidit"); }), testing::HasSubstr("vidit-q-v1"));
}

TEST_F(RecipeFileTest, FilesChangeABase) {
  const QuantRecipe recipe = Find("base = vidit-q\nlow_rank = 4\nbalance_alpha = 0.25\n");
  QuantRecipe expected = FindRecipe("vidit-q");
  expected.low_rank = 4, expected.balance_alpha = 0.25;
  EXPECT_EQ(ConfigText(recipe), ConfigText(expected));
  EXPECT_EQ(ConfigText(Find("rotate = true\n")), ConfigText(FindRecipe("quarot")));
}

TEST_F(RecipeFileTest, FilesThatAreNoRecipesAreRefused) {
  EXPECT_THAT(ErrorOf([&] { Find("rotation = true\n"); }),
              testing::AllOf(testing::HasSubstr("rotation"), testing::HasSubstr("rotate")));
  EXPECT_THAT(ErrorOf([&] { Find("base = nobody\n"); }), testing::HasSubstr("nobody"));
  EXPECT_THAT(ErrorOf([&] { Find("low_rank = many\n"); }), testing::HasSubstr("low_rank"));
  EXPECT_THAT(ErrorOf([&] { Find("keep_float = fc[1\n"); }), testing::HasSubstr("keep_float"));
  EXPECT_THROW(FindRecipe("nowhere.ini"), Error);
}

// A file that is its own base would be read for ever.
TEST_F(RecipeFileTest, BasesAreNamedRecipes) {
  EXPECT_THAT(ErrorOf([&] { Find("base = " + path_ + "\n"); }), testing::HasSubstr("base"));
}

TEST(RecipeTest, ContradictionsAndImpossibleValuesNameTheKey) {
  using Change = std::function<void(QuantRecipe&)>;
  const std::pair<const char*, Change> cases[] = {
      {"weight_scales", [](QuantRecipe& r) { r.weight_scales = "group-32"; }},
      {"rounding", [](QuantRecipe& r) { r.rounding = "up"; }},
      {"balance", [](QuantRecipe& r) { r.balance = "yes"; }},
      {"range", [](QuantRecipe& r) { r.weight_range = "all"; }},
      {"range", [](QuantRecipe& r) { r.activation_range = "all"; }},
      {"activation_scales", [](QuantRecipe& r) { r.activation_scales = "channel"; }},
      {"activation_storage", [](QuantRecipe& r) { r.activation_storage = "half"; }},
      {"percentile", [](QuantRecipe& r) { r.percentile = 101; }},
      {"percentile", [](QuantRecipe& r) { r.percentile = NAN; }},
      {"balance_alpha", [](QuantRecipe& r) { r.balance_alpha = -0.1; }},
      {"balance_weight_bits", [](QuantRecipe& r) { r.balance_weight_bits = 9; }},
      {"balance_activation_bits", [](QuantRecipe& r) { r.balance_activation_bits = 1; }},
      {"low_rank", [](QuantRecipe& r) { r.low_rank = -1; }},
      {"timestep_ranges", [](QuantRecipe& r) { r.timestep_ranges = 0; }},
      {"calibration_samples", [](QuantRecipe& r) { r.calibration_samples = 0; }},
      {"calibration_steps", [](QuantRecipe& r) { r.calibration_steps = 0; }},
      {"nested", [](QuantRecipe& r) { r.nested = true, r.weight_symmetric = false; }},
      {"nested", [](QuantRecipe& r) { r.nested = true, r.rounding = "gptq"; }},
      {"balance_by_range", [](QuantRecipe& r) { r.balance_by_range = true; }},
      {"keep_float", [](QuantRecipe& r) { r.keep_float = "("; }},
      {"transform_layers", [](QuantRecipe& r) { r.transform_layers = "*"; }},
      // Extremes of positions are those of the inputs as they come.
      {"static-token",
       [](QuantRecipe& r) { r.activation_scales = "static-token", r.balance = "fixed"; }},
      {"static-token",
       [](QuantRecipe& r) { r.activation_scales = "static-token", r.rotate = true; }},
      {"static-token",
       [](QuantRecipe& r) { r.activation_scales = "static-token", r.activation_range = "mse"; }},
  };
  for (const auto& [key, change] : cases) {
    QuantRecipe recipe;
    change(recipe);
    EXPECT_THAT(ErrorOf([&] { recipe.Validate(); }), testing::HasSubstr(key));
  }
}

// Files made before a key was there stay bound to the recipe that they were made for.
TEST(RecipeTest, TextLeavesOutLaterKeysAtTheirDefault) {
  QuantRecipe recipe = FindRecipe("vidit-q");
  EXPECT_THAT(recipe.Text(), testing::HasSubstr("rotate = true"));
  EXPECT_THAT(recipe.Text(), testing::Not(testing::HasSubstr("activation_storage")));
  recipe.activation_storage = "float16";
  EXPECT_EQ(recipe.Text(), ConfigText(recipe));
  EXPECT_EQ(SchemeOf(recipe, SmallDenoiser(), 50).activation_storage, ActivationStorage::kFloat16);
}

TEST(SchemeOfTest, NaiveIsTheDefault) {
  EXPECT_EQ(SchemeOf({}, SmallDenoiser(), 50), QuantScheme{});
}

TEST(SchemeOfTest, TransformsWhereSizesAllow) {
  const Graph graph = SmallDenoiser();
  const QuantScheme scheme = SchemeOf(FindRecipe("vidit-q"), graph, 50);
  EXPECT_TRUE(scheme.Of("qkv").rotated);  // 24 channels: order 12
  EXPECT_TRUE(scheme.Of("qkv").balanced);
  EXPECT_TRUE(scheme.Of("patches").rotated);  // 4 channels
  EXPECT_FALSE(scheme.Of("fc2").rotated);     // 50 channels: no matrix
  EXPECT_TRUE(scheme.Of("fc2").balanced);
  EXPECT_EQ(scheme.Of("time"), LayerScheme{});  // has no sites
  EXPECT_EQ(scheme.layers.count("attention"), 0u);
}

TEST(SchemeOfTest, TransformLayersAreChosen) {
  QuantRecipe recipe = FindRecipe("vidit-q");
  recipe.transform_layers = "^(qkv|proj)$", recipe.low_rank = 100;
  const QuantScheme scheme = SchemeOf(recipe, SmallDenoiser(), 50);
  EXPECT_EQ(scheme.layers.size(), 2u);
  EXPECT_TRUE(scheme.Of("proj").rotated);
  EXPECT_EQ(scheme.Of("qkv").low_rank, 24);  // no more than the matrix has
}

TEST(SchemeOfTest, RangesDivideTheTimesteps) {
  QuantRecipe recipe = FindRecipe("vidit-q-v1");
  recipe.timestep_ranges = 3;
  const QuantScheme scheme = SchemeOf(recipe, SmallDenoiser(), 50);
  EXPECT_EQ(scheme.range_begins, (std::vector<int>{0, 16, 33}));
  EXPECT_EQ(scheme.weight_sets(), 3);
  EXPECT_EQ(scheme.RangeOf(0), 0);
  EXPECT_EQ(scheme.RangeOf(15), 0);
  EXPECT_EQ(scheme.RangeOf(16), 1);
  EXPECT_EQ(scheme.RangeOf(49), 2);
}

// Fewer timesteps than ranges would leave ranges without one.
TEST(SchemeOfTest, MoreRangesThanTimestepsAreRefused) {
  QuantRecipe recipe = FindRecipe("vidit-q-v1");
  recipe.timestep_ranges = 4;
  EXPECT_THAT(ErrorOf([&] { SchemeOf(recipe, SmallDenoiser(), 3); }),
              testing::HasSubstr("timestep_ranges"));
}

TEST(SchemeOfTest, GroupsWhereThereAreMoreInputs) {
  GraphBuilder b("groups");
  NodeId x = b.Linear("below", b.Input("sample", {3, 64}), 65, LayerGroup::kFeedForward);
  x = b.Linear("above", x, 6, LayerGroup::kFeedForward);
  const QuantScheme scheme = SchemeOf(FindRecipe("svdquant"), b.Finish(x), 50);
  EXPECT_EQ(scheme.Of("below").weight_group, 0);
  EXPECT_EQ(scheme.Of("above").weight_group, 64);
}

TEST(SchemeOfTest, ConvolutionsHaveOneScaleAnImage) {
  GraphBuilder b("convolutions");
  NodeId x = b.Conv2d("in", b.Input("sample", {4, 4, 8}), 8, 3, 1, 1, LayerGroup::kConvolution);
  x = b.Linear("out", x, 8, LayerGroup::kFeedForward);
  const Graph graph = b.Finish(x);
  QuantRecipe recipe;
  recipe.activation_scales = "static-token", recipe.low_rank = 2;
  const QuantScheme scheme = SchemeOf(recipe, graph, 50);
  EXPECT_EQ(scheme.Of("in").activation_scales, ActivationScales::kStaticTensor);
  EXPECT_EQ(scheme.Of("out").activation_scales, ActivationScales::kStaticToken);
  EXPECT_EQ(scheme.Of("in").low_rank, 0);
  EXPECT_EQ(scheme.Of("out").low_rank, 2);
  const QuantScheme rotated = SchemeOf(FindRecipe("quarot"), graph, 50);
  EXPECT_TRUE(rotated.Of("in").rotated);  // 8 channels, 72 inputs
}

TEST(SchemeOfTest, BosAwareLayersReadPrompts) {
  GraphBuilder b("text");
  const NodeId text = b.Linear("caption", b.Input("encoder_hidden_states", {5, 16}), 8,
                               LayerGroup::kCrossAttention);
  const NodeId x = b.Linear("tokens", b.Input("sample", {4, 5, 2}), 8, LayerGroup::kEmbedding);
  const NodeId out = b.Add("sum", x, b.Linear("second", text, 8, LayerGroup::kCrossAttention));
  const QuantScheme scheme = SchemeOf(FindRecipe("mixdq"), b.Finish(out), 50);
  EXPECT_TRUE(scheme.Of("caption").first_row);
  EXPECT_FALSE(scheme.Of("tokens").first_row);
  EXPECT_FALSE(scheme.Of("second").first_row);
}

TEST(RecipeTest, KeysWithoutEffectAreRefused) {
  QuantRecipe recipe;
  recipe.split_guidance = true;
  EXPECT_THROW(recipe.Validate(), Error);
  recipe.activation_scales = "static-tensor";
  EXPECT_NO_THROW(recipe.Validate());
  recipe = QuantRecipe();
  recipe.timestep_ranges = 2;
  EXPECT_THROW(recipe.Validate(), Error);
  recipe.balance = "fixed", recipe.balance_by_range = true;
  EXPECT_NO_THROW(recipe.Validate());
}

TEST(SchemeOfTest, KeepsLayersInFloatThatMatch) {
  const Graph graph = SmallDenoiser();
  QuantRecipe recipe;
  recipe.keep_float = "^fc|attention";
  const SiteTable table = WithScheme(graph.sites(), SchemeOf(recipe, graph, 50));
  const Policy policy = UniformPolicy(table, BitWidth::Of(4), BitWidth::Of(4));
  int count = 0;
  for (size_t s = 0; s < policy.size(); ++s) {
    const std::string& layer = table.sites[s].layer;
    const bool kept = layer == "fc1" || layer == "fc2" || layer == "attention";
    EXPECT_EQ(policy[s].is_float(), kept) << layer;
    count += kept ? 1 : 0;
  }
  EXPECT_EQ(count, 2 + 2 + 4);
}

}  // namespace
}  // namespace tmpq
