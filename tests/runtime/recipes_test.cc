// Every recipe on every kind of network: close to float, the same bytes on every set of kernels,
// from a plan file and from a supernet of one bit-width.
#include <gtest/gtest.h>

#include <cmath>
#include <regex>

#include "src/plan/costs.h"
#include "src/runtime/plan_file.h"
#include "tests/runtime/recipe_network.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

using Case = std::tuple<std::string, std::string>;  // network, recipe

std::string NameOfCase(const testing::TestParamInfo<Case>& info) {
  return std::regex_replace(std::get<0>(info.param) + "_" + std::get<1>(info.param),
                            std::regex("-"), "_");
}

class RecipesTest : public testing::TestWithParam<Case> {
 protected:
  RecipesTest() {
    net_ = std::make_unique<RecipeNetwork>(std::get<0>(GetParam()),
                                           TestedRecipe(std::get<1>(GetParam())), TestPath());
  }
  RuntimeNetwork Runtime(const kernels::KernelSet& kernels = kernels::BestKernels()) const {
    return {net_->graph(), net_->parameters(), kernels};
  }
  Candidate Uniform(int weight, int activation) const {
    return Candidate::Uniform(
        TimestepSequence({40, 10}, RecipeNetwork::kTimesteps),
        UniformPolicy(net_->graph().sites(), BitWidth::Of(weight), BitWidth::Of(activation)));
  }

  std::unique_ptr<RecipeNetwork> net_;
};

// Rounding to 8 bits moves the samples of two steps by no more than 5 % (root of squares), 10 %
// where static ranges of few samples clamp others; 3 bits move them further.
TEST_P(RecipesTest, EightBitsAreCloseToFloat) {
  const RuntimeNetwork network = Runtime();
  const Supernet supernet = net_->Open();
  const DiffusionSampler sampler = net_->Sampler(network);
  const std::vector<float> exact =
      sampler.Sample(sampler.PrepareFloat(Uniform(8, 8).timesteps()),
                     {2, RandomPurpose::kTest, 0, 3, net_->Conditions(sampler)}, {});
  const auto error = [&](int bits) {
    const auto out = net_->Sample(network, Uniform(bits, bits), supernet.weights());
    double difference = 0, size = 0;
    for (size_t i = 0; i < out.size(); ++i) {
      difference += std::pow(out[i] - static_cast<double>(exact[i]), 2);
      size += std::pow(exact[i], 2);
    }
    return std::sqrt(difference / size);
  };
  const double eight = error(8), three = error(3);
  const bool is_static = TestedRecipe(std::get<1>(GetParam())).activation_scales != "token";
  const double bound = is_static ? 0.1 : 0.05;
  std::printf("  8 bits: %.4f of the samples, %.1f times below the bound; 3 bits: %.3f\n", eight,
              bound / eight, three);
  EXPECT_LT(eight, bound);
  EXPECT_GT(three, 2 * eight);
}

TEST_P(RecipesTest, BytesAreTheSameOnAllKernelsAndBatches) {
  const Supernet supernet = net_->Open();
  const std::vector<float> expected = net_->Sample(Runtime(kernels::ReferenceKernels()),
                                                   net_->MixedCandidate(), supernet.weights());
  for (int i = 0; i < kernels::kKernelSetCount; ++i) {
    const kernels::KernelSet& set = *kernels::AllKernels()[i];
    if (!set.supported()) continue;
    for (const int batch : {1, 2, 3}) {
      SamplerOptions options;
      options.batch = batch, options.threads = 1;
      EXPECT_EQ(net_->Sample(Runtime(set), net_->MixedCandidate(), supernet.weights(), options),
                expected)
          << set.name << " in batches of " << batch;
    }
  }
}

TEST_P(RecipesTest, PlansRunTheSameAndHoldWhatTheyCost) {
  const Supernet supernet = net_->Open();
  PlanDescription description;
  description.model_name = "small";
  description.graph = net_->graph();
  description.candidate = net_->MixedCandidate();
  description.schedule = net_->schedule();
  description.sampler = net_->settings();
  description.provenance = Json::object();
  const auto path = net_->folder() / "plan";
  WritePlan(path, description, net_->parameters(), supernet.weights());
  const PlanFile plan(path);
  EXPECT_EQ(plan.weights().scheme(), net_->scheme());
  const RuntimeNetwork network(plan.description().graph, plan.parameters(), kernels::BestKernels());
  EXPECT_EQ(net_->Sample(network, plan.description().candidate, plan.weights()),
            net_->Sample(Runtime(), net_->MixedCandidate(), supernet.weights()));
  // All tensors but the schedule and the static scales of activations.
  const TensorFile file(path);
  const std::regex uncounted("schedule\\..*|.*\\.a[2-8]\\.(scale|offset)");
  int64_t bytes = 0;
  for (const auto& [name, tensor] : file.tensors()) {
    if (!std::regex_match(name, uncounted)) bytes += static_cast<int64_t>(tensor.data.size());
  }
  const SiteTable table = WithScheme(net_->graph().sites(), net_->scheme());
  EXPECT_EQ(bytes, CostsOf(table, description.candidate, 1).bytes);
}

// A layer that a plan leaves in float has nothing else in its file.
TEST_P(RecipesTest, PlansOfFloatLayersOpen) {
  const Supernet supernet = net_->Open();
  PlanDescription description;
  description.graph = net_->graph();
  Policy policy = UniformPolicy(net_->graph().sites(), BitWidth::Of(6), BitWidth::Of(8));
  std::vector<std::string> floats;
  for (size_t s = 0; s < policy.size(); ++s) {
    const std::string& layer = net_->graph().sites().sites[s].layer;
    if (layer == "caption" || layer == "qkv" || layer == "middle") {
      policy[s] = BitWidth::Float(), floats.push_back(layer);
    }
  }
  ASSERT_EQ(floats.size(), 2u);
  description.candidate = Candidate::Uniform(TimestepSequence({9}, 50), policy);
  description.schedule = net_->schedule();
  description.provenance = Json::object();
  WritePlan(net_->folder() / "plan", description, net_->parameters(), supernet.weights());
  const PlanFile plan(net_->folder() / "plan");
  const RuntimeNetwork network(plan.description().graph, plan.parameters(), kernels::BestKernels());
  EXPECT_EQ(net_->Sample(network, plan.description().candidate, plan.weights()),
            net_->Sample(Runtime(), description.candidate, supernet.weights()));
  const TensorFile file(net_->folder() / "plan");
  for (const auto& [name, tensor] : file.tensors()) {
    EXPECT_NE(name.rfind(floats[0] + ".", 0), 0u) << name;
  }
}

TEST_P(RecipesTest, ActivatingEqualsASupernetOfThoseBitsAlone) {
  const RuntimeNetwork network = Runtime();
  const Supernet supernet = net_->Open();
  for (const int bits : {3, 8}) {
    const std::vector<BitWidth> width = {BitWidth::Of(bits)};
    net_->Build(width, net_->folder() / "alone");
    const Supernet alone = net_->Open(net_->folder() / "alone", width);
    EXPECT_EQ(net_->Sample(network, Uniform(bits, bits), supernet.weights()),
              net_->Sample(network, Uniform(bits, bits), alone.weights()))
        << bits;
  }
}

INSTANTIATE_TEST_SUITE_P(All, RecipesTest,
                         testing::Combine(testing::Values("dit", "unet", "split", "text"),
                                          testing::ValuesIn(TestedRecipes())),
                         NameOfCase);

}  // namespace
}  // namespace tmpq
