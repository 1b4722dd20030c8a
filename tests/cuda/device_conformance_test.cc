// The executor on a device gives the CPU runtime's bytes: every op, every recipe, the bundled
// models, every sampler, fused or not. Compiled twice: on the emulated device (label cuda), and on
// this machine's GPU, where it has one (TMPQ_TEST_GPU, label gpu).
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>

#include "src/core/error.h"
#include "src/models/model_file.h"
#include "src/runtime/device/device_sampling.h"
#include "src/runtime/device/emulated_device.h"
#include "src/supernet/supernet.h"
#include "tests/cuda/device_calls.h"
#include "tests/runtime/op_cases.h"
#include "tests/runtime/recipe_network.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

constexpr int64_t kBatch = 3;

#if defined(TMPQ_TEST_GPU)
// Null, and a skipped test that says why, where there is none.
std::unique_ptr<Device> OpenDevice(uint64_t, bool) {
  try {
    return OpenCudaDevice();
  } catch (const Error&) {
    return nullptr;
  }
}
#define TMPQ_SKIP_WITHOUT_DEVICE() \
  if (OpenDevice(0, true) == nullptr) GTEST_SKIP() << "this machine has no usable NVIDIA GPU"
#else
// What is not fused runs on a device that multiplies bytes alone.
std::unique_ptr<Device> OpenDevice(uint64_t seed, bool fuse) {
  return std::make_unique<EmulatedDevice>(
      EmulatedDeviceOptions{.seed = seed, .multiplies_nibbles = fuse});
}
#define TMPQ_SKIP_WITHOUT_DEVICE()
#endif

std::vector<float> RunDevice(const RuntimeNetwork& network, const ActivePolicy& policy,
                             const NetworkInputs& inputs, bool fuse, uint64_t seed = 0) {
  return RunOn(*OpenDevice(seed, fuse), network, policy, inputs, fuse);
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
                         testing::Range(0, static_cast<int>(OpCases().size())), OpCaseName);

TEST_P(DeviceConformanceTest, GivesTheRuntimesBytes) {
  TMPQ_SKIP_WITHOUT_DEVICE();
  const Graph graph = OpCases()[GetParam()];
  const auto path = TestPath();
  const std::vector<BitWidth> widths = {BitWidth::Of(3), BitWidth::Of(8)};
  Progress silent;
  Supernet::Build(graph, RandomParameters(graph), HashString("m"), widths, path, silent);
  const Supernet supernet(path, graph, HashString("m"), widths);
  const RuntimeNetwork network(graph, RandomParameters(graph), kernels::BestKernels());
  const RandomBatch random(graph, kBatch);
  const NetworkInputs inputs = random.Inputs(graph, 0, kBatch);
  for (const auto& [weight, activation, storage] : kConformancePolicies) {
    ActivePolicy policy = network.Activate(
        UniformPolicy(graph.sites(), BitWidth::Of(weight), BitWidth::Of(activation)),
        &supernet.weights());
    policy.storage = storage;
    const auto expected = RunHost(network, policy, inputs);
    for (const bool fuse : {false, true}) {
      EXPECT_EQ(RunDevice(network, policy, inputs, fuse, weight), expected)
          << "W" << weight << "A" << activation << ", storage " << static_cast<int>(storage);
    }
  }
}

// Networks of each kind under every recipe: zero points, groups, static scales, balancing,
// rotation, float branches.
class DeviceRecipeTest : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Recipes, DeviceRecipeTest, testing::ValuesIn(TestedRecipes()),
                         [](const auto& row) { return TestName(row.param); });

TEST_P(DeviceRecipeTest, GivesTheRuntimesBytes) {
  TMPQ_SKIP_WITHOUT_DEVICE();
  for (const std::string kind : {"dit", "unet", "text"}) {
    const RecipeNetwork net(kind, TestedRecipe(GetParam()), TestPath());
    const Supernet supernet = net.Open();
    const RuntimeNetwork network(net.graph(), net.parameters(), kernels::BestKernels());
    const RandomBatch random(net.graph(), kBatch);
    const NetworkInputs inputs = random.Inputs(net.graph(), 0, kBatch);
    for (const auto& [weight, activation] : {std::pair{3, 3}, {8, 8}, {6, 32}}) {
      const Policy policy =
          UniformPolicy(net.graph().sites(), BitWidth::Of(weight), BitWidth::Of(activation));
      ActivePolicy active = network.Activate(policy, &supernet.weights());
      if (weight == 8) active.storage = kernels::Storage::kFloat16;
      EXPECT_EQ(RunDevice(network, active, inputs, true), RunHost(network, active, inputs))
          << kind << " at W" << weight << "A" << activation;
    }
  }
}

class BundledModelTest : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Models, BundledModelTest,
                         testing::Values("fashion-dit", "fashion-unet", "scenes-pixart",
                                         "sprites-stdit"),
                         [](const auto& row) { return TestName(row.param); });

// One call of each bundled model, every site at a width of its own.
TEST_P(BundledModelTest, GivesTheRuntimesBytes) {
  TMPQ_SKIP_WITHOUT_DEVICE();
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

// Guided sampling with float and mixed steps, in whole loops.
class DeviceSamplersTest : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Samplers, DeviceSamplersTest,
                         testing::Values("ddim", "ddpm", "dpmpp-2m", "unipc"));

TEST_P(DeviceSamplersTest, GivesTheRuntimesBytes) {
  TMPQ_SKIP_WITHOUT_DEVICE();
  const Graph graph = SmallDenoiser();
  const auto path = TestPath();
  Progress silent;
  Supernet::Build(graph, RandomParameters(graph), HashString("m"), AllWidths(), path, silent);
  const Supernet supernet(path, graph, HashString("m"), AllWidths());
  const RuntimeNetwork network(graph, RandomParameters(graph), kernels::BestKernels());
  SamplerSettings settings;
  settings.method = GetParam(), settings.guidance_scale = 1.5;
  const DiffusionSampler sampler(network, NoiseSchedule::Make("cosine", 50), settings);
  const Candidate candidate = Candidate::Make(
      TimestepSequence({49, 30, 11}, 50),
      {MixedPolicy(graph), UniformPolicy(graph.sites(), BitWidth::Float(), BitWidth::Float()),
       MixedPolicy(graph)});
  const SamplingRun run = sampler.Prepare(candidate, &supernet.weights());
  const SampleRequest request{3, RandomPurpose::kTest, 0, 5, sampler.AllLabels()};
  const std::unique_ptr<Device> device = OpenDevice(0, true);
  SamplerOptions options;
  options.batch = 2, options.network_call = MakeDeviceCalls(network, *device, 4)();
  EXPECT_EQ(sampler.Sample(run, request, options), sampler.Sample(run, request, {}));
}

}  // namespace
}  // namespace tmpq
