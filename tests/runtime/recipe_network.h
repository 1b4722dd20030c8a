// Small networks of each kind, quantized by a recipe: calibrated on the float runtime, then a
// supernet.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "src/core/error.h"
#include "src/models/split_concatenation.h"
#include "src/runtime/sampler.h"
#include "src/supernet/supernet.h"
#include "tests/runtime/small_model.h"

namespace tmpq {

// A U-Net: convolutions down and up, a shortcut that is concatenated.
inline Graph SmallUNet() {
  GraphBuilder b("small-unet");
  const NodeId sample = b.Input("sample", {8, 8, 2}), timestep = b.Input("timestep", {});
  const NodeId t = b.Linear("time", b.TimestepEmbedding("frequencies", timestep, 16), 12);
  const auto group = LayerGroup::kConvolution;
  const NodeId in = b.Conv2d("in", sample, 12, 3, 1, 1, group);
  NodeId x = b.Conv2d("down", b.Silu("in_silu", b.GroupNorm("norm", in, 4)), 12, 3, 2, 1, group);
  x = b.Conv2d("middle", b.Silu("middle_silu", b.Add("with_time", x, t)), 10, 3, 1, 1, group);
  x = b.Concat("both", {b.Upsample("up", x), in});
  x = b.Conv2d("out", b.Silu("out_silu", x), 16, 3, 1, 1, group);
  return b.Finish(b.Conv2d("final", x, 2, 1, 1, 0, group));
}

// Tokens that attend to a text; widths beyond a group of 128.
inline Graph SmallTextNetwork() {
  GraphBuilder b("small-text");
  const NodeId sample = b.Input("sample", {4, 4, 2}), timestep = b.Input("timestep", {}),
               text = b.Input("encoder_hidden_states", {5, 16});
  const auto cross = LayerGroup::kCrossAttention, feed = LayerGroup::kFeedForward;
  NodeId x = b.Linear("patches", b.Patchify("patchify", sample, 2), 24, LayerGroup::kEmbedding);
  x = b.Add("with_time", x, b.Linear("time", b.TimestepEmbedding("frequencies", timestep, 16), 24));
  const NodeId caption = b.Linear("caption", text, 24, cross);
  const NodeId attended =
      b.Attention("attention", b.Linear("q", b.LayerNorm("norm", x), 24, cross),
                  b.Linear("k", caption, 24, cross), b.Linear("v", caption, 24, cross), 2, cross);
  x = b.Add("residual", x, b.Linear("proj", attended, 24, cross));
  const NodeId h = b.Gelu("gelu", b.Linear("fc1", b.LayerNorm("norm2", x), 130, feed));
  x = b.Add("skip", x, b.Linear("fc2", h, 24, feed));
  return b.Finish(
      b.Unpatchify("unpatchify", b.Linear("last", x, 8, LayerGroup::kEmbedding), 2, 4, 4));
}

// "split": the U-Net whose shortcut is quantized apart.
inline Graph RecipeGraph(const std::string& network) {
  if (network == "dit") return SmallDenoiser();
  if (network == "text") return SmallTextNetwork();
  if (network == "unet") return SmallUNet();
  ModelFile unet;
  unet.graph = SmallUNet(), unet.parameters = RandomParameters(unet.graph);
  return SplitConcatenations(unet).graph;
}

// Named recipes, and others that mix what these keep apart.
inline std::vector<std::string> TestedRecipes() {
  std::vector<std::string> names = {"nested",       "nested-ranges", "static-token",
                                    "split-ranges", "low-rank",      "everything"};
  for (const NamedRecipe& named : NamedRecipes()) names.push_back(named.name);
  return names;
}

inline QuantRecipe TestedRecipe(const std::string& name) {
  QuantRecipe r;
  if (name == "nested") {
    r.nested = true, r.activation_symmetric = false;
  } else if (name == "nested-ranges") {
    r = FindRecipe("vidit-q");
    r.nested = r.balance_by_range = true, r.timestep_ranges = 2;
  } else if (name == "static-token") {
    r.activation_scales = "static-token", r.timestep_ranges = 2, r.weight_scales = "tensor";
  } else if (name == "split-ranges") {
    r = FindRecipe("ptq4dit");
    r.split_guidance = true, r.timestep_ranges = 2;
  } else if (name == "low-rank") {
    r.low_rank = 3, r.bos_aware = true;
  } else if (name == "everything") {
    r = FindRecipe("vidit-q");
    r.weight_scales = "group-64", r.weight_symmetric = r.activation_symmetric = false;
    r.low_rank = 16, r.activation_scales = "static-tensor", r.activation_range = "percentile";
    r.timestep_ranges = 2, r.balance_by_range = r.split_guidance = r.bos_aware = true;
    r.weight_range = "mse", r.rounding = "gptq";
  } else {
    r = FindRecipe(name);
  }
  return r;
}

// Stands for learned rounding: to nearest.
inline bool RoundToNearest(const std::string& /*layer*/, int /*set*/,
                           std::span<const float> weights, QuantizedWeights& grid) {
  for (int64_t i = 0; i < grid.outputs * grid.inputs; ++i) {
    grid.q[i] = RoundToGrid(grid, i / grid.inputs, i % grid.inputs, weights[i]);
  }
  return true;
}

class RecipeNetwork {
 public:
  static constexpr int kTimesteps = 50;

  // Files are in `folder`, which is emptied at the end. `change`: of what the recipe makes.
  RecipeNetwork(const std::string& network, QuantRecipe recipe, std::string folder,
                const std::function<void(QuantScheme&)>& change = {})
      : graph_(RecipeGraph(network)),
        parameters_(RandomParameters(graph_)),
        recipe_(std::move(recipe)),
        scheme_(SchemeOf(recipe_, graph_, kTimesteps)),
        folder_(std::move(folder)) {
    if (change) change(scheme_);
    std::filesystem::create_directories(folder_);
    settings_.prediction = Prediction::kV;
    settings_.guidance_scale = network == "dit" || network == "text" ? 1.5 : 1;
    Calibrate();
    Build(Widths(), folder_ / "supernet");
  }
  ~RecipeNetwork() { std::filesystem::remove_all(folder_); }
  RecipeNetwork(const RecipeNetwork&) = delete;
  RecipeNetwork& operator=(const RecipeNetwork&) = delete;

  static std::vector<BitWidth> Widths() {
    return {BitWidth::Of(3), BitWidth::Of(6), BitWidth::Of(8)};
  }
  const Graph& graph() const { return graph_; }
  const ParameterSet& parameters() const { return parameters_; }
  const QuantScheme& scheme() const { return scheme_; }
  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path path() const { return folder_ / "supernet"; }
  const SamplerSettings& settings() const { return settings_; }
  NoiseSchedule schedule() const { return NoiseSchedule::Make("cosine", kTimesteps); }

  void Build(const std::vector<BitWidth>& widths, const std::filesystem::path& path) const {
    Progress silent;
    Supernet::Build(graph_, parameters_, HashString("model"), widths, path, silent,
                    {recipe_, scheme_, widths, &statistics_, RoundToNearest});
  }
  Supernet Open(const std::filesystem::path& path, const std::vector<BitWidth>& widths) const {
    return {path, graph_, HashString("model"), widths};
  }
  Supernet Open() const { return Open(path(), Widths()); }

  DiffusionSampler Sampler(const RuntimeNetwork& network) const {
    return {network, schedule(), settings_};
  }
  // Labels, or texts that begin with the same token.
  ConditionList Conditions(const DiffusionSampler& sampler) const {
    ConditionList list = sampler.AllLabels();
    const NodeId text = graph_.FindInput("encoder_hidden_states");
    if (text < 0) return list;
    const int64_t elements = ElementsOf(graph_.node(text).shape), first = 16;
    ConditionTensor tensor{std::vector<float>(3 * elements), std::vector<float>(elements)};
    FillNormal(1, RandomPurpose::kTest, 70, tensor.values);
    FillNormal(1, RandomPurpose::kTest, 71, tensor.null_value);
    for (int row = 0; row < 3; ++row) {
      std::copy_n(tensor.null_value.data(), first, tensor.values.data() + row * elements);
    }
    list.tensors["encoder_hidden_states"] = std::move(tensor);
    return list;
  }
  std::vector<float> Sample(const RuntimeNetwork& network, const Candidate& candidate,
                            const QuantTable& table, const SamplerOptions& options = {}) const {
    const DiffusionSampler sampler = Sampler(network);
    return sampler.Sample(sampler.Prepare(candidate, &table),
                          {2, RandomPurpose::kTest, 0, 3, Conditions(sampler)}, options);
  }
  // Three policies over both halves of the timesteps; the last step runs the first layer in float,
  // and float inputs through the integer weights of another.
  Candidate MixedCandidate() const {
    const auto uniform = [&](int weight, int activation) {
      return UniformPolicy(graph_.sites(), BitWidth::Of(weight), BitWidth::Of(activation));
    };
    Policy partly = uniform(6, 8);
    partly[0] = partly[1] = BitWidth::Float();
    const std::vector<QuantSite>& sites = graph_.sites().sites;
    for (size_t s = sites.size(); s-- > 2;) {
      if (sites[s].kind != SiteKind::kActivation || sites[s].keep_float) continue;
      partly[s] = BitWidth::Float();
      break;
    }
    return Candidate::Make(TimestepSequence({45, 30, 20, 3}, kTimesteps),
                           {uniform(8, 8), uniform(3, 6), uniform(3, 6), partly});
  }

 private:
  void Calibrate() {
    statistics_ = CalibrationStatistics(scheme_.ranges(), scheme_.split_guidance ? 2 : 1, 8);
    const RuntimeNetwork network(graph_, parameters_, kernels::BestKernels());
    const DiffusionSampler sampler = Sampler(network);
    SamplerOptions options;
    options.batch = options.threads = 1;
    options.observer = [&](int step, int timestep, int branch, int64_t first, int64_t /*batch*/,
                           NodeId id, const float* x) {
      statistics_.Observe(
          graph_, id, x,
          {first, step, scheme_.RangeOf(timestep), scheme_.split_guidance ? branch : 0});
    };
    const SamplingRun run = sampler.PrepareFloat(UniformTimesteps(6, kTimesteps));
    sampler.Sample(run, {1, RandomPurpose::kCalibration, 0, 4, Conditions(sampler)}, options);
    if (!scheme_.split_guidance || sampler.calls_per_step() == 2) return;
    // Without guidance both branches are the same.
    options.observer = [&](int step, int timestep, int /*branch*/, int64_t first, int64_t /*batch*/,
                           NodeId id, const float* x) {
      statistics_.Observe(graph_, id, x, {first, step, scheme_.RangeOf(timestep), 1});
    };
    sampler.Sample(run, {1, RandomPurpose::kCalibration, 0, 4, Conditions(sampler)}, options);
  }

  Graph graph_;
  ParameterSet parameters_;
  QuantRecipe recipe_;
  QuantScheme scheme_;
  std::filesystem::path folder_;
  SamplerSettings settings_;
  CalibrationStatistics statistics_;
};

}  // namespace tmpq
