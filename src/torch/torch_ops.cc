#include "src/torch/torch_ops.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <vector>

#include "src/torch/simulation.h"

namespace tmpq {
namespace {

constexpr double kMaxPeriod = 10000.0;

// Softmax in integers against the row maximum: exp(l - max) rounded to PMax levels, then
// normalised.
at::Tensor RoundedSoftmax(const at::Tensor& logits, int bits) {
  const double levels = std::exp2(bits) - 1;
  const at::Tensor p = at::exp(logits - logits.amax(-1, true));
  const at::Tensor rounded = p + (at::round(p * levels) / levels - p).detach();
  return rounded / rounded.sum(-1, true);
}

// (batch, .., H, W, C) -> (batch .., C, H, W).
at::Tensor ImagesOf(const at::Tensor& x) { return x.flatten(0, -4).permute({0, 3, 1, 2}); }

// The way back, to `node`'s shape.
at::Tensor ImagesTo(const Node& node, const at::Tensor& y, int64_t batch) {
  std::vector<int64_t> shape = node.shape;
  shape.insert(shape.begin(), batch);
  return y.permute({0, 2, 3, 1}).reshape(shape);
}

}  // namespace

at::Tensor Unsqueezed(at::Tensor vector, int64_t dimensions) {
  while (vector.dim() < dimensions) vector = vector.unsqueeze(1);
  return vector;
}

at::Tensor Attention(const Node& node, at::Tensor q, at::Tensor k, at::Tensor v, at::Tensor mask,
                     at::Tensor bias, const int* bits) {
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
  at::Tensor out;
  if (bits != nullptr) {
    q = QuantizeRows(q, bits[0], true);
    k = QuantizeRows(k, bits[1], true);
    v = QuantizeRows(v.transpose(-1, -2), bits[2], true)
            .transpose(-1, -2);  // per channel over the tokens
    const double scale = 1.0 / std::sqrt(static_cast<double>(channels / heads));
    at::Tensor logits = at::matmul(q, k.transpose(-1, -2)) * scale;
    if (mask.defined()) logits = logits + mask;
    out = at::matmul(RoundedSoftmax(logits, bits[3]), v);
  } else {
    if (bias.defined()) {
      while (bias.dim() <= rank) bias = bias.unsqueeze(1);
      mask = mask.defined() ? mask + bias : bias;
    }
    if (node.attributes.causal) {
      const at::Tensor later = at::full({q.size(-2), k.size(-2)}, -INFINITY, q.options()).triu(1);
      mask = mask.defined() ? mask + later : later;
    }
    const double scale = node.attributes.score_scale;
    out = at::scaled_dot_product_attention(q, k, v,
                                           mask.defined() ? std::optional(mask) : std::nullopt, 0.0,
                                           false, scale != 0 ? std::optional(scale) : std::nullopt);
  }
  return out.transpose(-2, -3).flatten(-2);
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
  if (a.end_padding > 0) images = at::constant_pad_nd(images, {0, a.end_padding, 0, a.end_padding});
  return ImagesTo(
      node, at::conv2d(images, weight.permute({0, 3, 1, 2}), bias, {a.stride, a.stride}, padding),
      x.size(0));
}

at::Tensor Pool(const Node& node, const at::Tensor& x) {
  const Attributes& a = node.attributes;
  const std::vector<int64_t> window = {a.kernel, a.window_width()}, stride = {a.stride, a.stride},
                             padding = {a.padding, a.side_padding()};
  at::Tensor images = ImagesOf(x);
  if (a.end_padding > 0) {
    images = at::constant_pad_nd(images, {0, a.end_padding, 0, a.end_padding},
                                 -std::numeric_limits<double>::infinity());
  }
  return ImagesTo(node,
                  node.kind == OpKind::kMaxPool
                      ? at::max_pool2d(images, window, stride, padding)
                      : at::avg_pool2d(images, window, stride, padding, /*ceil_mode=*/false,
                                       /*count_include_pad=*/false),
                  x.size(0));
}

at::Tensor FrameWindows(const Node& node, const at::Tensor& x) {
  const Attributes& a = node.attributes;
  std::vector<int64_t> padding(2 * (x.dim() - 1), 0);  // from the last dimension on
  padding[padding.size() - 2] = a.padding, padding.back() = a.padding + a.end_padding;
  return at::constant_pad_nd(x, padding)
      .unfold(1, a.kernel, a.stride)
      .transpose(-1, -2)
      .flatten(-2);
}

at::Tensor Upsample(const at::Tensor& x) {
  return x.repeat_interleave(2, -2).repeat_interleave(2, -3);
}

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
  const at::Tensor frequencies = at::exp(at::arange(half, timestep.options().dtype(at::kFloat)) *
                                         (-std::log(kMaxPeriod) / denominator));
  const at::Tensor angles = timestep.to(at::kFloat).unsqueeze(-1) * frequencies;
  const at::Tensor cosines = at::cos(angles), sines = at::sin(angles);
  return a.sin_first ? at::cat({sines, cosines}, -1) : at::cat({cosines, sines}, -1);
}

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

}  // namespace tmpq
