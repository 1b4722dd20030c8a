// What of a graph becomes launches, and where its memory is; the launches are in
// device_products.cc, device_attention.cc and device_rows.cc.
#include "src/runtime/device/device_network.h"

#include <algorithm>

#include "kernels/cuda/gemm_parts.h"
#include "kernels/include/packing.h"
#include "src/core/error.h"
#include "src/runtime/network_call.h"

namespace tmpq {
namespace {

constexpr int64_t kScratchChunk = 1 << 20, kScratchAlignment = 256;

bool IsActivation(OpKind kind) {
  return kind == OpKind::kGelu || kind == OpKind::kGeluErf || kind == OpKind::kSilu ||
         kind == OpKind::kQuickGelu || kind == OpKind::kRelu;
}

}  // namespace

DeviceNetwork::DeviceNetwork(const RuntimeNetwork& network, Device& device, int64_t max_batch,
                             DeviceNetworkOptions options)
    : network_(network),
      graph_(network.graph_),
      device_(device),
      max_batch_(max_batch),
      options_(options),
      memory_(PlanExecution(graph_, options.fuse ? Fusion::kParts : Fusion::kNone).memory),
      readers_(graph_.nodes().size()),
      output_(device, ElementsOf(graph_.output_shape()) * max_batch),
      inputs_(graph_.nodes().size()) {
  for (size_t id = 0; id < graph_.nodes().size(); ++id) {
    const Node& node = graph_.node(static_cast<NodeId>(id));
    for (const NodeId input : node.inputs) ++readers_[input];
    if (node.kind == OpKind::kInput)
      inputs_[id] = DeviceArray<uint8_t>(device, 4 * max_batch * ElementsOf(node.shape));
  }
}

void DeviceNetwork::Run(const ActivePolicy& policy, const NetworkInputs& inputs, float* output) {
  CopyInputs(inputs);
  Step step{policy, inputs.batch, true, {}};
  Execute(step);
  device_.CopyOut(output, output_.data(), 4 * inputs.batch * ElementsOf(graph_.output_shape()));
}

std::unique_ptr<DeviceGraph> DeviceNetwork::Capture(const ActivePolicy& policy, int64_t batch) {
  Step prepare{policy, batch, false, {}};
  Execute(prepare);
  device_.BeginCapture();
  Step step{policy, batch, true, {}};
  Execute(step);
  return device_.EndCapture();
}

void DeviceNetwork::RunCaptured(const DeviceGraph& graph, const NetworkInputs& inputs,
                                float* output) {
  CopyInputs(inputs);
  device_.Replay(graph);
  device_.CopyOut(output, output_.data(), 4 * inputs.batch * ElementsOf(graph_.output_shape()));
}

void DeviceNetwork::CopyInputs(const NetworkInputs& inputs) {
  TMPQ_CHECK(inputs.batch <= max_batch_, "batch exceeds the device's buffers");
  for (size_t id = 0; id < graph_.nodes().size(); ++id) {
    const Node& node = graph_.node(static_cast<NodeId>(id));
    if (node.kind != OpKind::kInput) continue;
    const int64_t count = inputs.batch * ElementsOf(node.shape);
    const auto floats = inputs.floats.find(node.name);
    const auto integers = inputs.integers.find(node.name);
    const bool whole = integers != inputs.integers.end();
    TMPQ_CHECK(whole || floats != inputs.floats.end(), "no input " + node.name);
    device_.CopyIn(inputs_[id].data(),
                   whole ? static_cast<const void*>(integers->second) : floats->second, 4 * count);
    if (!whole) continue;
    for (const Node& reader : graph_.nodes()) {  // the device looks rows up without a check
      const bool table = reader.kind == OpKind::kLabelEmbedding;
      if (!table && reader.kind != OpKind::kSelectRow) continue;
      if (reader.inputs[table ? 0 : 1] != static_cast<NodeId>(id)) continue;
      const int64_t rows = table ? reader.attributes.size : graph_.node(reader.inputs[0]).shape[0];
      for (int64_t i = 0; i < count; ++i)
        TMPQ_CHECK(integers->second[i] >= 0 && integers->second[i] < rows, "row outside a table");
    }
  }
}

void DeviceNetwork::MakeArena(const ActivePolicy& policy) {
  const int bytes = kernels::BytesOf(policy.storage);
  const int64_t elements = std::max<int64_t>(1, memory_.arena_floats_per_sample * max_batch_);
  if (!arenas_.contains(bytes)) arenas_[bytes] = DeviceArray<uint8_t>(device_, bytes * elements);
}

void DeviceNetwork::Execute(Step& step) {
  MakeArena(step.policy);
  step.done.assign(graph_.nodes().size(), false);
  if (options_.fuse) PlanFusion(step);
  for (size_t i = 0; i < graph_.nodes().size(); ++i) {
    const auto id = static_cast<NodeId>(i);
    if (LayoutOf(id).buffer != id || step.done[i]) continue;
    scratch_chunk_ = 0, scratch_used_ = 0;
    switch (graph_.node(id).kind) {
      case OpKind::kLinear:
        Linear(step, id);
        break;
      case OpKind::kConv2d:
        Conv2d(step, id);
        break;
      case OpKind::kAttention:
        Attention(step, id);
        break;
      default:
        Rows(step, id);
    }
  }
}

bool DeviceNetwork::OnlyReader(NodeId value, NodeId reader) const {
  const std::vector<NodeId>& inputs = graph_.node(reader).inputs;
  return readers_[value] == 1 && value != graph_.output() &&
         std::find(inputs.begin(), inputs.end(), value) != inputs.end();
}

// Whether no other memory is written between two nodes, so that what the first reads is still there
// when the last is run.
bool DeviceNetwork::Adjacent(NodeId first, NodeId last, const std::vector<NodeId>& between) const {
  for (NodeId id = first + 1; id < last; ++id) {
    if (LayoutOf(id).buffer == id && std::find(between.begin(), between.end(), id) == between.end())
      return false;
  }
  return true;
}

DeviceNetwork::Chain DeviceNetwork::ChainBefore(NodeId linear) const {
  Chain chain;
  chain.source = graph_.node(linear).inputs[0];
  NodeId reader = linear;
  for (int stage = 0; stage < 2; ++stage) {  // a modulation, then what may come before one
    const NodeId at = chain.source;
    const Node& node = graph_.node(at);
    const bool norm = node.kind == OpKind::kLayerNorm || node.kind == OpKind::kRmsNorm;
    const bool unary = IsActivation(node.kind);
    const bool modulation = node.kind == OpKind::kModulate && stage == 0;
    if ((!norm && !unary && !modulation) || !OnlyReader(at, reader)) break;
    if (LayoutOf(at).buffer != at || !Adjacent(at, linear, chain.nodes)) break;
    chain.nodes.push_back(at);
    chain.source = node.inputs[0];
    reader = at;
    if (!modulation) break;
  }
  return chain;
}

NodeId DeviceNetwork::GateAfter(const ActivePolicy& policy, NodeId linear) const {
  const ActivePolicy::NodeBinding& binding = policy.nodes[linear];
  if (!options_.fuse || !binding.multiplies_integers() || readers_[linear] != 1) return -1;
  if (binding.inputs.low_rank > 0 || binding.inputs.first_row != nullptr) return -1;
  for (NodeId id = linear + 1; id < static_cast<NodeId>(graph_.nodes().size()); ++id) {
    const Node& node = graph_.node(id);
    if (node.kind == OpKind::kGatedAdd && node.inputs[2] == linear && OnlyReader(linear, id))
      return Adjacent(linear, id, {}) ? id : -1;
    if (LayoutOf(id).buffer == id) return -1;
  }
  return -1;
}

NodeId DeviceNetwork::ActivationAfter(NodeId norm) const {
  if (readers_[norm] != 1) return -1;
  for (NodeId id = norm + 1; id < static_cast<NodeId>(graph_.nodes().size()); ++id) {
    if (IsActivation(graph_.node(id).kind) && OnlyReader(norm, id))
      return Adjacent(norm, id, {}) ? id : -1;
    if (LayoutOf(id).buffer == id) return -1;
  }
  return -1;
}

void DeviceNetwork::PlanFusion(Step& step) const {
  for (size_t i = 0; i < graph_.nodes().size(); ++i) {
    const auto id = static_cast<NodeId>(i);
    if (graph_.node(id).kind != OpKind::kLinear || !step.policy.nodes[i].multiplies_integers())
      continue;
    for (const NodeId node : ChainBefore(id).nodes) step.done[node] = true;
    const NodeId gate = GateAfter(step.policy, id);
    if (gate >= 0) step.done[gate] = true;
  }
  for (size_t i = 0; i < graph_.nodes().size(); ++i) {
    if (graph_.node(static_cast<NodeId>(i)).kind != OpKind::kGroupNorm) continue;
    const NodeId activation = ActivationAfter(static_cast<NodeId>(i));
    if (activation < 0 || step.done[activation]) continue;  // or part of a linear's rows
    step.done[activation] = true;
    step.activation_of[static_cast<NodeId>(i)] = activation;
  }
}

gpu::Activations DeviceNetwork::Value(const Step& step, NodeId id) const {
  const ValueLayout& layout = LayoutOf(id);
  if (layout.buffer < 0) return {inputs_[id].data(), gpu::Storage::kFloat32};
  if (layout.buffer == graph_.output()) return gpu::FloatsAt(output_.data()) + layout.offset;
  const gpu::Storage storage = step.policy.storage;
  const gpu::Activations arena{arenas_.at(kernels::BytesOf(storage)).data(), storage};
  return arena + (memory_.arena_offset[layout.buffer] * step.batch + layout.offset);
}

const int32_t* DeviceNetwork::Integers(const Node& node, size_t operand) const {
  return reinterpret_cast<const int32_t*>(inputs_[node.inputs[operand]].data());
}

const void* DeviceNetwork::ResidentBytes(const void* host, int64_t bytes) {
  if (host == nullptr) return nullptr;
  DeviceArray<uint8_t>& copy = resident_[{host, bytes}];
  if (copy.data() == nullptr) {
    copy = DeviceArray<uint8_t>(device_, bytes);
    device_.CopyIn(copy.data(), host, bytes);
  }
  return copy.data();
}

const uint8_t* DeviceNetwork::ResidentWeights(const PackedWeightView& weights, int64_t n, int64_t k,
                                              bool nibbles) {
  DeviceArray<uint8_t>& copy = weights_[{weights.data, weights.bits, weights.group, nibbles}];
  if (copy.data() != nullptr) return copy.data();
  const int stored = weights.stored_bits > 0 ? weights.stored_bits : weights.bits;
  std::vector<int8_t> q(n * k);
  kernels::UnpackWeights(weights.data, n, k, stored, q.data());
  for (int8_t& value : q)
    value = static_cast<int8_t>(kernels::NarrowValue(value, stored, weights.bits));
  int bits = weights.bits;
  if (nibbles) {  // from here on as inputs of 8 bits
    std::vector<int8_t> pairs(n * gpu::NibbleBytes(k));
    gpu::PackNibbles(q.data(), n, k, pairs.data());
    q = std::move(pairs), k = gpu::NibbleBytes(k), bits = 8;
  }
  const int64_t padded_k = gpu::PaddedInputs(k, weights.group);
  const int64_t group = weights.group > 0 ? weights.group : k, groups = (k + group - 1) / group;
  std::vector<int8_t> padded(n * padded_k);
  for (int64_t i = 0; i < n * k; ++i) {
    const int64_t column = i % k;
    padded[i / k * padded_k + column / group * (padded_k / groups) + column % group] = q[i];
  }
  std::vector<uint8_t> tiles(gpu::DeviceWeightBytes(n, padded_k, bits));
  gpu::ReshuffleWeights(padded.data(), n, padded_k, bits, tiles.data());
  copy = DeviceArray<uint8_t>(device_, static_cast<int64_t>(tiles.size()));
  device_.CopyIn(copy.data(), tiles.data(), static_cast<int64_t>(tiles.size()));
  return copy.data();
}

void* DeviceNetwork::ScratchBytes(int64_t bytes) {
  bytes = kernels::RoundUp(bytes, kScratchAlignment);
  while (true) {
    if (scratch_chunk_ == scratch_.size())
      scratch_.emplace_back(device_, std::max(bytes, kScratchChunk));
    const DeviceArray<uint8_t>& chunk = scratch_[scratch_chunk_];
    if (scratch_used_ + bytes <= chunk.count()) {
      uint8_t* at = chunk.data() + scratch_used_;
      scratch_used_ += bytes;
      return at;
    }
    ++scratch_chunk_, scratch_used_ = 0;
  }
}

float* DeviceNetwork::input(const std::string& name) const {
  const NodeId id = graph_.FindInput(name);
  TMPQ_CHECK(id >= 0, "no input " + name);
  return reinterpret_cast<float*>(inputs_[id].data());
}

}  // namespace tmpq
