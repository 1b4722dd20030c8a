// The LibTorch executor: runs a graph in float or with simulated quantization, differentiable
// throughout.
//
// Off the path that decides (docs/numerics.md): LibTorch's results may depend on threads and batch.
#pragma once

#include <map>
#include <string>

#include "src/graph/graph.h"
#include "src/plan/candidate.h"

namespace at {
class Tensor;
}

namespace tmpq {

// Const-safe.
class TorchExecutor {
 public:
  using Tensors = std::map<std::string, at::Tensor>;

  // `graph` outlives this object.
  explicit TorchExecutor(const Graph& graph) : graph_(&graph) {}

  // `parameters` by full name ("blocks.0.qkv.weight"), `inputs` by input name with a leading batch
  // dimension (labels as int64). With a policy, every site that is not Float is quantized as the
  // integer runtime does it, with straight-through gradients. Returns (batch, output shape).
  at::Tensor Run(const Tensors& parameters, const Tensors& inputs,
                 const Policy* policy = nullptr) const;

 private:
  const Graph* graph_;
};

// Simulated symmetric quantization over the last dimension: one scale per row, nearest rounding,
// the definitions of kernels/include/numerics.h; the gradient passes straight through.
at::Tensor FakeQuantizeRows(const at::Tensor& x, BitWidth width);

}  // namespace tmpq
