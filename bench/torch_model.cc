#include "bench/torch_model.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "bench/torch_int8.h"
#include "src/torch/torch_executor.h"

namespace tmpq {

struct TorchModel::State {
  const Graph& graph;
  TorchExecutor executor;
  TorchExecutor::Tensors parameters, inputs;
  std::map<NodeId, TorchInt8Weights> int8;  // empty: float32
  at::Tensor out;
};

TorchModel::TorchModel(const Graph& graph, const ParameterSet& parameters,
                       const RandomBatch& inputs, int64_t batch, const std::string& engine)
    : state_(new State{graph, TorchExecutor(graph), {}, {}, {}, {}}) {
  for (const auto& [name, shape] : graph.parameters()) {
    auto* values = const_cast<float*>(parameters.Get(name).data());
    state_->parameters[name] = at::from_blob(values, shape, at::kFloat);
  }
  for (size_t id = 0; engine != "float32" && id < graph.nodes().size(); ++id) {
    const Node& node = graph.node(static_cast<NodeId>(id));
    if (node.kind != OpKind::kLinear || node.first_site < 0) continue;
    const auto bias = state_->parameters.find(node.name + ".bias");
    state_->int8.emplace(
        id,
        TorchInt8Weights(state_->parameters.at(node.name + ".weight"),
                         bias != state_->parameters.end() ? bias->second : at::Tensor(), engine));
  }
  for (const Node& node : graph.nodes()) {
    if (node.kind != OpKind::kInput) continue;
    Shape shape = node.shape;
    shape.insert(shape.begin(), batch);
    const auto floats = inputs.floats.find(node.name);
    if (floats != inputs.floats.end()) {
      auto* values = const_cast<float*>(floats->second.data());
      state_->inputs[node.name] = at::from_blob(values, shape, at::kFloat).clone();
    } else {
      auto* values = const_cast<int32_t*>(inputs.integers.at(node.name).data());
      state_->inputs[node.name] = at::from_blob(values, shape, at::kInt).to(at::kLong);
    }
  }
}

TorchModel::~TorchModel() = default;

void TorchModel::Run() {
  const at::NoGradGuard no_grad;
  State& s = *state_;
  if (s.int8.empty()) {
    s.out = s.executor.Run(s.parameters, s.inputs).contiguous();
    return;
  }
  TorchExecutor::Values values;
  for (NodeId id = 0; id <= s.graph.output(); ++id) {
    const auto layer = s.int8.find(id);
    if (layer != s.int8.end()) {
      values[id] = layer->second.Multiply(values.at(s.graph.node(id).inputs[0]));
    } else {
      s.executor.Evaluate(s.parameters, s.inputs, nullptr, {id}, values);
    }
  }
  s.out = values.at(s.graph.output()).contiguous();
}

const float* TorchModel::out() const { return state_->out.const_data_ptr<float>(); }

}  // namespace tmpq
