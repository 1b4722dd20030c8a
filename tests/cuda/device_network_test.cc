// The executor on the emulated device gives the CPU runtime's bytes: every op, every recipe, fused
// or not, captured or not.
#include "src/runtime/device/device_network.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "src/core/error.h"
#include "src/runtime/device/emulated_device.h"
#include "src/supernet/supernet.h"
#include "tests/runtime/op_cases.h"
#include "tests/runtime/recipe_network.h"

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

std::vector<float> RunDevice(const RuntimeNetwork& network, const ActivePolicy& policy,
                             const NetworkInputs& inputs, bool fuse, uint64_t seed = 0) {
  EmulatedDevice device({.seed = seed});
  DeviceNetwork on_device(network, device, inputs.batch, {fuse});
  std::vector<float> out(inputs.batch * ElementsOf(network.graph().output_shape()));
  on_device.Run(policy, inputs, out.data());
  return out;
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
  const auto path = std::filesystem::path(testing::TempDir()) /
                    ("device-conformance-" + std::to_string(GetParam()));
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
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace tmpq
