#include "src/quant/layer_quantizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "kernels/include/packing.h"
#include "src/core/error.h"
#include "src/quant/output_error.h"
#include "tests/runtime/small_model.h"

namespace tmpq {
namespace {

// A linear of `inputs` and `outputs` over `tokens`, calibrated on random numbers with an outlier
// channel.
struct OneLayer {
  OneLayer(int64_t tokens, int64_t inputs, int64_t outputs, QuantRecipe r) : recipe(std::move(r)) {
    GraphBuilder b("one");
    id = b.Linear("layer", b.Input("x", {tokens, inputs}), outputs, LayerGroup::kFeedForward);
    graph = b.Finish(id);
    parameters = RandomParameters(graph);
    scheme = SchemeOf(recipe, graph, 50);
    statistics = CalibrationStatistics(scheme.ranges(), 1, 10);
    for (int call = 0; call < 12; ++call) {
      std::vector<float> x(tokens * inputs);
      FillNormal(1, RandomPurpose::kTest, call, x);
      for (size_t i = 0; i < x.size(); i += inputs) x[i] *= 20;
      for (int64_t i = 0; i < inputs; ++i) x[i] = static_cast<float>(i);  // the first token
      statistics.Observe(graph, id, x.data(), {call, 0, call % scheme.ranges(), 0});
    }
  }
  QuantizedLayer Quantize(const WeightRounder& rounder = {}) const {
    return QuantizeLayer(
        {&graph, &parameters, &recipe, &scheme, &statistics, {2, 4, 8}, {4, 8}, rounder}, id);
  }

  Graph graph;
  NodeId id = 0;
  ParameterSet parameters;
  QuantRecipe recipe;
  QuantScheme scheme;
  CalibrationStatistics statistics;
};

std::string ErrorOf(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(LayerQuantizerTest, NestedWidthsAreTheHighBitsOfOne) {
  QuantRecipe recipe;
  recipe.nested = true;
  const QuantizedLayer layer = OneLayer(3, 10, 5, recipe).Quantize();
  const auto& weights = layer.sets.at(0).weights;
  EXPECT_TRUE(weights.at(2).data.empty());
  EXPECT_TRUE(weights.at(4).data.empty());
  ASSERT_FALSE(weights.at(8).data.empty());
  for (int64_t n = 0; n < 5; ++n) {
    EXPECT_EQ(weights.at(4).scale[n], 16 * weights.at(8).scale[n]);
    EXPECT_EQ(weights.at(2).scale[n], 64 * weights.at(8).scale[n]);
  }
  std::vector<int8_t> q(50);
  kernels::UnpackWeights(weights.at(8).data.data(), 5, 10, 8, q.data());
  for (int64_t n = 0; n < 5; ++n) {
    int sum = 0;
    for (int64_t k = 0; k < 10; ++k) sum += kernels::NarrowValue(q[n * 10 + k], 8, 4);
    EXPECT_EQ(weights.at(4).sums[n], sum);
  }
}

// The float branch is the best of its rank: what it leaves of the weights has less energy than any
// single direction that it took.
TEST(LayerQuantizerTest, FloatBranchTakesTheLargestPart) {
  QuantRecipe recipe;
  recipe.low_rank = 2;
  const OneLayer one(3, 12, 9, recipe);
  const WeightSet set = one.Quantize().sets.at(0);
  const std::span<const float> w = one.parameters.Get("layer.weight");
  ASSERT_EQ(set.down.size(), 2u * 12);
  ASSERT_EQ(set.up.size(), 9u * 2);
  double left = 0, whole = 0;
  for (int64_t i = 0; i < 9 * 12; ++i) {
    const double branch = static_cast<double>(set.up[i / 12 * 2]) * set.down[i % 12] +
                          static_cast<double>(set.up[i / 12 * 2 + 1]) * set.down[12 + i % 12];
    left += std::pow(w[i] - branch, 2), whole += static_cast<double>(w[i]) * w[i];
  }
  EXPECT_LT(left, whole * (1 - 2.0 / 9));
  // A branch of full rank leaves nothing.
  recipe.low_rank = 9;
  const QuantizedLayer full = OneLayer(3, 12, 9, recipe).Quantize();
  for (const float scale : full.sets[0].weights.at(8).scale) EXPECT_LT(scale, 1e-7f);
}

TEST(LayerQuantizerTest, GridTakesTheAlphaOfLeastError) {
  QuantRecipe recipe;
  recipe.balance = "grid";
  const OneLayer grid(6, 16, 8, recipe);
  const std::vector<float> rows = grid.statistics.Whole("layer").rows;
  const auto error = [&](const OneLayer& one) {
    const InputTransform transform = one.Quantize().sets[0].transform;
    const auto w = TransformWeights("layer", one.parameters.Get("layer.weight"), 16, transform),
               x = TransformInputs("layer", rows, 16, transform);
    return OutputError(w, x, 8, 16, QuantizeWeights("layer", w, 8, 16, BitWidth::Of(4)), 4, true);
  };
  const double best = error(grid);
  recipe.balance = "fixed";
  double most = 0;
  for (const double alpha : {0.0, 0.3, 0.5, 0.9}) {
    recipe.balance_alpha = alpha;
    const double fixed = error(OneLayer(6, 16, 8, recipe));
    EXPECT_LE(best, fixed * 1.3) << alpha;  // the grid looks at some of the rows
    most = std::max(most, fixed);
  }
  EXPECT_LT(best, 0.8 * most);
  EXPECT_LT(best, error(OneLayer(6, 16, 8, {})));
}

TEST(LayerQuantizerTest, StaticScalesSpanWhatWasSeen) {
  QuantRecipe recipe;
  recipe.activation_scales = "static-token", recipe.timestep_ranges = 3;
  const OneLayer one(4, 6, 5, recipe);
  const StaticScales scales = one.Quantize().activations.at(8);
  EXPECT_EQ(scales.entries, 3);
  EXPECT_EQ(scales.tokens, 4);
  ASSERT_EQ(scales.scale.size(), 12u);
  for (int i = 0; i < 12; ++i) {
    const InputStatistics& seen = one.statistics.Of("layer", i / 4, 0);
    EXPECT_EQ(scales.scale[i], std::max(seen.high[i % 4], -seen.low[i % 4]) / 127);
  }
  EXPECT_TRUE(scales.offset.empty());
}

TEST(LayerQuantizerTest, FirstRowIsTheFloatOutput) {
  QuantRecipe recipe;
  recipe.bos_aware = true;
  const OneLayer one(4, 6, 5, recipe);
  const std::vector<float> row = one.Quantize().first_row;
  ASSERT_EQ(row.size(), 5u);
  for (int64_t n = 0; n < 5; ++n) {
    double sum = one.parameters.Get("layer.bias")[n];
    for (int64_t k = 0; k < 6; ++k) sum += one.parameters.Get("layer.weight")[n * 6 + k] * k;
    EXPECT_NEAR(row[n], sum, 1e-5);
  }
}

TEST(LayerQuantizerTest, FirstTokensThatDifferAreRefused) {
  QuantRecipe recipe;
  recipe.bos_aware = true;
  OneLayer one(4, 6, 5, recipe);
  one.statistics.Observe(one.graph, one.id, std::vector<float>(24, 1.0f).data(), {99, 0, 0, 0});
  EXPECT_THAT(ErrorOf([&] { one.Quantize(); }), testing::HasSubstr("layer layer"));
}

TEST(LayerQuantizerTest, LearnedRoundingHasToKnowTheLayer) {
  QuantRecipe recipe;
  recipe.rounding = "adaround";
  const OneLayer one(3, 8, 4, recipe);
  EXPECT_THAT(ErrorOf([&] { one.Quantize(); }), testing::HasSubstr("layer layer"));
  const auto ones = [](const std::string&, int, std::span<const float>, QuantizedWeights& grid) {
    std::fill(grid.q.begin(), grid.q.end(), int8_t{1});
    return grid.bits != 4;
  };
  EXPECT_THAT(ErrorOf([&] { one.Quantize(ones); }), testing::HasSubstr("4 bits"));
}

TEST(LayerQuantizerTest, BadWeightsNameTheLayerInEveryRecipe) {
  for (const NamedRecipe& named : NamedRecipes()) {
    OneLayer one(3, 8, 4, named.recipe);
    std::vector<float> weights(32, 1.0f);
    weights[9] = NAN;
    one.parameters.Set("layer.weight", weights);
    EXPECT_THAT(ErrorOf([&] { one.Quantize(); }), testing::HasSubstr("layer layer")) << named.name;
  }
}

TEST(LayerQuantizerTest, ACalibrationThatSawNothingNamesTheLayer) {
  OneLayer one(3, 8, 4, FindRecipe("vidit-q"));
  one.statistics = CalibrationStatistics(1, 1, 4);
  EXPECT_THAT(ErrorOf([&] { one.Quantize(); }), testing::HasSubstr("layer layer"));
}

// Sizes that are no multiple of anything, one token, zero and constant weights: all defined.
TEST(LayerQuantizerTest, EdgeCasesAreDefined) {
  const WeightRounder nearest = [](const std::string&, int, std::span<const float> weights,
                                   QuantizedWeights& grid) {
    for (int64_t i = 0; i < grid.outputs * grid.inputs; ++i) {
      grid.q[i] = RoundToGrid(grid, i / grid.inputs, i % grid.inputs, weights[i]);
    }
    return true;
  };
  for (const NamedRecipe& named : NamedRecipes()) {
    for (const int64_t size : {1, 2, 3, 4, 5, 7, 9}) {
      OneLayer one(1, size, 10 - size, named.recipe);
      for (const float value : {NAN, 0.0f, 0.3f}) {  // NaN: as they are
        if (!std::isnan(value)) {
          one.parameters.Set("layer.weight", std::vector<float>(size * (10 - size), value));
        }
        for (const WeightSet& set : one.Quantize(nearest).sets) {
          for (const auto& [bits, weights] : set.weights) {
            for (const float scale : weights.scale) EXPECT_TRUE(std::isfinite(scale)) << named.name;
          }
          for (const float m : set.transform.multiply) EXPECT_TRUE(std::isnormal(m)) << named.name;
        }
      }
    }
  }
}

}  // namespace
}  // namespace tmpq
