// A network, calls and statistics small enough to reconstruct in a unit test.
#pragma once

#include "kernels/include/kernels.h"
#include "src/models/dit.h"
#include "src/quant/calibration_calls.h"
#include "src/quant/layer_statistics.h"
#include "src/runtime/network.h"
#include "tests/runtime/small_model.h"

namespace tmpq {

constexpr int kSmallTrainingSteps = 50;

inline Graph TwoBlockDit() {
  DitConfig config;
  config.image_height = config.image_width = 8;
  config.width = 16, config.depth = 2, config.heads = 2, config.classes = 3;
  config.frequency_features = 16;
  return BuildDit(config);
}

// Random inputs of a denoiser; timesteps of the whole range.
inline CalibrationCalls RandomCalls(const Graph& graph, int64_t count) {
  CalibrationCalls calls;
  calls.count = count;
  RandomStream random(4, RandomPurpose::kTest);
  for (const Node& node : graph.nodes()) {
    if (node.kind != OpKind::kInput) continue;
    const auto elements = static_cast<size_t>(count * ElementsOf(node.shape));
    if (node.name == "label") {
      for (size_t i = 0; i < elements; ++i) {
        calls.integers[node.name].push_back(static_cast<int32_t>(random.Below(3)));
      }
      continue;
    }
    std::vector<float>& values = calls.floats[node.name];
    values.resize(elements);
    if (node.name != "timestep") FillNormal(5, RandomPurpose::kTest, 0, values);
  }
  for (int64_t i = 0; i < count; ++i) {
    calls.timesteps.push_back(static_cast<int>(random.Below(kSmallTrainingSteps)));
    calls.branches.push_back(0);
    calls.floats["timestep"][i] = static_cast<float>(calls.timesteps[i]);
  }
  return calls;
}

inline NetworkInputs InputsOf(const CalibrationCalls& calls) {
  NetworkInputs inputs{calls.count, {}, {}};
  for (const auto& [name, values] : calls.floats) inputs.floats[name] = values.data();
  for (const auto& [name, values] : calls.integers) inputs.integers[name] = values.data();
  return inputs;
}

// What the layers of the float network see of the calls.
inline CalibrationStatistics Observe(const Graph& graph, const ParameterSet& parameters,
                                     const QuantScheme& scheme, const CalibrationCalls& calls) {
  CalibrationStatistics statistics(scheme.ranges(), 1, 4);
  const RuntimeNetwork network(graph, parameters, kernels::BestKernels());
  Workspace workspace = network.MakeWorkspace(calls.count);
  std::vector<float> out(calls.count * ElementsOf(graph.output_shape()));
  const LayerObserver observer = [&](NodeId id, const float* x, int64_t batch) {
    const int64_t elements = ElementsOf(graph.node(graph.node(id).inputs[0]).shape);
    for (int64_t i = 0; i < batch; ++i) {
      statistics.Observe(graph, id, x + i * elements,
                         {i, 0, scheme.RangeOf(calls.timesteps[i]), 0});
    }
  };
  network.Run(network.ActivateFloat(), InputsOf(calls), out.data(), workspace, &observer);
  return statistics;
}

}  // namespace tmpq
