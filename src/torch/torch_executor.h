// The LibTorch executor: runs a graph in float or with simulated quantization, differentiable
// throughout.
//
// Off the path that decides (docs/numerics.md): LibTorch's results may depend on threads and batch.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "src/graph/graph.h"
#include "src/torch/simulation.h"

namespace at {
class Tensor;
}

namespace tmpq {

// Const-safe.
class TorchExecutor {
 public:
  using Tensors = std::map<std::string, at::Tensor>;
  using Values = std::map<NodeId, at::Tensor>;  // of nodes, (batch, shape)

  // `graph` outlives this object.
  explicit TorchExecutor(const Graph& graph) : graph_(&graph) {}

  // `parameters` by full name ("blocks.0.qkv.weight"), `inputs` by input name with a leading batch
  // dimension (labels as int64). What `simulation` (may be null) knows is quantized as the integer
  // runtime does it. Returns (batch, output shape).
  at::Tensor Run(const Tensors& parameters, const Tensors& inputs,
                 const NetworkSimulation* simulation = nullptr) const;
  // Adds `wanted` nodes to `values`, and the nodes that they need, back to those that are there
  // already: so a part of a network runs alone. `inputs` holds what it needs of them, and at least
  // one tensor.
  void Evaluate(const Tensors& parameters, const Tensors& inputs,
                const NetworkSimulation* simulation, const std::vector<NodeId>& wanted,
                Values& values) const;

 private:
  void RunNode(NodeId id, const Tensors& parameters, const Tensors& inputs,
               const NetworkSimulation* simulation, Values& values) const;

  const Graph* graph_;
};

}  // namespace tmpq
