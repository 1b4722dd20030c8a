#include "bench/torch_candidate.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cstring>
#include <vector>

#include "src/torch/torch_executor.h"

namespace tmpq {

struct TorchCandidates::State {
  const Graph& graph;
  TorchExecutor executor;
  TorchExecutor::Tensors parameters;

  NetworkSimulation Quantize(const Policy& policy) const {
    NetworkSimulation simulation(graph);
    for (size_t i = 0; i < graph.nodes().size(); ++i) {
      const auto id = static_cast<NodeId>(i);
      const Node& node = graph.node(id);
      if (node.first_site < 0 || node.kind == OpKind::kAttention) continue;
      const int weight_bits = policy[node.first_site].bits(),
                activation_bits = policy[node.first_site + 1].bits();
      const at::Tensor weight = parameters.at(node.name + ".weight").flatten(1);
      simulation.SetLayer(id, LayerScheme(), QuantizeRows(weight, weight_bits, /*symmetric=*/true),
                          activation_bits);
    }
    simulation.SetAttentions(policy);
    return simulation;
  }

  void Call(const NetworkSimulation& simulation, const NetworkInputs& inputs, float* output) const {
    TorchExecutor::Tensors tensors;
    const auto shape_of = [&](const std::string& name) {
      Shape shape = graph.node(graph.FindInput(name)).shape;
      shape.insert(shape.begin(), inputs.batch);
      return shape;
    };
    for (const auto& [name, values] : inputs.floats) {
      tensors[name] = at::from_blob(const_cast<float*>(values), shape_of(name), at::kFloat);
    }
    for (const auto& [name, values] : inputs.integers) {
      tensors[name] =
          at::from_blob(const_cast<int32_t*>(values), shape_of(name), at::kInt).to(at::kLong);
    }
    const at::Tensor out = executor.Run(parameters, tensors, &simulation).contiguous();
    std::memcpy(output, out.const_data_ptr<float>(), out.numel() * sizeof(float));
  }
};

TorchCandidates::TorchCandidates(const Graph& graph, const ParameterSet& parameters)
    : state_(new State{graph, TorchExecutor(graph), {}}) {
  for (const auto& [name, shape] : graph.parameters()) {
    auto* values = const_cast<float*>(parameters.Get(name).data());
    state_->parameters[name] = at::from_blob(values, shape, at::kFloat).clone();
  }
}

TorchCandidates::~TorchCandidates() = default;

std::vector<float> TorchCandidates::Sample(const DiffusionSampler& sampler,
                                           const Candidate& candidate,
                                           const SampleRequest& request) {
  const at::NoGradGuard no_grad;
  std::vector<NetworkSimulation> simulations;
  for (const Policy& policy : candidate.policies()) {
    simulations.push_back(state_->Quantize(policy));
  }
  SamplingRun run{candidate.timesteps(),
                  std::vector<ActivePolicy>(simulations.size(), sampler.network().ActivateFloat()),
                  {}};
  for (int k = 0; k < candidate.steps(); ++k) {
    run.policy_of_step.push_back(candidate.policy_index(k));
  }
  SamplerOptions options;
  options.batch = request.count;
  options.network_call.call = [&](const ActivePolicy& policy, const NetworkInputs& inputs,
                                  float* output) {
    state_->Call(simulations[&policy - run.policies.data()], inputs, output);
  };
  return sampler.Sample(run, request, options);
}

}  // namespace tmpq
