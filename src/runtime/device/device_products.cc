// Products of rows and weights on the device.
#include <algorithm>

#include "kernels/cuda/instances.h"
#include "src/core/error.h"
#include "src/runtime/device/device_launches.h"
#include "src/runtime/device/device_network.h"
#include "src/runtime/device/gemm_tiling.h"
#include "src/runtime/network_call.h"

namespace tmpq {
namespace {

using gpu::Epilogue;
using gpu::GemmParams;
using gpu::RowsParams;

// Calls launch(std::integral_constant<int, bits>) for 2..8 bits.
template <typename Launch>
void ForBits(int bits, Launch launch) {
  const auto try_bits = [&]<int kBits>() {
    if (bits == kBits) launch(std::integral_constant<int, kBits>{});
  };
  try_bits.template operator()<2>(), try_bits.template operator()<3>();
  try_bits.template operator()<4>(), try_bits.template operator()<5>();
  try_bits.template operator()<6>(), try_bits.template operator()<7>();
  try_bits.template operator()<8>();
}

}  // namespace

void DeviceNetwork::FloatProduct(const Step& step, gpu::Activations x, int64_t rows, int64_t inputs,
                                 int64_t outputs, const float* panels, const float* bias,
                                 gpu::Activations out) {
  gpu::LinearF32Params p;
  p.m = rows, p.n = outputs, p.k = inputs, p.x = x, p.x_stride = inputs;
  p.panels = panels, p.bias = Resident(bias, outputs);
  p.out = out, p.out_stride = outputs;
  using Kernel = gpu::LinearF32Kernel;
  Launch<Kernel>(step, {BlocksOf(outputs, Kernel::kThreads), BlocksOf(rows, Kernel::kRows)},
                 Kernel::kSharedBytes, p);
}

const float* DeviceNetwork::ResidentPanels(const float* host, int64_t outputs, int64_t inputs) {
  return Resident(host, kernels::FloatPanelElements(outputs, inputs));
}

const float* DeviceNetwork::FloatWeights(const Step& step, NodeId id) {
  const ProductShape product = ProductOf(graph_.node(id));
  const PackedWeightView& weights = step.policy.nodes[id].weights;
  if (weights.bits == 0) {
    return ResidentPanels(network_.panels_[id].data(), product.outputs, product.inputs);
  }
  const int64_t groups = GroupsOf(weights, product.inputs), terms = groups * product.outputs;
  const int64_t values = kernels::FloatPanelElements(product.outputs, product.inputs);
  gpu::DequantizeParams p;
  p.weights = ResidentWeights(weights, product.outputs, product.inputs, /*nibbles=*/false);
  p.bits = weights.bits, p.n = product.outputs, p.k = product.inputs;
  p.group = weights.group > 0 ? weights.group : product.inputs;
  p.padded_group = gpu::PaddedInputs(product.inputs, weights.group) / groups;
  p.scale = Resident(weights.scale, terms), p.offset = Resident(weights.offset, terms);
  p.panels = Scratch<float>(values);
  using Kernel = gpu::DequantizeKernel;
  Launch<Kernel>(step, {BlocksOf(values, Kernel::kThreads)}, 0, p);
  return p.panels;
}

void DeviceNetwork::SetTransform(const LayerInputView& inputs, int64_t channels,
                                 RowsParams* params) {
  params->multiply = Resident(inputs.multiply, channels);
  if (inputs.multiply == nullptr || inputs.rotation == nullptr) return;
  params->rotate = true, params->order = inputs.rotation->order;
  if (params->order > 1) {
    params->matrix = Resident(inputs.rotation->matrix.data(), params->order * params->order);
  }
}

void DeviceNetwork::LaunchRows(const Step& step, const RowsParams& params,
                               const std::string& where) {
  constexpr int64_t kMaxShared = 99 * 1024;  // of a block on every supported device
  const int64_t bytes = gpu::RowSharedBytes(params.cols, params.order);
  if (4 * bytes <= kMaxShared)
    return Launch<gpu::RowsKernel<4>>(step, {BlocksOf(params.rows, 4)}, 4 * bytes, params);
  if (bytes > kMaxShared) {
    throw Error(
        ErrorCode::kUnsupported, where,
        "has rows of " + std::to_string(params.cols) +
            " channels, too many for a device's shared memory",
        "at most " + std::to_string(kMaxShared / gpu::RowSharedBytes(64, params.order) * 64));
  }
  Launch<gpu::RowsKernel<1>>(step, {params.rows}, bytes, params);
}

// Weights, scales and sums of a binding; the kernel by shape.
void DeviceNetwork::Product(const Step& step, const ActivePolicy::NodeBinding& binding,
                            void* params, gpu::GemmKind kind) {
  GemmParams& p = *static_cast<GemmParams*>(params);
  const PackedWeightView& weights = binding.weights;
  const int64_t terms = GroupsOf(weights, p.k) * p.n;
  const bool nibbles = gpu::IsNibbles(kind);
  p.weights = ResidentWeights(weights, p.n, p.k, nibbles), p.group = weights.group;
  p.w_scale = Resident(weights.scale, terms), p.w_offset = Resident(weights.offset, terms);
  if (p.a_offset != nullptr) p.w_sums = Resident(weights.sums, terms);
  const GemmTiling tiling = TilingOf(kind, p.m, p.n, p.k);
  p.splits = tiling.splits;
  if (p.splits > 1) p.partial = Scratch<int32_t>(p.splits * p.m * p.n);
  const auto launch = [&]<typename Kernel>() {
    Launch<Kernel>(step, {BlocksOf(p.n, tiling.columns), BlocksOf(p.m, tiling.rows), tiling.splits},
                   Kernel::kSharedBytes, p);
  };
  const auto by_tile = [&]<typename Flat, typename Small, typename Middle, typename Large>() {
    if (tiling.rows == 16) return launch.template operator()<Flat>();
    if (tiling.columns == 128) return launch.template operator()<Large>();
    if (tiling.rows == 128) return launch.template operator()<Middle>();
    launch.template operator()<Small>();
  };
  if (kind == gpu::GemmKind::kNibbleWindows) {
    launch.template operator()<gpu::GemmNibblesWindows>();
  } else if (nibbles) {
    by_tile.template operator()<gpu::GemmNibblesFlat, gpu::GemmNibblesSmall, gpu::GemmNibblesMiddle,
                                gpu::GemmNibblesLarge>();
  } else {
    ForBits(weights.bits, [&](auto bits) {
      constexpr int kBits = decltype(bits)::value;
      if (kind == gpu::GemmKind::kWindows)
        launch.template operator()<gpu::GemmWindows<kBits>>();
      else if (kind == gpu::GemmKind::kGroups)
        launch.template operator()<gpu::GemmGroups<kBits>>();
      else
        by_tile.template operator()<gpu::GemmFlat<kBits>, gpu::GemmSmall<kBits>,
                                    gpu::GemmMiddle<kBits>, gpu::GemmLarge<kBits>>();
    });
  }
  if (p.splits > 1) Launch<gpu::FinishSplitKernel>(step, Elements(p.m * p.n), 0, p);
}

void DeviceNetwork::Linear(const Step& step, NodeId id) {
  const ActivePolicy::NodeBinding& binding = step.policy.nodes[id];
  if (binding.multiplies_integers()) return IntegerLinear(step, id);
  if (binding.weights.bits != 0) return DequantizedLinear(step, id);
  const Node& node = graph_.node(id);
  const ProductShape product = ProductOf(node);
  FloatProduct(step, Value(step, node.inputs[0]), step.batch * product.rows, product.inputs,
               product.outputs, FloatWeights(step, id), network_.bias_of_node_[id],
               Value(step, id));
}

void DeviceNetwork::DequantizedLinear(const Step& step, NodeId id) {
  const Node& node = graph_.node(id);
  const ProductShape product = ProductOf(node);
  const LayerInputView& inputs = step.policy.nodes[id].inputs;
  const int64_t rows = step.batch * product.rows;
  gpu::Activations x = Value(step, node.inputs[0]);
  float* moved = nullptr;
  if (inputs.multiply != nullptr || inputs.low_rank > 0) {
    RowsParams t;
    t.x = x, t.rows = rows, t.cols = t.x_stride = product.inputs;
    SetTransform(inputs, product.inputs, &t);
    moved = Scratch<float>(rows * product.inputs);
    t.out = x = gpu::FloatsAt(moved), t.out_last = true;
    LaunchRows(step, t, "device: layer " + node.name);
  }
  const gpu::Activations value = Value(step, id);
  const gpu::Activations whole =
      inputs.low_rank > 0 ? gpu::FloatsAt(Scratch<float>(rows * product.outputs)) : value;
  FloatProduct(step, x, rows, product.inputs, product.outputs, FloatWeights(step, id),
               network_.bias_of_node_[id], whole);
  AddBesideProduct(step, id, moved, whole, value);
}

void DeviceNetwork::AddBesideProduct(const Step& step, NodeId id, const float* moved,
                                     gpu::Activations product, gpu::Activations value) {
  const ProductShape shape = ProductOf(graph_.node(id));
  const LayerInputView& inputs = step.policy.nodes[id].inputs;
  const int64_t rows = step.batch * shape.rows;
  if (inputs.low_rank > 0) {
    auto* middle = Scratch<float>(rows * inputs.low_rank);
    auto* added = Scratch<float>(rows * shape.outputs);
    FloatProduct(step, gpu::FloatsAt(moved), rows, shape.inputs, inputs.low_rank,
                 ResidentPanels(inputs.down, inputs.low_rank, shape.inputs), nullptr,
                 gpu::FloatsAt(middle));
    FloatProduct(step, gpu::FloatsAt(middle), rows, inputs.low_rank, shape.outputs,
                 ResidentPanels(inputs.up, shape.outputs, inputs.low_rank), nullptr,
                 gpu::FloatsAt(added));
    gpu::ElementwiseParams add;
    add.x = product, add.y = gpu::FloatsAt(added),
    add.count = add.sample = add.period = rows * shape.outputs;
    add.binary = gpu::Binary::kAdd, add.out = value;
    Launch<gpu::ElementwiseKernel>(step, Elements(add.count), 0, add);
  }
  if (inputs.first_row != nullptr) {
    gpu::CopyParams copy;
    copy.count = step.batch * shape.outputs, copy.to = value;
    copy.from = gpu::FloatsAt(Resident(inputs.first_row, shape.outputs));
    copy.dims[4] = step.batch, copy.dims[5] = shape.outputs;
    copy.from_strides[5] = copy.to_strides[5] = 1;
    copy.to_strides[4] = shape.rows * shape.outputs;
    Launch<gpu::CopyKernel>(step, Elements(copy.count), 0, copy);
  }
}

void DeviceNetwork::IntegerLinear(const Step& step, NodeId id) {
  const Node& node = graph_.node(id);
  const ProductShape product = ProductOf(node);
  const ActivePolicy::NodeBinding& binding = step.policy.nodes[id];
  const LayerInputView& inputs = binding.inputs;
  const int64_t rows = step.batch * product.rows;
  const bool nibbles = HasNibbles(device_, binding);
  const Chain chain = options_.fuse ? ChainBefore(id) : Chain{{}, node.inputs[0]};

  RowsParams q;
  q.x = Value(step, chain.source), q.rows = rows, q.cols = q.x_stride = product.inputs;
  AddChain(step, chain, &q);
  SetTransform(inputs, product.inputs, &q);
  float* moved = inputs.low_rank > 0 ? Scratch<float>(rows * product.inputs) : nullptr;
  q.out = gpu::FloatsAt(moved), q.out_last = true;
  q.bits = binding.bits[0], q.group = binding.weights.group;
  q.nibbles = nibbles;
  q.q_stride =
      gpu::PaddedInputs(nibbles ? gpu::NibbleBytes(product.inputs) : product.inputs, q.group);
  q.q = Scratch<int8_t>(rows * q.q_stride), q.q_scale = Scratch<float>(rows);
  if (!inputs.symmetric) q.q_offset = Scratch<int32_t>(rows);
  if (binding.weights.offset != nullptr)
    q.q_sums = Scratch<int32_t>(rows * GroupsOf(binding.weights, product.inputs));
  q.fixed_scale = Resident(inputs.fixed_scale, inputs.fixed_rows);
  q.fixed_offset = Resident(inputs.fixed_offset, inputs.fixed_rows);
  q.fixed_rows = inputs.fixed_rows;
  LaunchRows(step, q, "device: layer " + node.name);

  GemmParams p;
  p.m = rows, p.n = product.outputs, p.k = product.inputs;
  p.a = q.q, p.a_scale = q.q_scale, p.a_offset = q.q_offset, p.a_sums = q.q_sums;
  p.bias = Resident(network_.bias_of_node_[id], product.outputs);
  const gpu::Activations value = Value(step, id);
  auto* whole = inputs.low_rank > 0 ? Scratch<float>(rows * product.outputs) : nullptr;
  p.out = inputs.low_rank > 0 ? gpu::FloatsAt(whole) : value, p.out_stride = product.outputs;
  const NodeId gate = GateAfter(step.policy, id);
  if (gate >= 0) {
    const Node& add = graph_.node(gate);
    p.epilogue = Epilogue::kGatedAdd, p.out = Value(step, gate);
    p.product_storage = value.storage;
    p.residual = Value(step, add.inputs[0]), p.gate = Value(step, add.inputs[1]);
    p.gate_stride = LayoutOf(add.inputs[1]).row_stride, p.rows = LayoutOf(gate).rows;
  }
  Product(step, binding, &p,
          nibbles                     ? gpu::GemmKind::kNibbles
          : binding.weights.group > 0 ? gpu::GemmKind::kGroups
                                      : gpu::GemmKind::kRows);
  AddBesideProduct(step, id, moved, p.out, value);
}

}  // namespace tmpq
