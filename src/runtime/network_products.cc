// Linears and attention on the kernels; src/graph/graph.h defines the ops.
#include <algorithm>

#include "src/runtime/network_call.h"
#include "src/runtime/op_times.h"

namespace tmpq {

void TransformInputRows(const kernels::KernelSet& kernels, const LayerInputView& inputs,
                        const float* x, int64_t rows, int64_t channels, uint8_t* scratch,
                        float* out) {
  kernels::TransformRowsArgs args;
  args.x = x, args.rows = rows, args.cols = args.x_stride = channels;
  args.multiply = inputs.multiply, args.out = out;
  args.scratch = reinterpret_cast<float*>(scratch);
  if (inputs.rotation != nullptr) {
    args.rotate = true, args.order = inputs.rotation->order;
    if (args.order > 1) args.matrix = inputs.rotation->matrix.data();
  }
  kernels.transform_rows(args);
}

const uint8_t* WeightBytes(const kernels::KernelSet& kernels, const PackedWeightView& weights,
                           UnitRange outputs, int64_t inputs, uint8_t* bytes) {
  const int stored = weights.stored_bits > 0 ? weights.stored_bits : weights.bits;
  const uint8_t* packed = weights.data + kernels::PackedBytes(outputs.begin, inputs, stored);
  if (stored == 8 && weights.bits == 8) return packed;
  kernels.unpack_weights({packed, outputs.size(), inputs, stored, weights.bits, bytes});
  return bytes;
}

void MultiplyDequantized(const kernels::KernelSet& kernels, const PackedWeightView& weights,
                         UnitRange outputs, const kernels::LinearF32Args& linear, Carver scratch) {
  const int64_t inputs = linear.k;
  auto* bytes = scratch.Take<uint8_t>(kernels::PackedBytes(kDequantizedOutputs, inputs, 8));
  auto* panels = scratch.Take<float>(kernels::FloatPanelElements(kDequantizedOutputs, inputs));
  for (int64_t at = outputs.begin; at < outputs.end; at += kDequantizedOutputs) {
    const UnitRange some{at, std::min(at + kDequantizedOutputs, outputs.end)};
    kernels::DequantizeArgs values;
    values.bytes = WeightBytes(kernels, weights, some, inputs, bytes);
    values.n = some.size(), values.k = inputs, values.bits = weights.bits;
    values.scale = weights.scale + at, values.stride = linear.n;
    if (weights.offset != nullptr) values.offset = weights.offset + at;
    values.group = weights.group, values.panels = panels;
    kernels::DequantizePanels(values);
    kernels::LinearF32Args part = linear;
    part.n = some.size(), part.panels = panels, part.out += at;
    if (part.bias != nullptr) part.bias += at;
    kernels.linear_f32(part);
  }
}

namespace {

// out += (x down') up', a few rows at a time; `moved`: (kTransformRows, K).
void AddFloatBranch(const kernels::KernelSet& kernels, const LayerInputView& inputs,
                    const ProductShape& product, const float* x, int64_t rows, float* moved,
                    Carver scratch, float* out) {
  auto* middle = scratch.Take<float>(kTransformRows * inputs.low_rank);
  auto* added = scratch.Take<float>(kTransformRows * product.outputs);
  for (int64_t row = 0; row < rows; row += kTransformRows) {
    const int64_t count = std::min(kTransformRows, rows - row);
    const float* from = x + row * product.inputs;
    if (inputs.multiply != nullptr) {
      TransformInputRows(kernels, inputs, from, count, product.inputs, scratch.at, moved);
      from = moved;
    }
    kernels.linear_f32({count, inputs.low_rank, product.inputs, from, product.inputs, inputs.down,
                        nullptr, middle, inputs.low_rank});
    kernels.linear_f32({count, product.outputs, inputs.low_rank, middle, inputs.low_rank, inputs.up,
                        nullptr, added, product.outputs});
    float* to = out + row * product.outputs;
    kernels.add(to, added, count * product.outputs, to);
  }
}

// Columns of a linear, from a multiple of kGroupOutputs on: of one group of inputs.
void SelectOutputs(UnitRange columns, kernels::LinearIntArgs& linear) {
  const int stored_bits = linear.stored_bits > 0 ? linear.stored_bits : linear.bits;
  linear.n = columns.size();
  linear.weights += kernels::PackedBytes(columns.begin, linear.k, stored_bits);
  linear.w_scale += columns.begin;
  if (linear.w_offset != nullptr) linear.w_offset += columns.begin;
  if (linear.w_sums != nullptr) linear.w_sums += columns.begin;
  if (linear.bias != nullptr) linear.bias += columns.begin;
}

}  // namespace

// Rows where there are enough for all; few rows leave most of the time to the weights, so columns,
// each thread making the integers of all rows.
RuntimeNetwork::ProductPart RuntimeNetwork::PartOfLinear(const Call& call, NodeId id) const {
  constexpr int64_t kRowsOfAThread = 24;
  const ProductShape product = ProductOf(graph_.node(id));
  const ActivePolicy::NodeBinding& binding = call.policy.nodes[id];
  const int64_t rows = call.batch * product.rows;
  const bool by_rows = call.block_rows > 0 || call.share.count == 1 ||
                       rows >= kRowsOfAThread * call.share.count || binding.weights.group > 0 ||
                       binding.inputs.low_rank > 0 || binding.inputs.first_row != nullptr;
  if (by_rows) return {call.rows(id), {0, product.outputs}};
  return {{0, rows}, call.share.Of(product.outputs, kernels::kGroupOutputs)};
}

void RuntimeNetwork::RunLinear(Call& call, NodeId id) const {
  const Node& node = graph_.node(id);
  const ProductShape product = ProductOf(node);
  const ProductPart part = PartOfLinear(call, id);
  if (part.rows.size() == 0 || part.columns.size() == 0) return;
  const ActivePolicy::NodeBinding& binding = call.policy.nodes[id];
  if (binding.multiplies_integers()) return RunIntegerLinear(call, id, part);
  if (binding.weights.bits != 0) return RunDequantizedLinear(call, id, part);
  const float* bias = bias_of_node_[id];
  kernels_->linear_f32({part.rows.size(), part.columns.size(), product.inputs,
                        call.input_row(node, 0, part.rows.begin), product.inputs,
                        panels_[id].data() + part.columns.begin * product.inputs,
                        bias != nullptr ? bias + part.columns.begin : nullptr,
                        call.row(id, part.rows.begin) + part.columns.begin, product.outputs});
}

LinearIntegers RuntimeNetwork::Call::IntegersOf(NodeId linear, int64_t rows) const {
  const ProductShape product = ProductOf(network.graph_.node(linear));
  Carver carver{scratch()};
  LinearIntegers integers = {};
  integers.stride = kernels::RoundUp(product.inputs, 4);
  integers.q = carver.Take<int8_t>(rows * integers.stride);
  integers.scale = carver.Take<float>(rows);
  integers.offset = carver.Take<int32_t>(rows);
  integers.moved = carver.Take<float>(kTransformRows * product.inputs);
  integers.rest = carver.at;
  return integers;
}

void RuntimeNetwork::Call::MakeIntegers(NodeId linear, int64_t first, int64_t count, int64_t at,
                                        const LinearIntegers& integers) const {
  const NodeTimer timer(workspace, linear, kNodeInputs);
  const Node& node = network.graph_.node(linear);
  const int64_t cols = ProductOf(node).inputs;
  const ActivePolicy::NodeBinding& binding = policy.nodes[linear];
  const LayerInputView& inputs = binding.inputs;
  const kernels::KernelSet& kernels = *network.kernels_;
  const float* x = input_row(node, 0, first);
  kernels::QuantizeRowsArgs quantize = QuantizeArgs(binding);
  quantize.cols = quantize.x_stride = cols;
  const bool transformed = inputs.multiply != nullptr;
  const int64_t at_once = transformed ? kTransformRows : count;
  for (int64_t row = 0; row < count; row += at_once) {
    quantize.x = x + row * cols;
    quantize.rows = std::min(at_once, count - row);
    if (transformed) {
      TransformInputRows(kernels, inputs, quantize.x, quantize.rows, cols, integers.rest,
                         integers.moved);
      quantize.x = integers.moved;
    }
    quantize.q = integers.q + (at + row) * integers.stride;
    quantize.scale = integers.scale + at + row;
    if (!inputs.symmetric) quantize.offset = integers.offset + at + row;
    // Static scales of positions: rows begin anywhere.
    quantize.fixed_first = first + row;
    kernels.quantize_rows(quantize);
  }
}

// Some rows at a time: their integers, then their products. Linears that read the same value one
// after another may use the same integers.
void RuntimeNetwork::RunIntegerLinear(Call& call, NodeId id, const ProductPart& part) const {
  const Node& node = graph_.node(id);
  const ProductShape product = ProductOf(node);
  const ActivePolicy::NodeBinding& binding = call.policy.nodes[id];
  const LayerInputView& inputs = binding.inputs;
  const int64_t rows_at_once = std::min(kLinearRows, part.rows.size());
  const LinearIntegers integers = call.IntegersOf(id, rows_at_once);
  kernels::LinearIntArgs linear = LinearArgs(binding, product, bias_of_node_[id]);
  SelectOutputs(part.columns, linear);
  linear.a = integers.q, linear.a_scale = integers.scale;
  linear.a_offset = inputs.symmetric ? nullptr : integers.offset;
  linear.out_stride = product.outputs, linear.scratch = integers.rest;
  for (int64_t first = part.rows.begin; first < part.rows.end; first += rows_at_once) {
    const int64_t rows = std::min(rows_at_once, part.rows.end - first);
    const MadeIntegers wanted{node.inputs[0], {first, first + rows}, binding.bits[0], inputs};
    if (wanted != call.integers_made) call.MakeIntegers(id, first, rows, 0, integers);
    call.integers_made = wanted;
    float* out = call.row(id, first);
    linear.m = rows, linear.out = out + part.columns.begin;
    kernels_->linear_int(linear);
    if (inputs.low_rank > 0) {
      AddFloatBranch(*kernels_, inputs, product, call.input_row(node, 0, first), rows,
                     integers.moved, Carver{integers.rest}, out);
    }
    call.ReplaceFirstRows(id, {first, first + rows});
  }
}

// Some rows at a time, where they are transformed first.
void RuntimeNetwork::RunDequantizedLinear(const Call& call, NodeId id,
                                          const ProductPart& part) const {
  const Node& node = graph_.node(id);
  const ProductShape product = ProductOf(node);
  const ActivePolicy::NodeBinding& binding = call.policy.nodes[id];
  const LayerInputView& inputs = binding.inputs;
  const bool transformed = inputs.multiply != nullptr;
  Carver scratch{call.scratch()};
  auto* moved = scratch.Take<float>(kTransformRows * product.inputs);
  const int64_t at_once = transformed ? kTransformRows : part.rows.size();
  for (int64_t first = part.rows.begin; first < part.rows.end; first += at_once) {
    const int64_t rows = std::min(at_once, part.rows.end - first);
    const float* const x = call.input_row(node, 0, first);
    float* const out = call.row(id, first);
    if (transformed) {
      const NodeTimer timer(call.workspace, id, kNodeInputs);
      TransformInputRows(*kernels_, inputs, x, rows, product.inputs, scratch.at, moved);
    }
    MultiplyDequantized(*kernels_, binding.weights, part.columns,
                        {rows, product.outputs, product.inputs, transformed ? moved : x,
                         product.inputs, nullptr, bias_of_node_[id], out, product.outputs},
                        scratch);
    if (inputs.low_rank > 0)
      AddFloatBranch(*kernels_, inputs, product, x, rows, moved, scratch, out);
  }
  call.ReplaceFirstRows(id, part.rows);
}

void RuntimeNetwork::Call::ReplaceFirstRows(NodeId linear, UnitRange range) const {
  const float* const first_row = policy.nodes[linear].inputs.first_row;
  if (first_row == nullptr) return;
  const ProductShape product = ProductOf(network.graph_.node(linear));
  ForEachPeriod(range, product.rows, [&](int64_t sample, int64_t at, int64_t) {
    if (at == 0) std::copy_n(first_row, product.outputs, row(linear, sample * product.rows));
  });
}

void RuntimeNetwork::RunAttention(const Call& call, NodeId id) const {
  const Node& node = graph_.node(id);
  const ActivePolicy::NodeBinding& binding = call.policy.nodes[id];
  const Shape& k_shape = graph_.node(node.inputs[1]).shape;
  const auto stride = [&](int i) { return call.layout(node.inputs[i]).row_stride; };
  kernels::AttentionArgs args;
  args.queries = node.shape[node.shape.size() - 2], args.keys = k_shape[k_shape.size() - 2];
  args.heads = node.attributes.heads, args.head_dim = node.shape.back() / args.heads;
  args.q_stride = stride(0), args.k_stride = stride(1), args.v_stride = stride(2);
  args.q_bits = binding.bits[0], args.k_bits = binding.bits[1], args.v_bits = binding.bits[2];
  args.softmax_bits = binding.bits[3];
  args.out_stride = node.shape.back();
  args.scratch = call.scratch();
  args.score_scale = static_cast<float>(node.attributes.score_scale);
  args.causal = node.attributes.causal;
  const size_t extra = node.inputs.size() - 3, biases = node.attributes.score_bias ? 1 : 0;
  // Attentions per sample; keys and values may be shared by all of them. A unit is a head.
  const int64_t groups = call.layout(id).rows / args.queries, heads = args.heads;
  const int64_t key_groups = call.layout(node.inputs[1]).rows / args.keys;
  const auto run = [&](int64_t i, int64_t head, int64_t count) {
    const int64_t key_group = i / groups * key_groups + (key_groups == 1 ? 0 : i % groups);
    const int64_t channel = head * args.head_dim;
    args.heads = count;
    args.q = call.input(node, 0) + i * args.queries * args.q_stride + channel;
    args.k = call.input(node, 1) + key_group * args.keys * args.k_stride + channel;
    args.v = call.input(node, 2) + key_group * args.keys * args.v_stride + channel;
    if (extra > biases) args.mask = call.input(node, 3) + i / groups * args.keys;
    if (biases > 0) {
      args.bias =
          call.input(node, 2 + extra) + (i / groups * heads + head) * args.queries * args.keys;
    }
    args.out = call.value(id) + i * args.queries * args.out_stride + channel;
    (binding.bits[0] == 0 ? kernels_->attention_f32 : kernels_->attention_int)(args);
  };
  ForEachPeriod(call.share.Of(call.batch * groups * heads), heads, run);
}

}  // namespace tmpq
