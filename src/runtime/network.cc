#include "src/runtime/network.h"

#include <algorithm>
#include <cstring>

#include "kernels/include/packing.h"
#include "src/core/error.h"

namespace tmpq {
namespace {

constexpr int64_t kAlignmentBytes = 64;
// Beyond it, sums of K products of an 8-bit and an unsigned 8-bit integer could leave int32.
constexpr int64_t kMaxInnerDimension = 65536;

int64_t Aligned(int64_t bytes) { return kernels::RoundUp(bytes, kAlignmentBytes); }

bool HasWeightPanels(const Node& node) {
  return node.kind == OpKind::kLinear || node.kind == OpKind::kConv2d;
}

// Rows and inner dimension of the matrix product that a linear or convolution is, per sample.
struct ProductShape {
  int64_t rows, inputs, outputs;
};
ProductShape ProductOf(const Node& node) {
  const Shape& weight = node.parameters.at("weight");
  const int64_t outputs = weight[0];
  return {ElementsOf(node.shape) / outputs, ElementsOf(weight) / outputs, outputs};
}

}  // namespace

// One Run's pointers.
struct RuntimeNetwork::Call {
  const ActivePolicy& policy;
  const NetworkInputs& inputs;
  float* output;
  Workspace& workspace;
  const RuntimeNetwork& network;

  int64_t batch() const { return inputs.batch; }
  const ValueLayout& layout(NodeId id) const { return network.plan_.values[id]; }
  int64_t rows(NodeId id) const { return batch() * layout(id).rows; }
  // First row of a node's value.
  float* value(NodeId id) const {
    const ValueLayout& layout = network.plan_.values[id];
    if (layout.buffer == network.graph_.output()) return output + layout.offset;
    return workspace.arena.data() + network.plan_.arena_offset[layout.buffer] * batch() +
           layout.offset;
  }
  const float* input(const Node& node, size_t operand) const {
    const NodeId id = node.inputs[operand];
    if (layout(id).buffer >= 0) return value(id);
    const Node& source = network.graph_.node(id);
    return (source.name == "timestep" ? inputs.timestep : inputs.sample) + layout(id).offset;
  }
};

RuntimeNetwork::RuntimeNetwork(const Graph& graph, const ParameterSet& parameters,
                               const kernels::KernelSet& kernels)
    : graph_(graph), kernels_(&kernels), plan_(PlanMemory(graph)) {
  const size_t count = graph_.nodes().size();
  panels_.resize(count);
  bias_of_node_.assign(count, nullptr);
  weight_of_node_.assign(count, nullptr);
  for (size_t id = 0; id < count; ++id) {
    const Node& node = graph_.node(static_cast<NodeId>(id));
    const std::string where = "network " + graph_.name() + ": node " + node.name;
    if (node.kind == OpKind::kInput && node.name != "sample" && node.name != "timestep" &&
        node.name != "label") {
      throw Error(ErrorCode::kUnsupported, where, "is an input that the runtime does not know",
                  "known are sample, timestep and label");
    }
    if (node.kind == OpKind::kLabelEmbedding && graph_.node(node.inputs[0]).name != "label") {
      throw Error(ErrorCode::kUnsupported, where, "embeds something else than the input label");
    }
    for (const auto& [role, shape] : node.parameters) {
      const std::string name = node.name + "." + role;
      if (HasWeightPanels(node) && role == "weight") {
        const ProductShape product = ProductOf(node);
        if (product.inputs > kMaxInnerDimension) {
          throw Error(ErrorCode::kUnsupported, where,
                      "has " + std::to_string(product.inputs) + " inputs",
                      "at most " + std::to_string(kMaxInnerDimension));
        }
        if (!parameters.Has(name)) continue;  // packed integers only: a plan
        panels_[id].resize(kernels::FloatPanelElements(product.outputs, product.inputs));
        kernels::PackFloatPanels(parameters.Get(name).data(), product.outputs, product.inputs,
                                 panels_[id].data());
        continue;
      }
      const std::span<const float> values = parameters.Get(name);
      AlignedVector<float>& copy = parameters_[name];
      copy.assign(values.begin(), values.end());
      (role == "weight" ? weight_of_node_ : bias_of_node_)[id] = copy.data();
    }
  }
}

ActivePolicy RuntimeNetwork::Activate(const Policy& policy, const PackedWeightTable* table) const {
  TMPQ_CHECK(policy.size() == graph_.sites().sites.size(),
             "policy does not fit the network's sites");
  ActivePolicy active;
  active.nodes.resize(graph_.nodes().size());
  for (size_t id = 0; id < active.nodes.size(); ++id) {
    const Node& node = graph_.node(static_cast<NodeId>(id));
    ActivePolicy::NodeBinding& binding = active.nodes[id];
    const std::string where = "policy: layer " + node.name;
    if (node.first_site < 0) {
      if (HasWeightPanels(node) && panels_[id].empty()) {
        throw Error(ErrorCode::kInput, where, "is a float layer, but its weights are missing");
      }
      continue;
    }
    const bool attention = node.kind == OpKind::kAttention;
    const BitWidth* widths = policy.data() + node.first_site;
    const int sites = attention ? 4 : 2;
    const auto floats =
        std::count_if(widths, widths + sites, [](BitWidth width) { return width.is_float(); });
    if (floats != 0 && floats != sites) {
      throw Error(ErrorCode::kUnsupported, where, "mixes float and integer operands",
                  "all of its sites have to be float, or none");
    }
    for (int i = 0; i < sites; ++i) {
      if (widths[i].bits() == 16 && !(attention && i == 3)) {
        throw Error(ErrorCode::kUnsupported, where, "has 16 bits at a site that is not a softmax");
      }
    }
    if (floats > 0) {
      if (!attention && panels_[id].empty()) {
        throw Error(ErrorCode::kInput, where,
                    "is to run in float, but its float weights are missing");
      }
      continue;
    }
    if (node.kind == OpKind::kConv2d) {
      throw Error(ErrorCode::kUnsupported, where, "integer convolutions have no kernel",
                  "keep them in float");
    }
    if (attention) {
      for (int i = 0; i < 4; ++i) binding.bits[i] = widths[i].bits();
    } else {
      if (table == nullptr)
        throw Error(ErrorCode::kInput, where, "has no packed weights to run on");
      binding.weights = table->Get(node.first_site, widths[0]);
      binding.bits[0] = widths[1].bits();
    }
  }
  return active;
}

ActivePolicy RuntimeNetwork::ActivateFloat() const {
  return Activate(Policy(graph_.sites().sites.size(), BitWidth::Float()), nullptr);
}

size_t RuntimeNetwork::ScratchBytes(int64_t batch) const {
  int64_t most = 0;
  for (const Node& node : graph_.nodes()) {
    if (node.kind == OpKind::kLinear) {
      const ProductShape product = ProductOf(node);
      const int64_t rows = batch * product.rows;
      most =
          std::max(most, Aligned(rows * kernels::RoundUp(product.inputs, 4)) + Aligned(rows * 4) +
                             kernels::LinearIntScratchBytes(product.outputs, product.inputs));
    } else if (node.kind == OpKind::kConv2d) {
      most = std::max<int64_t>(most, 4 * node.shape[1] * ProductOf(node).inputs);
    } else if (node.kind == OpKind::kAttention) {
      const int64_t queries = node.shape[0], keys = graph_.node(node.inputs[1]).shape[0];
      most = std::max(most, kernels::AttentionScratchBytes(queries, keys,
                                                           node.shape[1] / node.attributes.heads));
    }
  }
  return static_cast<size_t>(most);
}

Workspace RuntimeNetwork::MakeWorkspace(int64_t max_batch) const {
  Workspace workspace;
  workspace.max_batch = max_batch;
  workspace.arena.resize(plan_.arena_floats_per_sample * max_batch);
  workspace.scratch.resize(ScratchBytes(max_batch));
  return workspace;
}

void RuntimeNetwork::RunLinear(const Call& call, NodeId id) const {
  const Node& node = graph_.node(id);
  const ProductShape product = ProductOf(node);
  const ActivePolicy::NodeBinding& binding = call.policy.nodes[id];
  const int64_t rows = call.batch() * product.rows;
  const float* x = call.input(node, 0);
  if (binding.weights.bits == 0) {
    kernels_->linear_f32({rows, product.outputs, product.inputs, x, product.inputs,
                          panels_[id].data(), bias_of_node_[id], call.value(id), product.outputs});
    return;
  }
  uint8_t* scratch = call.workspace.scratch.data();
  auto* q = reinterpret_cast<int8_t*>(scratch);
  scratch += Aligned(rows * kernels::RoundUp(product.inputs, 4));
  auto* scale = reinterpret_cast<float*>(scratch);
  scratch += Aligned(rows * 4);
  kernels_->quantize_rows({x, rows, product.inputs, product.inputs, binding.bits[0], q, scale});
  kernels_->linear_int({rows, product.outputs, product.inputs, q, scale, binding.weights.data,
                        binding.weights.bits, binding.weights.scale, bias_of_node_[id],
                        call.value(id), product.outputs, scratch});
}

// One output row of a sample at a time: its windows are copied side by side and multiplied as a
// linear.
void RuntimeNetwork::RunConv2d(const Call& call, NodeId id) const {
  const Node& node = graph_.node(id);
  const Attributes& a = node.attributes;
  const Shape& in = graph_.node(node.inputs[0]).shape;
  const int64_t channels = in[2], window = a.kernel * channels;
  const ProductShape product = ProductOf(node);
  auto* patches = reinterpret_cast<float*>(call.workspace.scratch.data());
  for (int64_t b = 0; b < call.batch(); ++b) {
    const float* x = call.input(node, 0) + b * ElementsOf(in);
    float* out = call.value(id) + b * ElementsOf(node.shape);
    for (int64_t row = 0; row < node.shape[0]; ++row) {
      float* patch = patches;
      for (int64_t column = 0; column < node.shape[1]; ++column) {
        for (int64_t i = 0; i < a.kernel; ++i, patch += window) {
          const int64_t y = row * a.stride + i - a.padding;
          for (int64_t j = 0; j < a.kernel; ++j) {
            const int64_t z = column * a.stride + j - a.padding;
            const bool inside = y >= 0 && y < in[0] && z >= 0 && z < in[1];
            if (inside)
              std::copy_n(x + (y * in[1] + z) * channels, channels, patch + j * channels);
            else
              std::fill_n(patch + j * channels, channels, 0.0f);
          }
        }
      }
      kernels_->linear_f32({node.shape[1], product.outputs, product.inputs, patches, product.inputs,
                            panels_[id].data(), bias_of_node_[id],
                            out + row * node.shape[1] * product.outputs, product.outputs});
    }
  }
}

void RuntimeNetwork::RunAttention(const Call& call, NodeId id) const {
  const Node& node = graph_.node(id);
  const ActivePolicy::NodeBinding& binding = call.policy.nodes[id];
  const auto layout = [&](int i) -> const ValueLayout& { return call.layout(node.inputs[i]); };
  kernels::AttentionArgs args;
  args.queries = layout(0).rows, args.keys = layout(1).rows, args.heads = node.attributes.heads;
  args.head_dim = node.shape[1] / args.heads;
  args.q_stride = layout(0).row_stride, args.k_stride = layout(1).row_stride,
  args.v_stride = layout(2).row_stride;
  args.q_bits = binding.bits[0], args.k_bits = binding.bits[1], args.v_bits = binding.bits[2];
  args.softmax_bits = binding.bits[3];
  args.out_stride = node.shape[1];
  args.scratch = call.workspace.scratch.data();
  for (int64_t b = 0; b < call.batch(); ++b) {
    args.q = call.input(node, 0) + b * args.queries * args.q_stride;
    args.k = call.input(node, 1) + b * args.keys * args.k_stride;
    args.v = call.input(node, 2) + b * args.keys * args.v_stride;
    args.out = call.value(id) + b * ElementsOf(node.shape);
    (binding.bits[0] == 0 ? kernels_->attention_f32 : kernels_->attention_int)(args);
  }
}

void RuntimeNetwork::RunRows(const Call& call, NodeId id) const {
  const Node& node = graph_.node(id);
  const int64_t batch = call.batch(), rows = call.layout(id).rows, cols = call.layout(id).cols;
  const int64_t count = batch * rows * cols;
  const float* x = call.input(node, 0);
  float* out = call.value(id);
  const auto side = [&](int i) { return call.input(node, i); };
  const auto stride = [&](int i) { return call.layout(node.inputs[i]).row_stride; };
  switch (node.kind) {
    case OpKind::kLayerNorm:
      return kernels_->layer_norm({x, batch * rows, cols, out},
                                  static_cast<float>(node.attributes.epsilon));
    case OpKind::kGroupNorm:
      for (int64_t b = 0; b < batch; ++b) {
        kernels_->group_norm({x + b * rows * cols, rows, cols, node.attributes.groups,
                              static_cast<float>(node.attributes.epsilon), weight_of_node_[id],
                              bias_of_node_[id], out + b * rows * cols});
      }
      return;
    case OpKind::kModulate:
      return kernels_->modulate(
          {x, batch, rows, cols, side(1), side(2), stride(1), stride(2), out});
    case OpKind::kGatedAdd:
      return kernels_->gated_add({x, side(2), batch, rows, cols, side(1), stride(1), out});
    case OpKind::kAdd:
      return kernels_->add(x, side(1), count, out);
    case OpKind::kAddParameter:
      for (int64_t b = 0; b < batch; ++b) {
        kernels_->add(x + b * rows * cols, weight_of_node_[id], rows * cols, out + b * rows * cols);
      }
      return;
    case OpKind::kSilu:
      return kernels_->silu(x, count, out);
    case OpKind::kGelu:
      return kernels_->gelu_tanh(x, count, out);
    case OpKind::kMeanPool:
      for (int64_t b = 0; b < batch; ++b) {
        const int64_t pixels = call.layout(node.inputs[0]).rows;
        kernels_->mean_rows({x + b * pixels * cols, pixels, cols, out + b * cols});
      }
      return;
    default:
      TMPQ_CHECK(false, "not a row function: " + node.name);
  }
}

void RuntimeNetwork::RunLayout(const Call& call, NodeId id) const {
  const Node& node = graph_.node(id);
  const Attributes& a = node.attributes;
  float* out = call.value(id);
  switch (node.kind) {
    case OpKind::kSlice: {
      const ValueLayout& source = call.layout(node.inputs[0]);
      const float* x = call.input(node, 0) + a.offset;
      for (int64_t row = 0; row < call.rows(id); ++row) {
        std::copy_n(x + row * source.row_stride, a.size, out + row * a.size);
      }
      return;
    }
    case OpKind::kPatchify:
    case OpKind::kUnpatchify: {
      const bool forward = node.kind == OpKind::kPatchify;
      const Shape& image = forward ? graph_.node(node.inputs[0]).shape : node.shape;
      const int64_t line = a.patch * image[2], elements = ElementsOf(image);
      const float* x = call.input(node, 0);
      for (int64_t b = 0; b < call.batch(); ++b, x += elements, out += elements) {
        int64_t at = 0;  // in the patches
        for (int64_t y = 0; y < image[0]; y += a.patch) {
          for (int64_t z = 0; z < image[1]; z += a.patch) {
            for (int64_t i = 0; i < a.patch; ++i, at += line) {
              const int64_t pixel = ((y + i) * image[1] + z) * image[2];
              if (forward)
                std::copy_n(x + pixel, line, out + at);
              else
                std::copy_n(x + at, line, out + pixel);
            }
          }
        }
      }
      return;
    }
    case OpKind::kTimestepEmbedding:
      for (int64_t b = 0; b < call.batch(); ++b) {
        kernels_->timestep_embedding(call.input(node, 0)[b], a.features, out + b * a.features);
      }
      return;
    case OpKind::kLabelEmbedding:
      for (int64_t b = 0; b < call.batch(); ++b) {
        const int32_t label = call.inputs.label[b];
        TMPQ_CHECK(label >= 0 && label < a.size, "label outside the table");
        std::copy_n(weight_of_node_[id] + label * a.features, a.features, out + b * a.features);
      }
      return;
    default:
      TMPQ_CHECK(false, "not a layout function: " + node.name);
  }
}

void RuntimeNetwork::Run(const ActivePolicy& policy, const NetworkInputs& inputs, float* output,
                         Workspace& workspace) const {
  TMPQ_CHECK(inputs.batch <= workspace.max_batch, "batch exceeds the workspace");
  const Call call{policy, inputs, output, workspace, *this};
  for (size_t i = 0; i < graph_.nodes().size(); ++i) {
    const auto id = static_cast<NodeId>(i);
    if (plan_.values[id].buffer != id) continue;  // inputs and views
    switch (graph_.node(id).kind) {
      case OpKind::kLinear:
        RunLinear(call, id);
        break;
      case OpKind::kConv2d:
        RunConv2d(call, id);
        break;
      case OpKind::kAttention:
        RunAttention(call, id);
        break;
      case OpKind::kSlice:
      case OpKind::kPatchify:
      case OpKind::kUnpatchify:
      case OpKind::kTimestepEmbedding:
      case OpKind::kLabelEmbedding:
        RunLayout(call, id);
        break;
      default:
        RunRows(call, id);
    }
  }
}

}  // namespace tmpq
