// The LibTorch executor and the runtime mean the same by every op.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "src/runtime/network.h"
#include "src/supernet/supernet.h"
#include "src/torch/torch_executor.h"
#include "tests/runtime/small_model.h"

namespace tmpq {
namespace {

constexpr int64_t kBatch = 5;

struct Inputs {
  std::vector<float> sample, timestep;
  std::vector<int32_t> label;
};

Inputs RandomInputs() {
  Inputs inputs{std::vector<float>(kBatch * 64), {0, 1, 17, 500, 999}, {0, 1, 2, 3, 1}};
  FillNormal(8, RandomPurpose::kTest, 0, inputs.sample);
  return inputs;
}

std::vector<float> RunTorch(const Graph& graph, const ParameterSet& parameters,
                            const Policy* policy) {
  const Inputs inputs = RandomInputs();
  TorchExecutor::Tensors tensors, named;
  for (const auto& [name, shape] : graph.parameters()) {
    const auto values = parameters.Get(name);
    tensors[name] = at::from_blob(const_cast<float*>(values.data()), shape, at::kFloat).clone();
  }
  named["sample"] =
      at::from_blob(const_cast<float*>(inputs.sample.data()), {kBatch, 8, 8, 1}, at::kFloat)
          .clone();
  named["timestep"] =
      at::from_blob(const_cast<float*>(inputs.timestep.data()), {kBatch}, at::kFloat).clone();
  named["label"] =
      at::from_blob(const_cast<int32_t*>(inputs.label.data()), {kBatch}, at::kInt).to(at::kLong);
  const at::Tensor out = TorchExecutor(graph).Run(tensors, named, policy).contiguous();
  return {out.data_ptr<float>(), out.data_ptr<float>() + out.numel()};
}

std::vector<float> RunRuntime(const Graph& graph, const ParameterSet& parameters,
                              const Policy* policy, const PackedWeightTable* table) {
  const Inputs inputs = RandomInputs();
  const RuntimeNetwork network(graph, parameters, kernels::BestKernels());
  Workspace workspace = network.MakeWorkspace(kBatch);
  std::vector<float> out(kBatch * ElementsOf(graph.output_shape()));
  network.Run(policy == nullptr ? network.ActivateFloat() : network.Activate(*policy, table),
              {kBatch, inputs.sample.data(), inputs.timestep.data(), inputs.label.data()},
              out.data(), workspace);
  return out;
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
  for (const Graph& graph : {SmallDenoiser(), SmallClassifier()}) {
    const ParameterSet parameters = RandomParameters(graph);
    const double error = RelativeError(RunRuntime(graph, parameters, nullptr, nullptr),
                                       RunTorch(graph, parameters, nullptr));
    RecordProperty("relative_error", std::to_string(error));
    EXPECT_LT(error, 1e-5) << graph.name();
  }
}

// The simulation differs from the integers only where float rounding moves a value across a step.
TEST(ParityTest, SimulationAgreesWithIntegers) {
  const Graph graph = SmallDenoiser();
  const ParameterSet parameters = RandomParameters(graph);
  const std::vector<float> exact = RunTorch(graph, parameters, nullptr);
  const auto path = std::filesystem::path(testing::TempDir()) / "parity_test.supernet";
  Progress silent;
  for (const int bits : {4, 6, 8}) {
    const std::vector<BitWidth> widths = {BitWidth::Of(bits)};
    Supernet::Build(graph, parameters, HashString("m"), widths, path, silent);
    const Supernet supernet(path, graph, HashString("m"), widths);
    const Policy policy = UniformPolicy(graph.sites(), BitWidth::Of(bits), BitWidth::Of(bits));
    const std::vector<float> integers = RunRuntime(graph, parameters, &policy, &supernet.weights());
    const double to_simulation = RelativeError(integers, RunTorch(graph, parameters, &policy));
    const double to_float = RelativeError(integers, exact);
    EXPECT_LT(to_simulation, 0.2 * to_float) << bits;
  }
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace tmpq
