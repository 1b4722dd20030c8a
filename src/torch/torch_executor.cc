#include "src/torch/torch_executor.h"

#include <ATen/ATen.h>

#include <cmath>
#include <vector>

#include "kernels/include/numerics.h"
#include "src/core/error.h"

namespace tmpq {
namespace {

constexpr double kMaxPeriod = 10000.0;

at::Tensor StraightThrough(const at::Tensor& x, const at::Tensor& quantized) {
  return x + (quantized - x).detach();
}

// (batch, C) -> (batch, 1, .., C), to go with an x of `dimensions`.
at::Tensor Unsqueezed(at::Tensor vector, int64_t dimensions) {
  while (vector.dim() < dimensions) vector = vector.unsqueeze(1);
  return vector;
}

// Softmax in integers against the row maximum: exp(l - max) rounded to PMax levels, then
// normalised.
at::Tensor FakeSoftmax(const at::Tensor& logits, BitWidth width) {
  const double levels = std::exp2(width.bits()) - 1;
  const at::Tensor p = at::exp(logits - logits.amax(-1, true));
  const at::Tensor rounded = StraightThrough(p, at::round(p * levels) / levels);
  return rounded / rounded.sum(-1, true);
}

at::Tensor Attention(const Node& node, at::Tensor q, at::Tensor k, at::Tensor v,
                     const Policy* policy) {
  const int64_t heads = node.attributes.heads, channels = q.size(-1);
  const auto split = [&](const at::Tensor& x) {  // (B, T, C) -> (B, heads, T, C / heads)
    return x.unflatten(-1, {heads, channels / heads}).transpose(1, 2);
  };
  q = split(q), k = split(k), v = split(v);
  const bool simulated =
      policy != nullptr && node.first_site >= 0 && !(*policy)[node.first_site].is_float();
  at::Tensor out;
  if (simulated) {
    const BitWidth* bits = policy->data() + node.first_site;
    q = FakeQuantizeRows(q, bits[0]);
    k = FakeQuantizeRows(k, bits[1]);
    v = FakeQuantizeRows(v.transpose(-1, -2), bits[2])
            .transpose(-1, -2);  // per channel over the tokens
    const double scale = 1.0 / std::sqrt(static_cast<double>(channels / heads));
    out = at::matmul(FakeSoftmax(at::matmul(q, k.transpose(-1, -2)) * scale, bits[3]), v);
  } else {
    out = at::scaled_dot_product_attention(q, k, v);
  }
  return out.transpose(1, 2).flatten(-2);
}

at::Tensor Conv2d(const Node& node, const at::Tensor& x, const at::Tensor& weight,
                  const at::Tensor& bias) {
  const at::Tensor y = at::conv2d(x.permute({0, 3, 1, 2}), weight.permute({0, 3, 1, 2}), bias,
                                  {node.attributes.stride, node.attributes.stride},
                                  {node.attributes.padding, node.attributes.padding});
  return y.permute({0, 2, 3, 1});
}

at::Tensor GroupNorm(const Node& node, const at::Tensor& x, const at::Tensor& weight,
                     const at::Tensor& bias) {
  return at::group_norm(x.movedim(-1, 1), node.attributes.groups, weight, bias,
                        node.attributes.epsilon)
      .movedim(1, -1);
}

at::Tensor Patchify(const Node& node, const at::Tensor& x) {
  const int64_t p = node.attributes.patch, batch = x.size(0), height = x.size(1), width = x.size(2);
  return x.reshape({batch, height / p, p, width / p, p, x.size(3)})
      .permute({0, 1, 3, 2, 4, 5})
      .reshape({batch, height / p * (width / p), p * p * x.size(3)});
}

at::Tensor Unpatchify(const Node& node, const at::Tensor& x) {
  const Attributes& a = node.attributes;
  const int64_t p = a.patch, batch = x.size(0), channels = x.size(2) / (p * p);
  return x.reshape({batch, a.height / p, a.width / p, p, p, channels})
      .permute({0, 1, 3, 2, 4, 5})
      .reshape({batch, a.height, a.width, channels});
}

at::Tensor TimestepEmbedding(const Node& node, const at::Tensor& timestep) {
  const int64_t half = node.attributes.features / 2;
  const at::Tensor frequencies =
      at::exp(at::arange(half, at::kFloat) * (-std::log(kMaxPeriod) / static_cast<double>(half)));
  const at::Tensor angles = timestep.to(at::kFloat).unsqueeze(-1) * frequencies;
  return at::cat({at::cos(angles), at::sin(angles)}, -1);
}

}  // namespace

at::Tensor FakeQuantizeRows(const at::Tensor& x, BitWidth width) {
  if (width.is_float()) return x;
  const auto qmax = static_cast<float>(kernels::QMax(width.bits()));
  const at::Tensor plain = x.detach();
  const at::Tensor absmax = plain.abs().amax(-1, true);
  const at::Tensor positive = absmax > 0;
  const at::Tensor inverse =
      at::where(positive, at::reciprocal(absmax / qmax), at::zeros_like(absmax));
  const at::Tensor q = at::clamp(at::round(plain * inverse), -qmax, qmax);
  return StraightThrough(x, q * (absmax / qmax));
}

at::Tensor TorchExecutor::Run(const Tensors& parameters, const Tensors& inputs,
                              const Policy* policy) const {
  std::vector<at::Tensor> values(graph_->nodes().size());
  for (size_t id = 0; id < values.size(); ++id) {
    const Node& node = graph_->node(static_cast<NodeId>(id));
    const auto in = [&](size_t i) -> const at::Tensor& { return values[node.inputs[i]]; };
    const auto parameter = [&](const char* role) -> const at::Tensor& {
      return parameters.at(node.name + "." + role);
    };
    const auto width = [&](int i) {
      return policy == nullptr || node.first_site < 0 ? BitWidth::Float()
                                                      : (*policy)[node.first_site + i];
    };
    at::Tensor& y = values[id];
    switch (node.kind) {
      case OpKind::kInput:
        y = inputs.at(node.name);
        break;
      case OpKind::kLinear:
        y = at::linear(FakeQuantizeRows(in(0), width(1)),
                       FakeQuantizeRows(parameter("weight"), width(0)), parameter("bias"));
        break;
      case OpKind::kConv2d:
        TMPQ_CHECK(node.first_site < 0, "quantized convolutions are not simulated yet");
        y = Conv2d(node, in(0), parameter("weight"), parameter("bias"));
        break;
      case OpKind::kLayerNorm:
        y = at::layer_norm(in(0), {in(0).size(-1)}, {}, {}, node.attributes.epsilon);
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
        y = in(0) + in(1);
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
      case OpKind::kAttention:
        y = Attention(node, in(0), in(1), in(2), policy);
        break;
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
      case OpKind::kMeanPool:
        y = in(0).flatten(1, -2).mean(1);
        break;
    }
  }
  return values[graph_->output()];
}

}  // namespace tmpq
