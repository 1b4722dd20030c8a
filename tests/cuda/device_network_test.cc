// The executor on the emulated device gives the CPU runtime's bytes: every op, every recipe, fused
// or not, captured or not.
#include "src/runtime/device/device_network.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "kernels/cuda/instances.h"
#include "src/core/error.h"
#include "src/models/model_file.h"
#include "src/runtime/device/device_sampling.h"
#include "src/runtime/device/emulated_device.h"
#include "src/supernet/supernet.h"
#include "tests/runtime/op_cases.h"
#include "tests/runtime/recipe_network.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

constexpr int64_t kBatch = 3;

std::vector<float> RunHost(const RuntimeNetwork& network, const ActivePolicy& policy,
                           const NetworkInputs& inputs) {
  Workspace workspace = network.MakeWorkspace(inputs.batch);
  std::vector<float> out(inputs.batch * ElementsOf(network.graph().output_shape()));
  network.Run(policy, inputs, out.data(), workspace);
  return out;
}

std::vector<float> RunOn(Device& device, const RuntimeNetwork& network, const ActivePolicy& policy,
                         const NetworkInputs& inputs, bool fuse) {
  DeviceNetwork on_device(network, device, inputs.batch, {fuse});
  std::vector<float> out(inputs.batch * ElementsOf(network.graph().output_shape()));
  on_device.Run(policy, inputs, out.data());
  return out;
}

// On the emulated device; where this machine has a GPU, the same bytes are expected of it.
std::vector<float> RunDevice(const RuntimeNetwork& network, const ActivePolicy& policy,
                             const NetworkInputs& inputs, bool fuse, uint64_t seed = 0) {
  static const std::unique_ptr<Device> gpu = []() -> std::unique_ptr<Device> {
    try {
      return OpenCudaDevice();
    } catch (const Error&) {
      return nullptr;  // GpuTest says so
    }
  }();
  // What is not fused runs on a device that multiplies bytes alone.
  EmulatedDevice device({.seed = seed, .multiplies_nibbles = fuse});
  const std::vector<float> out = RunOn(device, network, policy, inputs, fuse);
  if (gpu != nullptr) {
    EXPECT_EQ(RunOn(*gpu, network, policy, inputs, fuse), out) << gpu->name();
  }
  return out;
}

TEST(GpuTest, IsThereOrSaysWhyNot) {
  try {
    OpenCudaDevice();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), 1);
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    GTEST_SKIP() << error.what();
  }
}

class DeviceConformanceTest : public testing::TestWithParam<int> {};

INSTANTIATE_TEST_SUITE_P(Ops, DeviceConformanceTest,
                         testing::Range(0, static_cast<int>(OpCases().size())),
                         [](const auto& row) {
                           std::string name = OpCases()[row.param].name();
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name + "_" + std::to_string(row.param);
                         });

TEST_P(DeviceConformanceTest, GivesTheRuntimesBytes) {
  const Graph graph = OpCases()[GetParam()];
  const auto path = TestPath();
  const std::vector<BitWidth> widths = {BitWidth::Of(3), BitWidth::Of(8)};
  Progress silent;
  Supernet::Build(graph, RandomParameters(graph), HashString("m"), widths, path, silent);
  const Supernet supernet(path, graph, HashString("m"), widths);
  const RuntimeNetwork network(graph, RandomParameters(graph), kernels::BestKernels());
  const RandomBatch random(graph, kBatch);
  const NetworkInputs inputs = random.Inputs(graph, 0, kBatch);
  for (const int bits : {0, 3, 8}) {
    const BitWidth width = bits == 0 ? BitWidth::Float() : BitWidth::Of(bits);
    const ActivePolicy policy =
        network.Activate(UniformPolicy(graph.sites(), width, width), &supernet.weights());
    const auto expected = RunHost(network, policy, inputs);
    for (const bool fuse : {false, true})
      EXPECT_EQ(RunDevice(network, policy, inputs, fuse, bits), expected) << bits << " bits";
  }
}

// Networks of each kind under every recipe: zero points, groups, static scales, balancing,
// rotation, float branches.
class DeviceRecipeTest : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Recipes, DeviceRecipeTest, testing::ValuesIn(TestedRecipes()),
                         [](const auto& row) {
                           std::string name = row.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST_P(DeviceRecipeTest, GivesTheRuntimesBytes) {
  for (const std::string kind : {"dit", "unet", "text"}) {
    const RecipeNetwork net(kind, TestedRecipe(GetParam()), TestPath());
    const Supernet supernet = net.Open();
    const RuntimeNetwork network(net.graph(), net.parameters(), kernels::BestKernels());
    const RandomBatch random(net.graph(), kBatch);
    const NetworkInputs inputs = random.Inputs(net.graph(), 0, kBatch);
    for (const int bits : {3, 8}) {
      const Policy policy =
          UniformPolicy(net.graph().sites(), BitWidth::Of(bits), BitWidth::Of(bits));
      const ActivePolicy active = network.Activate(policy, &supernet.weights());
      EXPECT_EQ(RunDevice(network, active, inputs, true), RunHost(network, active, inputs))
          << kind << " at " << bits << " bits";
    }
  }
}

// A policy with a width of its own for every site.
Policy MixedPolicy(const Graph& graph) {
  Policy policy;
  for (const QuantSite& site : graph.sites().sites) {
    const int bits = 2 + static_cast<int>(policy.size() % 7);
    policy.push_back(BitWidth::Of(site.kind == SiteKind::kSoftmax && bits % 2 ? 16 : bits));
  }
  return policy;
}

std::vector<BitWidth> AllWidths() {
  std::vector<BitWidth> widths;
  for (int bits = 2; bits <= 8; ++bits) widths.push_back(BitWidth::Of(bits));
  return widths;
}

class BundledModelTest : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Models, BundledModelTest,
                         testing::Values("fashion-dit", "fashion-unet", "scenes-pixart",
                                         "sprites-stdit"),
                         [](const auto& row) {
                           std::string name = row.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// One call of each bundled model, every site at a width of its own.
TEST_P(BundledModelTest, GivesTheRuntimesBytes) {
  const std::filesystem::path folder = std::string(TMPQ_SOURCE_DIR) + "/checkpoints/" + GetParam();
  const ModelFile model = ModelFile::Load(folder / "weights.safetensors");
  const auto path = TestPath();
  Progress silent;
  Supernet::Build(model.graph, model.parameters, model.hash, AllWidths(), path, silent);
  const Supernet supernet(path, model.graph, model.hash, AllWidths());
  const RuntimeNetwork network(model.graph, model.parameters, kernels::BestKernels());
  const RandomBatch random(model.graph, 1);
  const NetworkInputs inputs = random.Inputs(model.graph, 0, 1);
  const ActivePolicy policy = network.Activate(MixedPolicy(model.graph), &supernet.weights());
  EXPECT_EQ(RunDevice(network, policy, inputs, true), RunHost(network, policy, inputs));
}

// A graph with random parameters, packed at all bit-widths.
struct Quantized {
  explicit Quantized(const Graph& graph)
      : network(graph, RandomParameters(graph), kernels::BestKernels()) {
    Progress silent;
    const auto path = TestPath();
    Supernet::Build(graph, RandomParameters(graph), HashString("m"), AllWidths(), path, silent);
    supernet = std::make_unique<Supernet>(path, graph, HashString("m"), AllWidths());
  }
  RuntimeNetwork network;
  std::unique_ptr<Supernet> supernet;
};

// A graph of launches is replayed on other inputs; fusion saves launches.
TEST(DeviceNetworkTest, CapturesACall) {
  const Graph graph = SmallDenoiser();
  const Quantized quantized(graph);
  const RuntimeNetwork& network = quantized.network;
  const ActivePolicy policy = network.Activate(MixedPolicy(graph), &quantized.supernet->weights());
  const RandomBatch random(graph, 4);
  int64_t launches[2];
  for (const bool fuse : {false, true}) {
    EmulatedDevice device;
    DeviceNetwork on_device(network, device, 2, {fuse});
    const auto captured = on_device.Capture(policy, 2);
    EXPECT_EQ(device.launches(), 0);
    for (const int64_t first : {0, 2}) {
      const NetworkInputs inputs = random.Inputs(graph, first, 2);
      std::vector<float> out(2 * ElementsOf(graph.output_shape()));
      on_device.RunCaptured(*captured, inputs, out.data());
      EXPECT_EQ(out, RunHost(network, policy, inputs));
    }
    launches[fuse ? 1 : 0] = device.launches();
  }
  EXPECT_EQ(launches[0] - launches[1], 2 * 5);  // silu, norm, modulate, gelu, gated add
}

// A residual block's beginning: one launch for the normalization and what follows it, and a product
// whose few outputs and many inputs are split between blocks.
TEST(DeviceNetworkTest, ActivatesWhileItNormalizesAndSplitsLongProducts) {
  GraphBuilder b("block");
  const NodeId x = b.Silu("silu", b.GroupNorm("norm", b.Input("x", {4, 4, 64}), 4));
  const Graph graph = b.Finish(b.Conv2d("conv", x, 64, 3, 1, 1, LayerGroup::kConvolution));
  const Quantized quantized(graph);
  const RuntimeNetwork& network = quantized.network;
  const ActivePolicy policy = network.Activate(MixedPolicy(graph), &quantized.supernet->weights());
  const RandomBatch random(graph, 2);
  const NetworkInputs inputs = random.Inputs(graph, 0, 2);
  const std::vector<float> expected = RunHost(network, policy, inputs);
  for (const bool fuse : {false, true}) {
    EmulatedDevice device;
    EXPECT_EQ(RunOn(device, network, policy, inputs, fuse), expected);
    const auto counters = device.counters();
    EXPECT_EQ(counters.count(gpu::ElementwiseKernel::kName), fuse ? 0u : 1u);
    EXPECT_EQ(counters.count(gpu::FinishSplitKernel::kName), 1u);
  }
}

// At 4 bits and fewer, where the device can: products of twice as many inputs an instruction.
TEST(DeviceNetworkTest, MultipliesNibblesWhereTheDeviceCan) {
  GraphBuilder b("long");
  const Graph graph =
      b.Finish(b.Linear("linear", b.Input("x", {5, 300}), 70, LayerGroup::kFeedForward));
  const Quantized quantized(graph);
  const RuntimeNetwork& network = quantized.network;
  const RandomBatch random(graph, 2);
  const NetworkInputs inputs = random.Inputs(graph, 0, 2);
  for (const auto& [weight, activation, fewer] :
       {std::tuple{4, 4, true}, {3, 2, true}, {4, 5, false}, {5, 4, false}}) {
    const ActivePolicy policy = network.Activate(
        UniformPolicy(graph.sites(), BitWidth::Of(weight), BitWidth::Of(activation)),
        &quantized.supernet->weights());
    int64_t mma[2];
    for (const bool nibbles : {false, true}) {
      EmulatedDevice device({.multiplies_nibbles = nibbles});
      EXPECT_EQ(RunOn(device, network, policy, inputs, true), RunHost(network, policy, inputs));
      mma[nibbles ? 1 : 0] = device.counters().at(gpu::GemmSmall<8>::kName).mma;
    }
    EXPECT_EQ(mma[1] < mma[0], fewer) << "W" << weight << "A" << activation;
  }
}

// Guided sampling with float and mixed steps through captured calls.
TEST(DeviceNetworkTest, SamplesLikeTheRuntime) {
  const Graph graph = SmallDenoiser();
  const Quantized quantized(graph);
  const RuntimeNetwork& network = quantized.network;
  SamplerSettings settings;
  settings.prediction = Prediction::kV, settings.guidance_scale = 1.5;
  const DiffusionSampler sampler(network, NoiseSchedule::Make("cosine", 50), settings);
  const Candidate candidate = Candidate::Make(
      TimestepSequence({49, 30, 11}, 50),
      {MixedPolicy(graph), UniformPolicy(graph.sites(), BitWidth::Float(), BitWidth::Float()),
       MixedPolicy(graph)});
  const SamplingRun run = sampler.Prepare(candidate, &quantized.supernet->weights());
  const SampleRequest request{3, RandomPurpose::kTest, 0, 5, sampler.AllLabels()};
  EmulatedDevice device;
  SamplerOptions options;
  options.batch = 2, options.network_call = MakeDeviceCalls(network, device, 4)();
  EXPECT_EQ(sampler.Sample(run, request, options), sampler.Sample(run, request, {}));
  EXPECT_GT(device.launches(), 0);
}

TEST(DeviceNetworkTest, SaysThatMemoryIsUsedUp) {
  const Graph graph = SmallDenoiser();
  const RuntimeNetwork network(graph, RandomParameters(graph), kernels::BestKernels());
  EmulatedDevice device({.memory_bytes = 1000});
  try {
    DeviceNetwork on_device(network, device, 8);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), 1);
    EXPECT_NE(std::string(error.what()).find("no memory"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace tmpq
