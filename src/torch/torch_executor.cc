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

// `mask` (batch, keys) and `bias` (batch, heads, queries, keys) may be undefined.
at::Tensor Attention(const Node& node, at::Tensor q, at::Tensor k, at::Tensor v, at::Tensor mask,
                     at::Tensor bias, const Policy* policy) {
  const int64_t heads = node.attributes.heads, channels = q.size(-1);
  const auto split = [&](at::Tensor x) {           // (B, .., T, C) -> (B, .., heads, T, C / heads)
    while (x.dim() < q.dim()) x = x.unsqueeze(1);  // keys that the attentions of a sample share
    std::vector<int64_t> shape = q.sizes().vec();  // broadcast over them
    shape[q.dim() - 2] = x.size(-2);
    return x.expand(shape).unflatten(-1, {heads, channels / heads}).transpose(-2, -3);
  };
  const int64_t rank = q.dim();
  k = split(k), v = split(v), q = split(q);
  if (mask.defined()) {  // additive: (B, 1, .., keys); a mask of zeros leaves nothing out
    mask = mask != 0;
    mask = at::logical_or(mask, at::logical_not(mask.any(-1, true)));
    mask = at::zeros_like(mask, at::kFloat).masked_fill(at::logical_not(mask), -INFINITY);
    while (mask.dim() <= rank) mask = mask.unsqueeze(1);
  }
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
    at::Tensor logits = at::matmul(q, k.transpose(-1, -2)) * scale;
    if (mask.defined()) logits = logits + mask;
    out = at::matmul(FakeSoftmax(logits, bits[3]), v);
  } else {
    if (bias.defined()) {
      while (bias.dim() <= rank) bias = bias.unsqueeze(1);
      mask = mask.defined() ? mask + bias : bias;
    }
    if (node.attributes.causal) {
      const at::Tensor later = at::full({q.size(-2), k.size(-2)}, -INFINITY, at::kFloat).triu(1);
      mask = mask.defined() ? mask + later : later;
    }
    const double scale = node.attributes.score_scale;
    out = at::scaled_dot_product_attention(q, k, v,
                                           mask.defined() ? std::optional(mask) : std::nullopt, 0.0,
                                           false, scale != 0 ? std::optional(scale) : std::nullopt);
  }
  return out.transpose(-2, -3).flatten(-2);
}

// One scale an image, as the runtime does it.
at::Tensor FakeQuantizeImages(const at::Tensor& x, BitWidth width) {
  return FakeQuantizeRows(x.flatten(-3), width).view_as(x);
}

// (batch, .., H, W, C) -> (batch .., C, H, W).
at::Tensor ImagesOf(const at::Tensor& x) { return x.flatten(0, -4).permute({0, 3, 1, 2}); }

// The way back, to `node`'s shape.
at::Tensor ImagesTo(const Node& node, const at::Tensor& y, int64_t batch) {
  std::vector<int64_t> shape = node.shape;
  shape.insert(shape.begin(), batch);
  return y.permute({0, 2, 3, 1}).reshape(shape);
}

at::Tensor Conv2d(const Node& node, const at::Tensor& x, const at::Tensor& weight,
                  const at::Tensor& bias) {
  const Attributes& a = node.attributes;
  at::Tensor images = ImagesOf(x);
  std::vector<int64_t> padding = {a.padding, a.side_padding()};
  if (a.end_padding_only) {
    images = at::constant_pad_nd(images, {0, padding[1], 0, padding[0]});
    padding = {0, 0};
  }
  return ImagesTo(
      node, at::conv2d(images, weight.permute({0, 3, 1, 2}), bias, {a.stride, a.stride}, padding),
      x.size(0));
}

at::Tensor Pool(const Node& node, const at::Tensor& x) {
  const Attributes& a = node.attributes;
  const std::vector<int64_t> window = {a.kernel, a.window_width()}, stride = {a.stride, a.stride},
                             padding = {a.padding, a.side_padding()};
  return ImagesTo(node,
                  node.kind == OpKind::kMaxPool
                      ? at::max_pool2d(ImagesOf(x), window, stride, padding)
                      : at::avg_pool2d(ImagesOf(x), window, stride, padding, /*ceil_mode=*/false,
                                       /*count_include_pad=*/false),
                  x.size(0));
}

// Pixels four times each.
at::Tensor Upsample(const at::Tensor& x) {
  return x.repeat_interleave(2, -2).repeat_interleave(2, -3);
}

// (batch, suffix) with as many dimensions as x, so that it repeats within a sample.
at::Tensor Suffix(const at::Tensor& y, const at::Tensor& x) { return Unsqueezed(y, x.dim()); }

at::Tensor GroupNorm(const Node& node, const at::Tensor& x, const at::Tensor& weight,
                     const at::Tensor& bias) {
  return at::group_norm(x.movedim(-1, 1), node.attributes.groups, weight, bias,
                        node.attributes.epsilon)
      .movedim(1, -1);
}

at::Tensor Patchify(const Node& node, const at::Tensor& x) {
  const int64_t p = node.attributes.patch, height = x.size(-3), width = x.size(-2);
  return x.unflatten(-3, {height / p, p})
      .unflatten(-2, {width / p, p})  // (.., H/p, p, W/p, p, C)
      .transpose(-3, -4)
      .flatten(-3)
      .flatten(-3, -2);
}

at::Tensor Unpatchify(const Node& node, const at::Tensor& x) {
  const Attributes& a = node.attributes;
  const int64_t p = a.patch, channels = x.size(-1) / (p * p);
  return x.unflatten(-1, {p, p, channels})
      .unflatten(-4, {a.height / p, a.width / p})  // (.., H/p, W/p, p, p, C)
      .transpose(-3, -4)
      .flatten(-3, -2)
      .flatten(-4, -3);
}

at::Tensor TimestepEmbedding(const Node& node, const at::Tensor& timestep) {
  const Attributes& a = node.attributes;
  const int64_t half = a.features / 2;
  const double denominator = static_cast<double>(half) - a.frequency_shift;
  const at::Tensor frequencies =
      at::exp(at::arange(half, at::kFloat) * (-std::log(kMaxPeriod) / denominator));
  const at::Tensor angles = timestep.to(at::kFloat).unsqueeze(-1) * frequencies;
  const at::Tensor cosines = at::cos(angles), sines = at::sin(angles);
  return a.sin_first ? at::cat({sines, cosines}, -1) : at::cat({cosines, sines}, -1);
}

// Channel pairs of every head, turned.
at::Tensor Rotary(const Node& node, const at::Tensor& x, const at::Tensor& angles) {
  const at::Tensor pairs = x.unflatten(-1, {node.attributes.heads, -1, 2});
  at::Tensor turn = angles.unflatten(-1, {1, -1, 2});  // (batch, T, 1, C / heads / 2, 2)
  while (turn.dim() < pairs.dim()) turn = turn.unsqueeze(1);
  const at::Tensor a = pairs.select(-1, 0), b = pairs.select(-1, 1);
  const at::Tensor cosine = turn.select(-1, 0), sine = turn.select(-1, 1);
  return at::stack({a * cosine - b * sine, b * cosine + a * sine}, -1).flatten(-3);
}

at::Tensor ReplaceRows(const at::Tensor& x, const at::Tensor& mask, const at::Tensor& y) {
  return at::where(Unsqueezed(mask.unsqueeze(-1) != 0, x.dim()), x, y);
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
    const auto optional = [&](const char* role) {  // undefined where the node has none
      return node.parameters.count(role) > 0 ? parameter(role) : at::Tensor();
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
                       FakeQuantizeRows(parameter("weight"), width(0)), optional("bias"));
        break;
      case OpKind::kConv2d:
        y = Conv2d(node, FakeQuantizeImages(in(0), width(1)),
                   FakeQuantizeImages(parameter("weight"), width(0)), optional("bias"));
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
                      biases > 0 ? in(2 + extra) : at::Tensor(), policy);
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
      case OpKind::kMeanPool:
        y = in(0).flatten(1, -2).mean(1);
        break;
    }
  }
  return values[graph_->output()];
}

}  // namespace tmpq
