// Attention on the device.
#include <cmath>

#include "kernels/cuda/instances.h"
#include "src/core/error.h"
#include "src/runtime/device/device_network.h"
#include "src/runtime/network_call.h"

namespace tmpq {

void DeviceNetwork::Attention(const Step& step, NodeId id) {
  if (step.policy.nodes[id].bits[0] != 0) return IntegerAttention(step, id);
  const Node& node = graph_.node(id);
  const Shape& k_shape = graph_.node(node.inputs[1]).shape;
  gpu::AttentionF32Params p;
  p.samples = step.batch;
  p.queries = node.shape[node.shape.size() - 2], p.keys = k_shape[k_shape.size() - 2];
  p.heads = node.attributes.heads, p.d = node.shape.back() / p.heads;
  p.groups = LayoutOf(id).rows / p.queries;
  p.key_groups = LayoutOf(node.inputs[1]).rows / p.keys;
  p.q = Value(step, node.inputs[0]), p.q_stride = LayoutOf(node.inputs[0]).row_stride;
  p.k = Value(step, node.inputs[1]), p.k_stride = LayoutOf(node.inputs[1]).row_stride;
  p.v = Value(step, node.inputs[2]), p.v_stride = LayoutOf(node.inputs[2]).row_stride;
  const size_t extra = node.inputs.size() - 3, biases = node.attributes.score_bias ? 1 : 0;
  if (extra > biases) p.mask = Value(step, node.inputs[3]);
  if (biases > 0) p.bias = Value(step, node.inputs[2 + extra]);
  const auto scale = static_cast<float>(node.attributes.score_scale);
  p.scale = scale != 0.0f ? scale : 1.0f / std::sqrt(static_cast<float>(p.d));
  p.causal = node.attributes.causal;
  p.out = Value(step, id), p.out_stride = node.shape.back();
  using Kernel = gpu::AttentionF32Kernel;
  Launch<Kernel>(step, {BlocksOf(p.queries, Kernel::kWarps), p.heads, step.batch * p.groups},
                 16 * p.keys, p);
}

void DeviceNetwork::IntegerAttention(const Step& step, NodeId id) {
  const Node& node = graph_.node(id);
  const ActivePolicy::NodeBinding& binding = step.policy.nodes[id];
  const Shape& k_shape = graph_.node(node.inputs[1]).shape;
  gpu::AttentionParams p;
  p.queries = node.shape[node.shape.size() - 2], p.keys = k_shape[k_shape.size() - 2];
  p.heads = node.attributes.heads, p.d = node.shape.back() / p.heads;
  p.groups = LayoutOf(id).rows / p.queries;
  p.key_groups = LayoutOf(node.inputs[1]).rows / p.keys;
  if (p.d > 128) {
    throw Error(ErrorCode::kUnsupported, "device: attention " + node.name,
                "has heads of " + std::to_string(p.d) + " channels", "at most 128");
  }
  const int64_t padded_d = kernels::RoundUp(p.d, 32), groups = step.batch * p.groups;
  const int64_t key_groups = step.batch * p.key_groups;
  const auto heads = [&](int operand, int64_t count, int64_t tokens, int bits) {
    gpu::QuantizeHeadsParams h;
    h.x = Value(step, node.inputs[operand]), h.groups = count, h.tokens = tokens;
    h.x_stride = LayoutOf(node.inputs[operand]).row_stride;
    h.heads = p.heads, h.d = p.d, h.padded_d = padded_d, h.bits = bits;
    h.padded_tokens = gpu::PaddedKeys(tokens);
    const int64_t rows = count * p.heads * h.padded_tokens;
    h.q = Scratch<int8_t>(rows * padded_d), h.scale = Scratch<float>(rows);
    Launch<gpu::QuantizeHeadsKernel>(step, {BlocksOf(rows, gpu::QuantizeHeadsKernel::kWarps)}, 0,
                                     h);
    return std::pair<const int8_t*, const float*>(h.q, h.scale);
  };
  std::tie(p.q, p.q_scale) = heads(0, groups, p.queries, binding.bits[0]);
  std::tie(p.k, p.k_scale) = heads(1, key_groups, p.keys, binding.bits[1]);
  gpu::QuantizeValuesParams v;
  v.x = Value(step, node.inputs[2]), v.x_stride = LayoutOf(node.inputs[2]).row_stride;
  v.groups = key_groups, v.keys = p.keys, v.heads = p.heads, v.d = p.d, v.padded_d = padded_d;
  v.bits = binding.bits[2];
  v.q = Scratch<int8_t>(key_groups * p.heads * padded_d * gpu::PaddedKeys(p.keys));
  v.scale = Scratch<float>(key_groups * p.heads * padded_d);
  Launch<gpu::QuantizeValuesKernel>(step, {padded_d / 32, p.heads, key_groups},
                                    gpu::QuantizeValuesKernel::kSharedBytes, v);
  p.v = v.q, p.v_scale = v.scale, p.softmax_bits = binding.bits[3];
  if (node.inputs.size() > 3) p.mask = Value(step, node.inputs[3]);
  p.out = Value(step, id), p.out_stride = node.shape.back();
  const auto launch = [&]<int kD>() {
    const LaunchGrid grid = {BlocksOf(p.queries, 64), p.heads, groups};
    if (padded_d != kD) return;
    if (p.softmax_bits == 16)
      Launch<gpu::AttentionKernel<kD, true>>(step, grid,
                                             gpu::AttentionKernel<kD, true>::kSharedBytes, p);
    else
      Launch<gpu::AttentionKernel<kD, false>>(step, grid,
                                              gpu::AttentionKernel<kD, false>::kSharedBytes, p);
  };
  launch.template operator()<32>(), launch.template operator()<64>();
  launch.template operator()<96>(), launch.template operator()<128>();
}

}  // namespace tmpq
