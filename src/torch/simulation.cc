#include "src/torch/simulation.h"

#include <ATen/ATen.h>

#include <array>
#include <cmath>
#include <vector>

#include "kernels/include/numerics.h"
#include "kernels/include/packing.h"
#include "src/core/error.h"
#include "src/torch/torch_device.h"
#include "src/torch/torch_ops.h"

namespace tmpq {
namespace {

// Nearest integer, ties to even; the gradient passes. Exact: the difference is representable.
at::Tensor RoundThrough(const at::Tensor& x) { return x + (at::round(x) - x).detach(); }

// The values that a set's integers stand for, (N, K).
at::Tensor ValuesOf(const WeightSet& set, int bits, int64_t group) {
  const PackedWeights& weights = set.weights.at(bits);
  auto stored = set.weights.find(bits);  // nested: the narrowest that has data and is wide enough
  while (stored->second.data.empty()) ++stored;
  const int64_t outputs = weights.outputs, inputs = weights.inputs;
  QuantizedWeights integers{bits, outputs, inputs, group, {}, weights.scale, {}, weights.offset};
  integers.q.resize(outputs * inputs);
  kernels::UnpackWeights(stored->second.data.data(), outputs, inputs, stored->first,
                         integers.q.data());
  std::vector<float> values(outputs * inputs);
  for (int64_t i = 0; i < outputs * inputs; ++i) {
    integers.q[i] = static_cast<int8_t>(kernels::NarrowValue(integers.q[i], stored->first, bits));
    values[i] = integers.ValueAt(i / inputs, i % inputs);
  }
  return TensorOf(values, {outputs, inputs});
}

// kernels/include/hadamard.h, addition by addition.
at::Tensor Rotate(const at::Tensor& x, const Hadamard& hadamard) {
  at::Tensor y = x.unflatten(-1, {hadamard.order, hadamard.block});
  for (int64_t half = 1; half < hadamard.block; half *= 2) {
    const at::Tensor pairs = y.unflatten(-1, {hadamard.block / (2 * half), 2, half});
    const at::Tensor a = pairs.select(-2, 0), b = pairs.select(-2, 1);
    y = at::stack({a + b, a - b}, -2).flatten(-3);
  }
  if (hadamard.order > 1) {
    at::Tensor sum;
    for (int64_t c = 0; c < hadamard.order; ++c) {
      const std::vector<float> signs(hadamard.matrix.begin() + c * hadamard.order,
                                     hadamard.matrix.begin() + (c + 1) * hadamard.order);
      const at::Tensor term = y.select(-2, c).unsqueeze(-2) * TensorOf(signs, {hadamard.order, 1});
      sum = sum.defined() ? sum + term : term;
    }
    y = sum;
  }
  return y.flatten(-2) * (1.0f / std::sqrt(static_cast<float>(hadamard.size())));
}

}  // namespace

at::Tensor QuantizeRows(const at::Tensor& x, int bits, bool symmetric) {
  const at::Tensor plain = x.detach();
  if (symmetric) {
    const auto limit = static_cast<float>(kernels::QMax(bits));
    const at::Tensor most = plain.abs().amax(-1, true), inverse = at::full_like(most, limit) / most;
    const at::Tensor usable = at::logical_and(most > 0, at::isfinite(inverse));
    const at::Tensor zero = at::zeros_like(most);
    const at::Tensor q =
        RoundThrough(at::clamp(x * at::where(usable, inverse, zero), -limit, limit));
    return q * at::where(usable, most / limit, zero);
  }
  const auto levels = static_cast<float>((1 << bits) - 1);
  const at::Tensor low = plain.amin(-1, true).clamp_max(0),
                   high = plain.amax(-1, true).clamp_min(0);
  const at::Tensor span = high - low, full = at::full_like(span, levels) / span;
  const at::Tensor usable = at::logical_and(span > 0, at::isfinite(full));
  const at::Tensor zero = at::zeros_like(span);
  const at::Tensor inverse = at::where(usable, full, zero);
  const at::Tensor least = -at::round((-low * inverse).clamp_max(levels));
  const at::Tensor q = RoundThrough(at::clamp(x * inverse, least, least + levels));
  return q * at::where(usable, span / levels, zero);
}

at::Tensor QuantizeToScale(const at::Tensor& x, int bits, const at::Tensor& scale,
                           const at::Tensor& offset) {
  const at::Tensor scaled = x * at::where(scale > 0, at::reciprocal(scale), at::zeros_like(scale));
  if (!offset.defined()) {
    const auto limit = static_cast<float>(kernels::QMax(bits));
    return RoundThrough(at::clamp(scaled, -limit, limit)) * scale;
  }
  const auto half = static_cast<float>(1 << (bits - 1));
  return RoundThrough(at::clamp(scaled, offset - half, offset + (half - 1))) * scale;
}

struct NetworkSimulation::Layer {
  LayerScheme scheme;
  Hadamard rotation;
  int activation_bits = 0;
  LayerTensors tensors;

  at::Tensor Find(const char* role) const {
    const auto found = tensors.find(role);
    return found == tensors.end() ? at::Tensor() : found->second;
  }

  at::Tensor Transform(const at::Tensor& x) const {
    const at::Tensor multiply = Find("multiply");
    if (!multiply.defined()) return x;
    return scheme.rotated ? Rotate(x * multiply, rotation) : x * multiply;
  }

  // `x` (batch, rows, values of a row): a token of a linear, an image of a convolution.
  at::Tensor Quantize(const at::Tensor& x, const at::Tensor& entries) const {
    if (activation_bits == 0) return x;
    if (!scheme.is_static()) return QuantizeRows(x, activation_bits, scheme.activation_symmetric);
    const auto of_samples = [&](const at::Tensor& all) {  // (batch or 1, tokens or 1, 1)
      if (!all.defined()) return all;
      return (entries.defined() ? all.index_select(0, entries) : all.narrow(0, 0, 1)).unsqueeze(-1);
    };
    return QuantizeToScale(x, activation_bits, of_samples(Find("scale")),
                           of_samples(Find("offset")));
  }
};

struct NetworkSimulation::State {
  at::Tensor entries;
  std::map<NodeId, std::array<int, 4>> attentions;
};

NetworkSimulation::NetworkSimulation(const Graph& graph)
    : graph_(&graph), state_(std::make_unique<State>()) {}
NetworkSimulation::NetworkSimulation(NetworkSimulation&&) noexcept = default;
NetworkSimulation& NetworkSimulation::operator=(NetworkSimulation&&) noexcept = default;
NetworkSimulation::~NetworkSimulation() = default;

void NetworkSimulation::SetLayer(NodeId id, const LayerScheme& scheme, const QuantizedLayer& layer,
                                 int set, int weight_bits, int activation_bits) {
  auto made = std::make_unique<Layer>();
  made->scheme = scheme, made->activation_bits = activation_bits;
  const WeightSet& from = layer.sets.at(set);
  const auto length = [](const auto& values) { return static_cast<int64_t>(values.size()); };
  LayerTensors& tensors = made->tensors;
  tensors["weight"] = ValuesOf(from, weight_bits, scheme.weight_group);
  if (!from.transform.multiply.empty()) {
    tensors["multiply"] = TensorOf(from.transform.multiply, {length(from.transform.multiply)});
  }
  if (scheme.rotated) made->rotation = *HadamardOf(length(from.transform.multiply));
  if (scheme.low_rank > 0) {
    tensors["down"] = TensorOf(from.down, {scheme.low_rank, length(from.down) / scheme.low_rank});
    tensors["up"] = TensorOf(from.up, {length(from.up) / scheme.low_rank, scheme.low_rank});
  }
  if (!layer.first_row.empty()) {
    tensors["first_row"] = TensorOf(layer.first_row, {length(layer.first_row)});
  }
  if (scheme.is_static() && activation_bits > 0) {
    const StaticScales& scales = layer.activations.at(activation_bits);
    tensors["scale"] = TensorOf(scales.scale, {scales.entries, scales.tokens});
    if (!scales.offset.empty()) {
      const std::vector<float> offset(scales.offset.begin(), scales.offset.end());
      tensors["offset"] = TensorOf(offset, {scales.entries, scales.tokens});
    }
  }
  layers_[id] = std::move(made);
}

void NetworkSimulation::SetLayer(NodeId id, const LayerScheme& scheme, const at::Tensor& weight,
                                 int activation_bits) {
  TMPQ_CHECK(
      !scheme.transformed() && !scheme.is_static() && !scheme.first_row && scheme.low_rank == 0,
      "a layer with more than weights");
  auto made = std::make_unique<Layer>();
  made->scheme = scheme, made->activation_bits = activation_bits;
  made->tensors["weight"] = weight;
  layers_[id] = std::move(made);
}

void NetworkSimulation::SetAttentions(const Policy& policy) {
  for (size_t id = 0; id < graph_->nodes().size(); ++id) {
    const Node& node = graph_->node(static_cast<NodeId>(id));
    if (node.kind != OpKind::kAttention || node.first_site < 0) continue;
    const BitWidth* bits = policy.data() + node.first_site;
    if (bits[0].is_float()) continue;
    state_->attentions[static_cast<NodeId>(id)] = {bits[0].bits(), bits[1].bits(), bits[2].bits(),
                                                   bits[3].bits()};
  }
}

void NetworkSimulation::SetEntries(const at::Tensor& entries) { state_->entries = entries; }

NetworkSimulation::LayerTensors& NetworkSimulation::tensors(NodeId id) {
  return layers_.at(id)->tensors;
}

const int* NetworkSimulation::AttentionBits(NodeId id) const {
  const auto found = state_->attentions.find(id);
  return found == state_->attentions.end() ? nullptr : found->second.data();
}

at::Tensor NetworkSimulation::QuantizedInputs(NodeId id, const at::Tensor& x) const {
  const Layer& layer = *layers_.at(id);
  const at::Tensor moved = layer.Transform(x);
  // (batch, rows, values of a row).
  const bool images = graph_->node(id).kind == OpKind::kConv2d;
  const at::Tensor flat = images ? moved.flatten(-3) : moved;
  return layer.Quantize(flat.reshape({x.size(0), -1, flat.size(-1)}), state_->entries)
      .view_as(moved);
}

at::Tensor NetworkSimulation::Product(NodeId id, const at::Tensor& x,
                                      const at::Tensor& bias) const {
  const Node& node = graph_->node(id);
  const Layer& layer = *layers_.at(id);
  const at::Tensor quantized = QuantizedInputs(id, x), weight = layer.Find("weight");
  if (node.kind == OpKind::kConv2d) {
    return Conv2d(node, quantized, weight.view(node.parameters.at("weight")), bias);
  }
  at::Tensor y = at::linear(quantized, weight, bias);
  if (layer.scheme.low_rank > 0) {
    y = y + at::linear(at::linear(layer.Transform(x), layer.Find("down")), layer.Find("up"));
  }
  const at::Tensor first = layer.Find("first_row");
  if (!first.defined()) return y;
  const at::Tensor rows = y.reshape({x.size(0), -1, y.size(-1)});
  return at::cat({first.expand({x.size(0), 1, -1}), rows.narrow(1, 1, rows.size(1) - 1)}, 1)
      .view_as(y);
}

}  // namespace tmpq
