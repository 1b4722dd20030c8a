// The LibTorch executor and the runtime mean the same by every op.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "src/core/error.h"
#include "src/runtime/network.h"
#include "src/supernet/supernet.h"
#include "src/torch/simulation.h"
#include "src/torch/torch_device.h"
#include "src/torch/torch_executor.h"
#include "tests/runtime/op_cases.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

constexpr int64_t kBatch = 5;

at::Tensor OutputOf(const Graph& graph, const ParameterSet& parameters,
                    const NetworkSimulation* simulation) {
  const RandomBatch inputs(graph, kBatch);
  TorchExecutor::Tensors tensors, named;
  for (const auto& [name, shape] : graph.parameters())
    tensors[name] = TensorOf(parameters.Get(name), shape);
  for (const Node& node : graph.nodes()) {
    if (node.kind != OpKind::kInput) continue;
    std::vector<int64_t> shape = node.shape;
    shape.insert(shape.begin(), kBatch);
    if (inputs.floats.count(node.name) > 0) {
      named[node.name] = TensorOf(inputs.floats.at(node.name), shape);
    } else {
      const std::vector<int32_t>& rows = inputs.integers.at(node.name);
      named[node.name] = TensorOf(std::vector<int64_t>(rows.begin(), rows.end()), shape);
    }
  }
  return TorchExecutor(graph).Run(tensors, named, simulation);
}

std::vector<float> RunTorch(const Graph& graph, const ParameterSet& parameters,
                            const NetworkSimulation* simulation) {
  const at::Tensor out = OnHost(OutputOf(graph, parameters, simulation));
  return {out.data_ptr<float>(), out.data_ptr<float>() + out.numel()};
}

std::vector<float> RunRuntime(const Graph& graph, const ParameterSet& parameters,
                              const Policy* policy, const QuantTable* table) {
  const RandomBatch inputs(graph, kBatch);
  const RuntimeNetwork network(graph, parameters, kernels::BestKernels());
  Workspace workspace = network.MakeWorkspace(kBatch);
  std::vector<float> out(kBatch * ElementsOf(graph.output_shape()));
  network.Run(policy == nullptr ? network.ActivateFloat() : network.Activate(*policy, table),
              inputs.Inputs(graph, 0, kBatch), out.data(), workspace);
  return out;
}

// The network at uniform bit-widths, rounded to nearest.
NetworkSimulation Simulate(const Graph& graph, const ParameterSet& parameters, int bits) {
  const QuantRecipe recipe;
  const QuantScheme scheme;
  const LayerRequest request{&graph, &parameters, &recipe, &scheme, nullptr, {bits}, {bits}, {}};
  NetworkSimulation simulation(graph);
  for (size_t id = 0; id < graph.nodes().size(); ++id) {
    const Node& node = graph.node(static_cast<NodeId>(id));
    if (node.first_site < 0 || node.kind == OpKind::kAttention) continue;
    const auto layer = static_cast<NodeId>(id);
    simulation.SetLayer(layer, {}, QuantizeLayer(request, layer), 0, bits, bits);
  }
  simulation.SetAttentions(UniformPolicy(graph.sites(), BitWidth::Of(bits), BitWidth::Of(bits)));
  return simulation;
}

// Root of the squared difference relative to the root of the squared values.
double RelativeError(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0, power = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    power += b[i] * b[i];
  }
  return std::sqrt(difference / power);
}

TEST(ParityTest, FloatAgreesToRounding) {
  for (const Graph& graph : OpCases()) {
    const ParameterSet parameters = RandomParameters(graph);
    const double error = RelativeError(RunRuntime(graph, parameters, nullptr, nullptr),
                                       RunTorch(graph, parameters, nullptr));
    RecordProperty("relative_error", std::to_string(error));
    EXPECT_LT(error, 1e-5) << graph.name();
  }
}

// The simulation differs from the integers only where float rounding moves a value across a step.
TEST(ParityTest, SimulationAgreesWithIntegers) {
  const auto path = TestPath();
  Progress silent;
  for (const Graph& graph : OpCases()) {
    if (graph.sites().sites.empty()) continue;
    const ParameterSet parameters = RandomParameters(graph);
    const std::vector<float> exact = RunTorch(graph, parameters, nullptr);
    for (const int bits : {4, 6, 8}) {
      const std::vector<BitWidth> widths = {BitWidth::Of(bits)};
      Supernet::Build(graph, parameters, HashString("m"), widths, path, silent);
      const Supernet supernet(path, graph, HashString("m"), widths);
      const Policy policy = UniformPolicy(graph.sites(), BitWidth::Of(bits), BitWidth::Of(bits));
      const std::vector<float> integers =
          RunRuntime(graph, parameters, &policy, &supernet.weights());
      const NetworkSimulation simulation = Simulate(graph, parameters, bits);
      const std::vector<float> simulated = RunTorch(graph, parameters, &simulation);
      const double to_simulation = RelativeError(integers, simulated);
      const double to_float = RelativeError(integers, exact);
      const std::string what = graph.name() + " at " + std::to_string(bits) + " bits";
      if (graph.sites().sites.size() > 20) {
        // Through many layers, a value that rounds the other way moves others across their steps,
        // until the two errors have little more than their size in common.
        EXPECT_NEAR(RelativeError(simulated, exact) / to_float, 1, 0.25) << what;
      } else {
        EXPECT_LT(to_simulation, 0.3 * to_float) << what;
      }
    }
  }
}

class TorchDeviceTest : public testing::Test {
 protected:
  void TearDown() override { UseTorchDevice("cpu"); }
};

// Tensors of shapes alone refuse to meet the host's: nothing of a call stays behind there.
TEST_F(TorchDeviceTest, CallsRunWhereTheirTensorsAre) {
  UseTorchDevice("meta");
  int whole = 0;
  for (const Graph& graph : OpCases()) {
    const ParameterSet parameters = RandomParameters(graph);
    try {
      EXPECT_TRUE(OutputOf(graph, parameters, nullptr).is_meta()) << graph.name();
      ++whole;
    } catch (const std::exception& error) {  // C++ has no shapes for some: convolutions, masks
      EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("same device"))) << graph.name();
    }
    if (graph.sites().sites.empty()) continue;
    NetworkSimulation simulation = Simulate(graph, parameters, 8);
    for (size_t id = 0; id < graph.nodes().size(); ++id) {
      const auto layer = static_cast<NodeId>(id);
      if (!simulation.Simulates(layer)) continue;
      for (const auto& [role, tensor] : simulation.tensors(layer))
        EXPECT_TRUE(tensor.is_meta()) << graph.node(layer).name << " " << role;
    }
  }
  EXPECT_GE(whole, 30);
}

TEST_F(TorchDeviceTest, SaysWhatThereIsNot) {
  const auto expect = [](const char* device, ErrorCode code) {
    try {
      UseTorchDevice(device);
      ADD_FAILURE() << device;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
    }
  };
  expect("tpu", ErrorCode::kUsage);
  UseTorchDevice("auto");
  if (TorchDeviceName() == "cuda") GTEST_SKIP() << "this LibTorch has a GPU";
  expect("cuda", ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace tmpq
