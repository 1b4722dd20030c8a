// What is exported of a plan is what its runtime multiplies with, whatever the recipe.
#include "src/eval/export/plan_export.h"

#include <gtest/gtest.h>

#include <regex>

#include "src/core/aligned.h"
#include "src/core/file.h"
#include "src/eval/export/diffusers_timesteps.h"
#include "src/eval/export/exported_weights.h"
#include "tests/eval/expect_error.h"
#include "tests/runtime/recipe_network.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

using Case = std::tuple<std::string, std::string>;  // network, recipe

// The plan of a small network's mixed candidate.
std::filesystem::path WritePlanOf(const RecipeNetwork& net, const Candidate& candidate) {
  PlanDescription description;
  description.model_name = "small";
  description.graph = net.graph();
  description.candidate = candidate;
  description.schedule = net.schedule();
  description.sampler = net.settings();
  description.provenance = Json::object();
  const auto path = net.folder() / "plan.safetensors";
  const Supernet supernet = net.Open();
  WritePlan(path, description, net.parameters(), supernet.weights());
  return path;
}

// The product of the identity, as integers of scale 1, with a plan's weights, by the kernels that
// run plans: (inputs, outputs).
std::vector<float> ProductWithIdentity(const PackedWeightView& view, int64_t n, int64_t k) {
  const int64_t stride = (k + 3) / 4 * 4;
  std::vector<int8_t> identity(k * stride);
  for (int64_t i = 0; i < k; ++i) identity[i * stride + i] = 1;
  const std::vector<float> ones(k, 1.0f);
  std::vector<float> out(k * n);
  const kernels::KernelSet& kernels = kernels::ReferenceKernels();
  AlignedVector<uint8_t> scratch;
  scratch.resize(kernels::LinearIntScratchBytes(n, k));
  kernels::LinearIntArgs args;
  args.m = k, args.n = n, args.k = k;
  args.a = identity.data(), args.a_scale = ones.data();
  args.weights = view.data, args.bits = view.bits, args.stored_bits = view.stored_bits;
  args.w_scale = view.scale, args.w_offset = view.offset, args.group = view.group;
  args.out = out.data(), args.out_stride = n, args.scratch = scratch.data();
  kernels.linear_int(args);
  return out;
}

class PlanExportTest : public testing::TestWithParam<Case> {};

TEST_P(PlanExportTest, FloatsAreCodesTimesScalesAndWhatTheKernelsMultiplyWith) {
  const RecipeNetwork net(std::get<0>(GetParam()), TestedRecipe(std::get<1>(GetParam())),
                          TestPath());
  const PlanFile plan(WritePlanOf(net, net.MixedCandidate()));
  ExportPlan(plan, net.folder() / "out", false);
  const TensorFile floats(net.folder() / "out" / kExportedWeights),
      codes(net.folder() / "out" / kExportedCodes);
  int layers = 0;
  for (const ExportedWeights& weights : WeightsInUse(plan)) {
    const QuantSite& site = net.graph().sites().sites[weights.site];
    const auto values = floats.Floats(weights.weight_name);
    if (weights.codes_name.empty()) {
      const auto expected = net.parameters().Get(site.layer + ".weight");
      EXPECT_TRUE(std::equal(values.begin(), values.end(), expected.begin(), expected.end()));
      continue;
    }
    const int64_t n = site.output_features, k = site.input_features;
    const TensorView& q = codes.Get(weights.codes_name + ".codes");
    EXPECT_EQ(q.dtype, DType::kI8);
    EXPECT_EQ(q.shape, floats.Get(weights.weight_name).shape);
    const auto scale = codes.Floats(weights.codes_name + ".scale");
    const bool offsets = codes.Has(weights.codes_name + ".offset");
    const PackedWeightView& view = plan.weights().Weights(weights.site, BitWidth::Of(weights.bits),
                                                          std::max(weights.range, 0));
    const std::vector<float> product = ProductWithIdentity(view, n, k);
    int64_t wrong = 0;
    for (int64_t i = 0; i < n * k; ++i) {
      const int64_t at = (view.group > 0 ? i % k / view.group : 0) * n + i / k;
      int code = static_cast<int8_t>(q.data[i]);
      const int most = (1 << (weights.bits - 1)) - 1;
      wrong += code > most || code < -most - (offsets ? 1 : 0) ? 1 : 0;
      if (offsets) code += codes.Int32s(weights.codes_name + ".offset")[at];
      const float value = static_cast<float>(code) * scale[at];
      wrong += values[i] != value || values[i] != product[i % k * n + i / k] ? 1 : 0;
    }
    EXPECT_EQ(wrong, 0) << weights.codes_name;
    ++layers;
  }
  EXPECT_GT(layers, 4);
  for (const auto& [name, shape] : net.graph().parameters()) {
    if (name.find(".bias") == std::string::npos) continue;
    EXPECT_EQ(floats.Get(name).shape, shape) << name;
  }
}

std::string NameOfCase(const testing::TestParamInfo<Case>& info) {
  return std::regex_replace(std::get<0>(info.param) + "_" + std::get<1>(info.param),
                            std::regex("-"), "_");
}

INSTANTIATE_TEST_SUITE_P(All, PlanExportTest,
                         testing::Combine(testing::Values("dit", "unet"),
                                          testing::ValuesIn(TestedRecipes())),
                         NameOfCase);

TEST(PlanExportFilesTest, PolicyAndTimestepsSayWhatThePlanDoes) {
  const RecipeNetwork net("dit", FindRecipe("naive"), TestPath());
  const PlanFile plan(WritePlanOf(net, net.MixedCandidate()));
  const Json policy = PolicyJson(plan);
  ASSERT_EQ(policy["steps"].size(), 4u);
  EXPECT_EQ(policy["steps"][1], (Json{{"timestep", 30}, {"policy", 1}}));
  EXPECT_EQ(policy["steps"][2]["policy"], 1);
  ASSERT_EQ(policy["policies"].size(), 3u);
  EXPECT_EQ(policy["policies"][1]["fc1"], (Json{{"weight", 3}, {"activation", 6}}));
  EXPECT_EQ(policy["policies"][2]["patches"]["weight"], 32);
  EXPECT_EQ(policy["policies"][0]["attention"]["softmax"], 8);
  EXPECT_EQ(policy["layers"][0]["name"], "patches");
  EXPECT_EQ(policy["layers"][0]["weights"].size(), 3u);  // 3, 8, float
  EXPECT_EQ(policy["layers"][0]["weights"][0]["tensor"], "patches.w3.weight");
  EXPECT_GT(policy["costs"]["bitops"], 0);
  const Json timesteps = TimestepsJson(plan);
  EXPECT_EQ(timesteps["timesteps"], (std::vector<int>{45, 30, 20, 3}));
  EXPECT_EQ(timesteps["schedule"]["alpha_bar"].size(), 50u);
  EXPECT_EQ(timesteps["sampler"]["method"], "ddim");
}

// A layer of one bit-width has the model's own name, so that a float model loads it.
TEST(PlanExportFilesTest, OneBitWidthHasTheParametersName) {
  const RecipeNetwork net("dit", FindRecipe("naive"), TestPath());
  const Policy policy = UniformPolicy(net.graph().sites(), BitWidth::Of(6), BitWidth::Of(8));
  const PlanFile plan(WritePlanOf(net, Candidate::Uniform(TimestepSequence({45, 3}, 50), policy)));
  ExportPlan(plan, net.folder() / "out", false);
  const ParameterSet loaded =
      ParameterSet::Load(TensorFile(net.folder() / "out" / kExportedWeights), net.graph());
  EXPECT_EQ(loaded.values().size(), net.graph().parameters().size());
}

TEST(PlanExportFilesTest, FoldersAreNotOverwrittenUnasked) {
  const RecipeNetwork net("dit", FindRecipe("naive"), TestPath());
  const PlanFile plan(WritePlanOf(net, net.MixedCandidate()));
  ExpectError([&] { ExportPlan(plan, net.folder(), false); }, "--overwrite");
  ExpectError([&] { ExportPlan(plan, net.folder() / "plan.safetensors", false); }, "exists");
  ExportPlan(plan, net.folder() / "out", false);
  const std::string first = ReadFile(net.folder() / "out" / kExportedWeights);
  ExportPlan(plan, net.folder() / "out", true);
  EXPECT_EQ(ReadFile(net.folder() / "out" / kExportedWeights), first);
}

TEST(DiffusersTimestepsTest, NamesASchedulerOrWhyThereIsNone) {
  const TimestepSequence timesteps({900, 500, 20}, 1000);
  SamplerSettings sampler;
  NoiseSchedule schedule = NoiseSchedule::Make("cosine", 1000);
  const Json euler = DiffusersScheduler(schedule, sampler, timesteps);
  EXPECT_EQ(euler["class"], "EulerDiscreteScheduler");
  EXPECT_EQ(euler["set_timesteps"]["timesteps"], timesteps.values());
  // The betas make the table again.
  double alpha_bar = 1;
  const auto betas = euler["config"]["trained_betas"].get<std::vector<double>>();
  ASSERT_EQ(betas.size(), 1000u);
  for (int t = 0; t < 1000; ++t) {
    alpha_bar *= 1 - betas[t];
    EXPECT_NEAR(alpha_bar / schedule.alpha_bar[t], 1, 1e-12) << t;
  }
  sampler.eta = 0.5;
  EXPECT_TRUE(DiffusersScheduler(schedule, sampler, timesteps)["class"].is_null());
  sampler.method = "unipc";
  const Json none = DiffusersScheduler(schedule, sampler, timesteps);
  EXPECT_NE(none["reason"].get<std::string>().find("unipc"), std::string::npos);
  sampler.method = "ddpm", sampler.learned_variance = true;
  EXPECT_EQ(DiffusersScheduler(schedule, sampler, timesteps)["config"]["variance_type"],
            "learned_range");
  schedule.final_alpha_bar = 0.99;
  EXPECT_TRUE(DiffusersScheduler(schedule, sampler, timesteps)["class"].is_null());
  sampler.method = "euler-flow", sampler.prediction = Prediction::kFlow;
  const Json flow = DiffusersScheduler(NoiseSchedule::Make("flow", 1000), sampler, timesteps);
  EXPECT_EQ(flow["set_timesteps"]["sigmas"], (std::vector<double>{0.9, 0.5, 0.02}));
}

}  // namespace
}  // namespace tmpq
