// What the executor makes launches of: captured calls, fused neighbours, split products, nibbles.
// That its bytes are the CPU's is shown in device_conformance_test.cc.
#include "src/runtime/device/device_network.h"

#include <gtest/gtest.h>

#include "kernels/cuda/instances.h"
#include "src/core/error.h"
#include "src/runtime/device/emulated_device.h"
#include "src/supernet/supernet.h"
#include "tests/cuda/device_calls.h"
#include "tests/runtime/random_batch.h"
#include "tests/runtime/small_model.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

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
  const ActivePolicy policy =
      network.Activate(UniformPolicy(graph.sites(), BitWidth::Of(8), BitWidth::Of(8)),
                       &quantized.supernet->weights());
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
void ExpectNibbles(const Graph& graph) {
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

TEST(DeviceNetworkTest, MultipliesNibblesWhereTheDeviceCan) {
  GraphBuilder l("long"), w("windows");
  ExpectNibbles(l.Finish(l.Linear("linear", l.Input("x", {5, 300}), 70, LayerGroup::kFeedForward)));
  const NodeId x = w.Input("x", {5, 6, 32});
  ExpectNibbles(w.Finish(w.Conv2d("conv", x, 20, 3, 1, 1, LayerGroup::kConvolution)));
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
