#include "src/torch/torch_executor.h"

#include <ATen/ATen.h>

#include "src/torch/torch_ops.h"

namespace tmpq {
namespace {

// The nodes that `wanted` needs, itself included, back to those that `values` has already.
std::vector<bool> NeededNodes(const Graph& graph, const std::vector<NodeId>& wanted,
                              const TorchExecutor::Values& values) {
  std::vector<bool> needed(graph.nodes().size(), false);
  for (const NodeId id : wanted) needed[id] = true;
  for (size_t id = needed.size(); id-- > 0;) {
    if (!needed[id]) continue;
    needed[id] = values.count(static_cast<NodeId>(id)) == 0;
    if (!needed[id]) continue;
    for (const NodeId input : graph.node(static_cast<NodeId>(id)).inputs) needed[input] = true;
  }
  return needed;
}

}  // namespace

// A value goes after its last reader: those of a large network do not fit into memory together.
at::Tensor TorchExecutor::Run(const Tensors& parameters, const Tensors& inputs,
                              const NetworkSimulation* simulation) const {
  Values values;
  const std::vector<bool> needed = NeededNodes(*graph_, {graph_->output()}, values);
  const auto count = static_cast<NodeId>(needed.size());
  std::vector<NodeId> last_reader(count, -1);
  for (NodeId id = 0; id < count; ++id) {
    for (const NodeId input : graph_->node(id).inputs) {
      if (needed[id]) last_reader[input] = id;
    }
  }
  last_reader[graph_->output()] = count;
  for (NodeId id = 0; id < count; ++id) {
    if (!needed[id]) continue;
    RunNode(id, parameters, inputs, simulation, values);
    std::erase_if(values, [&](const auto& value) { return last_reader[value.first] <= id; });
  }
  return values.at(graph_->output());
}

void TorchExecutor::Evaluate(const Tensors& parameters, const Tensors& inputs,
                             const NetworkSimulation* simulation, const std::vector<NodeId>& wanted,
                             Values& values) const {
  const std::vector<bool> needed = NeededNodes(*graph_, wanted, values);
  for (size_t id = 0; id < needed.size(); ++id) {
    if (needed[id]) RunNode(static_cast<NodeId>(id), parameters, inputs, simulation, values);
  }
}

void TorchExecutor::RunNode(NodeId id, const Tensors& parameters, const Tensors& inputs,
                            const NetworkSimulation* simulation, Values& values) const {
  const Node& node = graph_->node(id);
  const auto in = [&](size_t i) -> const at::Tensor& { return values.at(node.inputs[i]); };
  const auto parameter = [&](const char* role) -> const at::Tensor& {
    return parameters.at(node.name + "." + role);
  };
  const auto optional = [&](const char* role) {  // undefined where the node has none
    return node.parameters.count(role) > 0 ? parameter(role) : at::Tensor();
  };
  const bool simulated = simulation != nullptr && simulation->Simulates(id);
  at::Tensor& y = values[id];
  switch (node.kind) {
    case OpKind::kInput:
      y = inputs.at(node.name);
      break;
    case OpKind::kLinear:
      y = simulated ? simulation->Product(id, in(0), optional("bias"))
                    : at::linear(in(0), parameter("weight"), optional("bias"));
      break;
    case OpKind::kConv2d:
      y = simulated ? simulation->Product(id, in(0), optional("bias"))
                    : Conv2d(node, in(0), parameter("weight"), optional("bias"));
      break;
    case OpKind::kLayerNorm:
      y = at::layer_norm(in(0), {in(0).size(-1)}, optional("weight"), optional("bias"),
                         node.attributes.epsilon);
      break;
    case OpKind::kGroupNorm:
      y = GroupNorm(node, in(0), parameter("weight"), parameter("bias"));
      break;
    case OpKind::kModulate:
      y = in(0) * (1 + Unsqueezed(in(2), in(0).dim())) + Unsqueezed(in(1), in(0).dim());
      break;
    case OpKind::kGatedAdd:
      y = in(0) + Unsqueezed(in(1), in(0).dim()) * in(2);
      break;
    case OpKind::kAdd:
      y = in(0) + Suffix(in(1), in(0));
      break;
    case OpKind::kMultiply:
      y = in(0) * Suffix(in(1), in(0));
      break;
    case OpKind::kScale:
      y = in(0) * node.attributes.factor;
      break;
    case OpKind::kGeluErf:
      y = at::gelu(in(0));
      break;
    case OpKind::kConcat: {
      std::vector<at::Tensor> parts;
      for (size_t i = 0; i < node.inputs.size(); ++i) parts.push_back(in(i));
      y = at::cat(parts, -1);
      break;
    }
    case OpKind::kReshape: {
      std::vector<int64_t> shape = node.shape;
      shape.insert(shape.begin(), in(0).size(0));
      y = in(0).reshape(shape);
      break;
    }
    case OpKind::kPermute: {
      std::vector<int64_t> order = {0};
      for (const int64_t d : node.attributes.dims) order.push_back(d + 1);
      y = in(0).permute(order);
      break;
    }
    case OpKind::kUpsample:
      y = Upsample(in(0));
      break;
    case OpKind::kAddParameter:
      y = in(0) + parameter("weight");
      break;
    case OpKind::kSilu:
      y = at::silu(in(0));
      break;
    case OpKind::kGelu:
      y = at::gelu(in(0), "tanh");
      break;
    case OpKind::kSlice:
      y = in(0).narrow(-1, node.attributes.offset, node.attributes.size);
      break;
    case OpKind::kAttention: {
      const size_t extra = node.inputs.size() - 3, biases = node.attributes.score_bias ? 1 : 0;
      y = Attention(node, in(0), in(1), in(2), extra > biases ? in(3) : at::Tensor(),
                    biases > 0 ? in(2 + extra) : at::Tensor(),
                    simulation != nullptr ? simulation->AttentionBits(id) : nullptr);
      break;
    }
    case OpKind::kPatchify:
      y = Patchify(node, in(0));
      break;
    case OpKind::kUnpatchify:
      y = Unpatchify(node, in(0));
      break;
    case OpKind::kTimestepEmbedding:
      y = TimestepEmbedding(node, in(0));
      break;
    case OpKind::kLabelEmbedding:
      y = at::embedding(parameter("weight"), in(0));
      break;
    case OpKind::kParameter: {
      std::vector<int64_t> shape = node.shape;
      shape.insert(shape.begin(), inputs.begin()->second.size(0));
      y = parameter("weight").expand(shape);
      break;
    }
    case OpKind::kRmsNorm:
      y = in(0) * at::rsqrt((in(0) * in(0)).mean(-1, true) + node.attributes.epsilon) *
          parameter("weight");
      break;
    case OpKind::kQuickGelu:
      y = in(0) * at::sigmoid(1.702 * in(0));
      break;
    case OpKind::kSelectRow:
      y = in(0).gather(1, in(1).view({-1, 1, 1}).expand({-1, 1, in(0).size(2)})).squeeze(1);
      break;
    case OpKind::kRotary:
      y = Rotary(node, in(0), in(1));
      break;
    case OpKind::kReplaceRows:
      y = ReplaceRows(in(0), in(1), in(2));
      break;
    case OpKind::kRelu:
      y = at::relu(in(0));
      break;
    case OpKind::kMaxPool:
    case OpKind::kAveragePool:
      y = Pool(node, in(0));
      break;
    case OpKind::kFrameWindows:
      y = FrameWindows(node, in(0));
      break;
    case OpKind::kMeanPool:
      y = in(0).flatten(1, -2).mean(1);
      break;
  }
}

}  // namespace tmpq
