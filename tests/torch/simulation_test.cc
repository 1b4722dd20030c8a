// Simulation and integer runtime, layer by layer on the bundled models: the same integers, and
// products that differ by the rounding of sums alone.
#include "src/torch/simulation.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>

#include "src/graph/graph_builder.h"
#include "src/models/model_file.h"
#include "src/models/split_concatenation.h"
#include "src/supernet/supernet.h"
#include "src/torch/torch_device.h"
#include "src/torch/torch_executor.h"
#include "src/torch/torch_ops.h"
#include "tests/test_path.h"
#include "tests/torch/small_reconstruction.h"

namespace tmpq {
namespace {

constexpr int64_t kCalls = 3;
constexpr int kWeightBits = 4, kActivationBits = 8;

at::Tensor CallTensor(const std::vector<float>& values, Shape shape) {
  shape.insert(shape.begin(), kCalls);
  return TensorOf(values, shape);
}

// A layer alone, with the name and the parameters that it has in its network.
Graph OneLayer(const Graph& graph, const Node& node) {
  GraphBuilder b("one");
  const NodeId x = b.Input("x", graph.node(node.inputs[0]).shape);
  return b.Finish(b.Append(node.kind, node.name, {x}, node.attributes));
}

// What a product's sum may be off by in float, n operations of unit roundoff 2^-24 each.
double RoundoffOf(int64_t n) {
  const double all = static_cast<double>(n) * std::exp2(-24);
  return all / (1 - all);
}

class SimulationTest : public testing::TestWithParam<const char*> {
 protected:
  void Open(const char* model, const QuantRecipe& recipe) {
    model_ = ModelFile::Load(std::filesystem::path(TMPQ_SOURCE_DIR) / "checkpoints" / model /
                             "weights.safetensors");
    if (recipe.split_concatenations) model_ = SplitConcatenations(model_);
    recipe_ = recipe;
    scheme_ = SchemeOf(recipe_, model_.graph, kSmallTrainingSteps);
    calls_ = RandomCalls(model_.graph, kCalls);
    // In one range of timesteps, whichever call is first.
    std::fill(calls_.timesteps.begin(), calls_.timesteps.end(), kSmallTrainingSteps - 1);
    if (scheme_.ranges() > 1) calls_.timesteps[0] = 0;
    statistics_ = Observe(model_.graph, model_.parameters, scheme_, calls_);
    range_ = scheme_.ranges() - 1;
    path_ = TestPath();
    Progress silent;
    Supernet::Build(model_.graph, model_.parameters, model_.hash, {BitWidth::Of(kWeightBits)},
                    path_, silent,
                    {recipe_, scheme_, {BitWidth::Of(kActivationBits)}, &statistics_});
    file_ = std::make_unique<TensorFile>(path_);
    CaptureInputs();
  }

  // What every layer sees in the quantized network.
  void CaptureInputs() {
    const Graph& graph = model_.graph;
    const QuantTable table(*file_, graph.sites(), scheme_);
    const RuntimeNetwork network(graph, model_.parameters, kernels::BestKernels());
    Workspace workspace = network.MakeWorkspace(kCalls);
    std::vector<float> out(kCalls * ElementsOf(graph.output_shape()));
    const LayerObserver observer = [&](NodeId id, const float* x, int64_t batch) {
      const int64_t elements = ElementsOf(graph.node(graph.node(id).inputs[0]).shape);
      inputs_[id].assign(x, x + batch * elements);
    };
    network.Run(
        network.Activate(UniformPolicy(WithScheme(graph.sites(), scheme_),
                                       BitWidth::Of(kWeightBits), BitWidth::Of(kActivationBits)),
                         &table, {range_, 0}),
        InputsOf(calls_), out.data(), workspace, &observer);
  }

  std::vector<float> RunIntegers(NodeId id) {
    const Graph one = OneLayer(model_.graph, model_.graph.node(id));
    const QuantTable table(*file_, one.sites(), scheme_);
    const RuntimeNetwork network(one, model_.parameters, kernels::BestKernels());
    Workspace workspace = network.MakeWorkspace(kCalls);
    std::vector<float> out(kCalls * ElementsOf(one.output_shape()));
    network.Run(network.Activate({BitWidth::Of(kWeightBits), BitWidth::Of(kActivationBits)}, &table,
                                 {range_, 0}),
                {kCalls, {{"x", inputs_.at(id).data()}}, {}}, out.data(), workspace);
    return out;
  }

  // The largest difference of the two, relative to what roundoff allows: of n operations on a sum
  // whose terms' magnitudes add up to S, n 2^-24 S. n: K products and sums in the simulation, a
  // rounding of each operand and of a group's scale, the bias; twice for a float branch's two
  // products, on either side.
  double MarginOf(NodeId id) {
    const Graph& graph = model_.graph;
    const Node& node = graph.node(id);
    const LayerScheme& layer = scheme_.Of(node.name);
    const QuantizedLayer quantized = QuantizeLayer({&graph,
                                                    &model_.parameters,
                                                    &recipe_,
                                                    &scheme_,
                                                    &statistics_,
                                                    {kWeightBits},
                                                    {kActivationBits}},
                                                   id);
    NetworkSimulation simulation(graph);
    simulation.SetLayer(id, layer, quantized, quantized.sets.size() > 1 ? range_ : 0, kWeightBits,
                        kActivationBits);
    simulation.SetEntries(at::full({kCalls}, range_ * statistics_.branches(), at::kLong));
    at::Tensor bias;
    if (node.parameters.count("bias") > 0) {
      const auto values = model_.parameters.Get(node.name + ".bias");
      bias = at::from_blob(const_cast<float*>(values.data()), {static_cast<int64_t>(values.size())},
                           at::kFloat)
                 .clone();
    }
    const at::Tensor x = CallTensor(inputs_.at(id), graph.node(node.inputs[0]).shape);
    const at::Tensor simulated = simulation.Product(id, x, bias);
    const at::Tensor integers = CallTensor(RunIntegers(id), node.shape);
    const auto magnitude = [](const at::Tensor& t) {
      return t.defined() ? t.abs().to(at::kDouble) : t;
    };
    const at::Tensor rows = magnitude(simulation.QuantizedInputs(id, x)),
                     weight = magnitude(simulation.tensors(id).at("weight"));
    at::Tensor size =
        node.kind == OpKind::kConv2d
            ? Conv2d(node, rows, weight.view(node.parameters.at("weight")), magnitude(bias))
            : at::linear(rows, weight, magnitude(bias));
    if (layer.low_rank > 0) {
      // The branch reads transformed floats, which its magnitudes bound.
      const at::Tensor moved = x * simulation.tensors(id).at("multiply");
      size = size +
             at::linear(at::linear(magnitude(moved), magnitude(simulation.tensors(id).at("down"))),
                        magnitude(simulation.tensors(id).at("up")));
    }
    const int64_t terms =
        weight.size(1) + 2 * layer.low_rank + (layer.low_rank > 0 ? weight.size(1) : 0);
    const int64_t groups = layer.weight_group > 0 ? weight.size(1) / layer.weight_group + 1 : 1;
    const at::Tensor allowed = size * RoundoffOf(2 * terms + groups + 10) + 1e-30;
    return ((simulated - integers).abs().to(at::kDouble) / allowed).max().item<double>();
  }

  ModelFile model_;
  QuantRecipe recipe_;
  QuantScheme scheme_;
  CalibrationCalls calls_;
  CalibrationStatistics statistics_;
  int range_ = 0;
  std::filesystem::path path_;
  std::unique_ptr<TensorFile> file_;
  std::map<NodeId, std::vector<float>> inputs_;
};

TEST_P(SimulationTest, LayersOfEveryRecipeAgreeWithIntegers) {
  for (NamedRecipe named : NamedRecipes()) {
    if (named.recipe.rounding == "adaround") named.recipe.rounding = "nearest";
    inputs_.clear();
    Open(GetParam(), named.recipe);
    double largest = 0;
    std::string layer;
    for (const auto& [id, x] : inputs_) {
      const double margin = MarginOf(id);
      EXPECT_LE(margin, 1) << named.name << ": " << model_.graph.node(id).name;
      if (margin > largest) largest = margin, layer = model_.graph.node(id).name;
    }
    std::printf("%-12s %-12s %3zu layers, largest difference %.3f of its bound, in %s\n",
                GetParam(), named.name.c_str(), inputs_.size(), largest, layer.c_str());
  }
}

// Softmax's levels are where float rounding can show: one that the exact value lies within its
// rounding error of may go to either side.
double AttentionMargin(const Node& node, int softmax_bits) {
  GraphBuilder b("one");
  const Shape& shape = node.shape;
  const NodeId inputs[] = {b.Input("q", shape), b.Input("k", shape), b.Input("v", shape)};
  const Graph one =
      b.Finish(b.Append(node.kind, node.name, {inputs[0], inputs[1], inputs[2]}, node.attributes));
  std::map<std::string, std::vector<float>> values;
  TorchExecutor::Tensors tensors;
  NetworkInputs arguments{kCalls, {}, {}};
  uint64_t stream = 0;
  for (const char* name : {"q", "k", "v"}) {
    values[name].resize(kCalls * ElementsOf(shape));
    FillNormal(6, RandomPurpose::kTest, stream++, values[name]);
    tensors[name] = CallTensor(values[name], shape);
    arguments.floats[name] = values[name].data();
  }
  const BitWidth width = BitWidth::Of(kActivationBits);
  const Policy policy = {width, width, width, BitWidth::Of(softmax_bits)};
  const RuntimeNetwork network(one, {}, kernels::BestKernels());
  Workspace workspace = network.MakeWorkspace(kCalls);
  std::vector<float> out(kCalls * ElementsOf(shape));
  network.Run(network.Activate(policy, nullptr), arguments, out.data(), workspace);
  NetworkSimulation simulation(one);
  simulation.SetAttentions(policy);
  const at::Tensor simulated = TorchExecutor(one).Run({}, tensors, &simulation);

  const int64_t heads = node.attributes.heads, channels = shape.back() / heads,
                tokens = shape[shape.size() - 2];
  const auto split = [&](const at::Tensor& x) {
    return x.unflatten(-1, {heads, channels}).transpose(-2, -3);
  };
  const auto exact = [](const at::Tensor& x) { return x.to(at::kDouble); };
  const at::Tensor
      q = exact(QuantizeRows(split(tensors["q"]), kActivationBits, true)),
      k = exact(QuantizeRows(split(tensors["k"]), kActivationBits, true)).transpose(-1, -2),
      v = exact(QuantizeRows(split(tensors["v"]).transpose(-1, -2), kActivationBits, true))
              .transpose(-1, -2);
  const double root = std::sqrt(static_cast<double>(channels));
  const at::Tensor logits = at::matmul(q, k) / root;
  const at::Tensor size = at::matmul(q.abs(), k.abs()) / root;  // of the terms of a score
  const at::Tensor share = at::exp(logits - logits.amax(-1, true));
  const double levels = std::exp2(softmax_bits) - 1;
  const at::Tensor error =
      levels * share * RoundoffOf(channels + 16) * (1 + size + size.amax(-1, true));
  const at::Tensor level = share * levels, rounded = at::round(level);
  const at::Tensor may_flip = ((level - at::floor(level) - 0.5).abs() <= error).to(at::kDouble);
  const at::Tensor sum = rounded.sum(-1, true), flips = may_flip.sum(-1, true);
  const at::Tensor mean = at::matmul(rounded, v) / sum;
  const at::Tensor allowed =
      (at::matmul(may_flip, v.abs()) + flips * mean.abs()) / (sum - flips).clamp_min(1) +
      RoundoffOf(tokens + 16) * (at::matmul(rounded, v.abs()) / sum + mean.abs());
  const at::Tensor difference = exact(split(CallTensor(out, shape)) - split(simulated)).abs();
  return (difference / (allowed + 1e-30)).max().item<double>();
}

TEST_P(SimulationTest, AttentionsAgreeWithIntegers) {
  const Graph graph = ModelFile::Load(std::filesystem::path(TMPQ_SOURCE_DIR) / "checkpoints" /
                                      GetParam() / "weights.safetensors")
                          .graph;
  double largest = 0;
  int attentions = 0;
  for (const Node& node : graph.nodes()) {
    if (node.kind != OpKind::kAttention) continue;
    const double margin = AttentionMargin(node, 8);
    EXPECT_LE(margin, 1) << node.name;
    largest = std::max(largest, margin);
    ++attentions;
  }
  EXPECT_GT(attentions, 0);
  std::printf("%-12s %d attentions, largest difference %.3f of its bound\n", GetParam(), attentions,
              largest);
}

INSTANTIATE_TEST_SUITE_P(Models, SimulationTest, testing::Values("fashion-dit", "fashion-unet"));

// LSQ: inside of the range a step's gradient is round(x / s) - x / s, outside the range's end; x's
// is 1 and 0.
TEST(StepGradientTest, IsOfLsq) {
  const at::Tensor x = at::tensor({0.3f, -0.9f, 5.0f, -5.0f}).requires_grad_();
  const at::Tensor scale = at::tensor({0.5f}).requires_grad_();
  QuantizeToScale(x, 3, scale, at::Tensor()).sum().backward();
  EXPECT_NEAR(scale.grad().item<float>(), (1 - 0.6) + (-2 + 1.8) + 3 - 3, 1e-6);
  EXPECT_TRUE(at::equal(x.grad(), at::tensor({1.0f, 1.0f, 0.0f, 0.0f})));
}

}  // namespace
}  // namespace tmpq
