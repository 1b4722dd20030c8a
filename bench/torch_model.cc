#include "bench/torch_model.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "src/torch/torch_executor.h"

namespace tmpq {

struct TorchModel::State {
  TorchExecutor executor;
  TorchExecutor::Tensors parameters, inputs;
  at::Tensor out;
};

TorchModel::TorchModel(const Graph& graph, const ParameterSet& parameters,
                       const RandomBatch& inputs, int64_t batch)
    : state_(new State{TorchExecutor(graph), {}, {}, {}}) {
  for (const auto& [name, shape] : graph.parameters()) {
    auto* values = const_cast<float*>(parameters.Get(name).data());
    state_->parameters[name] = at::from_blob(values, shape, at::kFloat);
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
  state_->out = state_->executor.Run(state_->parameters, state_->inputs).contiguous();
}

const float* TorchModel::out() const { return state_->out.const_data_ptr<float>(); }

}  // namespace tmpq
