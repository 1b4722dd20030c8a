// One layer at a time: what the runtime computes is what the file's integers say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/include/numerics.h"
#include "kernels/include/packing.h"
#include "tests/runtime/recipe_layer.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

// What a file says of one layer, as plain numbers.
struct LayerNumbers {
  std::vector<double> weights;  // (N, K), without the float branch
  std::vector<double> branch;   // (N, K) of the float branch, or empty
  InputTransform transform;
};

LayerNumbers NumbersOf(const TensorFile& file, const LayerScheme& scheme, const std::string& set,
                       int bits, int64_t n, int64_t k) {
  LayerNumbers numbers;
  const std::string name = set + ".w" + std::to_string(bits);
  int stored = bits;
  while (!file.Has(set + ".w" + std::to_string(stored) + ".data")) ++stored;
  const std::string from = set + ".w" + std::to_string(stored);
  std::vector<int8_t> q(n * k);
  kernels::UnpackWeights(file.Bytes(from + ".data").data(), n, k, stored, q.data());
  const auto scale = file.Floats(from + ".scale");
  const double halved = 1 << (stored - bits);
  for (int64_t i = 0; i < n * k; ++i) {
    const int64_t at = (scheme.weight_group > 0 ? i % k / scheme.weight_group : 0) * n + i / k;
    const int offset = scheme.weight_symmetric ? 0 : file.Int16s(name + ".offset")[at];
    numbers.weights.push_back(static_cast<double>(scale[at]) * halved *
                              (kernels::NarrowValue(q[i], stored, bits) + offset));
  }
  if (scheme.transformed()) {
    const auto multiply = file.Floats(set + ".multiply");
    numbers.transform = {{multiply.begin(), multiply.end()}, scheme.rotated};
  }
  if (scheme.low_rank > 0) {
    const auto down = file.Floats(set + ".down"), up = file.Floats(set + ".up");
    for (int64_t i = 0; i < n * k; ++i) {
      double sum = 0;
      for (int64_t r = 0; r < scheme.low_rank; ++r) {
        sum += static_cast<double>(up[i / k * scheme.low_rank + r]) * down[r * k + i % k];
      }
      numbers.branch.push_back(sum);
    }
  }
  return numbers;
}

// The values that quantized inputs stand for: of rows (linear) or images (convolution).
std::vector<float> Rounded(const TensorFile& file, const QuantScheme& scheme,
                           const std::string& layer, const std::vector<float>& x, int64_t length,
                           int bits, PolicyPlace place) {
  if (bits == BitWidth::kFloatBits) return x;
  const LayerScheme& own = scheme.Of(layer);
  const bool symmetric = own.activation_symmetric;
  std::vector<float> values(x.size());
  for (size_t begin = 0; begin < x.size(); begin += length) {
    const std::span<const float> row(x.data() + begin, length);
    Grid grid = GridOf(FindRange(row, bits, symmetric, RangeMethod::kMinMax, 100), bits, symmetric);
    if (own.is_static()) {
      const std::string name = layer + ".a" + std::to_string(bits);
      const TensorView& view = file.Get(name + ".scale");
      const int branches = scheme.split_guidance ? 2 : 1;
      const int64_t entry = place.range * branches + (branches == 2 ? place.branch : 0),
                    at = entry * view.shape[1] +
                         static_cast<int64_t>(begin) / length % view.shape[1];
      grid.scale = file.Floats(name + ".scale")[at];
      grid.inverse = grid.scale > 0 ? 1 / grid.scale : 0;
      grid.offset = symmetric ? 0 : file.Int32s(name + ".offset")[at];
    }
    for (int64_t i = 0; i < length; ++i) {
      const int q = RoundToGrid(grid, bits, symmetric, row[i]);
      values[begin + i] = static_cast<float>(static_cast<double>(grid.scale) * (q + grid.offset));
    }
  }
  return values;
}

// Zeros where it has none.
std::vector<float> BiasOf(const RecipeNetwork& net, const Node& node) {
  if (!node.attributes.bias) return std::vector<float>(node.shape.back());
  const std::span<const float> bias = net.parameters().Get(node.name + ".bias");
  return {bias.begin(), bias.end()};
}

// Compares with sums in double; returns the largest error relative to the sum of magnitudes.
double LargestError(const RecipeNetwork& net, const LayerCase& layer, const TensorFile& file,
                    int weight_bits, int activation_bits, PolicyPlace place) {
  const Node& node = net.graph().node(layer.id);
  const Shape& input = net.graph().node(node.inputs[0]).shape;
  const QuantScheme& scheme = net.scheme();
  const LayerScheme& own = scheme.Of(node.name);
  const int64_t channels = input.back(), n = node.shape.back(),
                k = ElementsOf(node.parameters.at("weight")) / n;
  const bool sets = own.balanced && scheme.weight_sets() > 1;
  const std::string set = sets ? node.name + ".s" + std::to_string(place.range) : node.name;
  const LayerNumbers numbers = NumbersOf(file, own, set, weight_bits, n, k);
  const std::vector<float> x = TransformInputs(node.name, layer.x, channels, numbers.transform);
  const int64_t length = node.kind == OpKind::kConv2d ? ElementsOf(input) : channels;
  const std::vector<float> rounded =
      Rounded(file, scheme, node.name, x, length, activation_bits, place);
  const std::vector<float> out = RunAlone(net, layer, file, weight_bits, activation_bits, place);
  const std::vector<float> bias = BiasOf(net, node);
  const int64_t rows = ElementsOf(node.shape) / n;
  double worst = 0;
  for (int64_t r = 0; r < 2 * rows; ++r) {
    const std::vector<float> a = GatherInputs(node, input, rounded.data(), r),
                             plain = GatherInputs(node, input, x.data(), r);
    for (int64_t o = 0; o < n; ++o) {
      double sum = bias[o], size = std::fabs(bias[o]);
      for (int64_t i = 0; i < k; ++i) {
        const double term = numbers.weights[o * k + i] * a[i],
                     beside = numbers.branch.empty() ? 0 : numbers.branch[o * k + i] * plain[i];
        sum += term + beside, size += std::fabs(term) + std::fabs(beside);
      }
      if (own.first_row && r % rows == 0) sum = file.Floats(node.name + ".first_row")[o];
      worst = std::max(worst, std::fabs(out[r * n + o] - sum) / size);
    }
  }
  return worst;
}

class RecipeNetworksTest : public testing::TestWithParam<std::string> {};

TEST_P(RecipeNetworksTest, RuntimeAndDoubleArithmeticAgree) {
  constexpr double kBound = 1e-5;
  for (const std::string& recipe : TestedRecipes()) {
    if (recipe == "tmpq-dm") continue;  // q-diffusion's
    const RecipeNetwork net(GetParam(), TestedRecipe(recipe), TestPath());
    const TensorFile file(net.path());
    double worst = 0;
    for (const LayerCase& layer : LayersOf(net)) {
      for (const auto& [weight, activation] : {std::pair{3, 3}, {8, 8}, {3, 32}, {6, 32}}) {
        for (int range = 0; range < net.scheme().ranges(); ++range) {
          const double error = LargestError(net, layer, file, weight, activation, {range, range});
          EXPECT_LT(error, kBound) << recipe << ": " << net.graph().node(layer.id).name;
          worst = std::max(worst, error);
        }
      }
    }
    std::printf("  %-14s %.2e, %.0f times below the bound\n", recipe.c_str(), worst,
                kBound / worst);
  }
}

INSTANTIATE_TEST_SUITE_P(All, RecipeNetworksTest, testing::Values("dit", "unet", "split", "text"));

// Inputs of a window times the weights are the float convolution's outputs.
TEST(RecipeLayersTest, GatheredWindowsAreTheConvolutions) {
  const RecipeNetwork net("unet", {}, TestPath());
  for (const LayerCase& layer : LayersOf(net)) {
    const Graph graph = Alone(net.graph(), layer.id);
    const RuntimeNetwork network(graph, net.parameters(), kernels::BestKernels());
    Workspace workspace = network.MakeWorkspace(2);
    std::vector<float> out(2 * ElementsOf(graph.output_shape()));
    network.Run(network.ActivateFloat(), {2, {{"x", layer.x.data()}}, {}}, out.data(), workspace);
    const Node& node = net.graph().node(layer.id);
    const std::span<const float> w = net.parameters().Get(node.name + ".weight");
    const std::vector<float> bias = BiasOf(net, node);
    const int64_t n = node.shape.back(), k = static_cast<int64_t>(w.size()) / n;
    for (size_t i = 0; i < out.size(); ++i) {
      const int64_t row = static_cast<int64_t>(i) / n, o = static_cast<int64_t>(i) % n;
      const auto x =
          GatherInputs(node, net.graph().node(node.inputs[0]).shape, layer.x.data(), row);
      double sum = bias[o], size = std::fabs(bias[o]);
      for (int64_t j = 0; j < k; ++j) {
        sum += static_cast<double>(x[j]) * w[o * k + j];
        size += std::fabs(static_cast<double>(x[j]) * w[o * k + j]);
      }
      EXPECT_NEAR(out[i], sum, 1e-6 * size) << node.name;
    }
  }
}

// What convolutions have no kernels for is refused by name, whatever made the scheme.
TEST(RecipeLayersTest, ConvolutionsRefuseWhatTheyCannot) {
  using Change = std::function<void(LayerScheme&)>;
  const std::pair<const char*, Change> cases[] = {
      {"a float branch", [](LayerScheme& layer) { layer.low_rank = 2; }},
      {"a first token", [](LayerScheme& layer) { layer.first_row = true; }}};
  for (const auto& [what, change] : cases) {
    QuantRecipe recipe;
    recipe.bos_aware = true;  // calibrates
    const auto tamper = [&change = change](QuantScheme& scheme) {
      change(scheme.layers["middle"]);
    };
    try {
      const RecipeNetwork net("unet", recipe, TestPath(), tamper);
      RunAlone(net, Find(net, "middle"), TensorFile(net.path()), 8, 8, {});
      ADD_FAILURE() << what << " is not refused";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("layer middle"));
      EXPECT_THAT(error.what(), testing::HasSubstr(what));
    }
  }
}

}  // namespace
}  // namespace tmpq
