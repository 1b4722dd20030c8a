// The graph's ops on tensors (src/graph/graph.h defines them), private to this folder. Values have
// a leading batch dimension.
#pragma once

#include "src/graph/graph.h"

namespace at {
class Tensor;
}

namespace tmpq {

// (batch, C) -> (batch, 1, .., C), to go with an x of `dimensions`.
at::Tensor Unsqueezed(at::Tensor vector, int64_t dimensions);
// `mask` (batch, keys) and `bias` (batch, heads, queries, keys) may be undefined; `bits` of q, k, v
// and softmax in simulated integers, or null.
at::Tensor Attention(const Node& node, at::Tensor q, at::Tensor k, at::Tensor v, at::Tensor mask,
                     at::Tensor bias, const int* bits);
at::Tensor Conv2d(const Node& node, const at::Tensor& x, const at::Tensor& weight,
                  const at::Tensor& bias);
at::Tensor Pool(const Node& node, const at::Tensor& x);
at::Tensor FrameWindows(const Node& node, const at::Tensor& x);
// Pixels four times each.
at::Tensor Upsample(const at::Tensor& x);
// (batch, suffix) with as many dimensions as x, so that it repeats within a sample.
at::Tensor Suffix(const at::Tensor& y, const at::Tensor& x);
at::Tensor GroupNorm(const Node& node, const at::Tensor& x, const at::Tensor& weight,
                     const at::Tensor& bias);
at::Tensor Patchify(const Node& node, const at::Tensor& x);
at::Tensor Unpatchify(const Node& node, const at::Tensor& x);
at::Tensor TimestepEmbedding(const Node& node, const at::Tensor& timestep);
// Channel pairs of every head, turned.
at::Tensor Rotary(const Node& node, const at::Tensor& x, const at::Tensor& angles);
at::Tensor ReplaceRows(const at::Tensor& x, const at::Tensor& mask, const at::Tensor& y);

}  // namespace tmpq
