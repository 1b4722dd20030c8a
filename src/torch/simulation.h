// Simulated quantization: a network's layers in float tensors as the integer runtime defines them
// (docs/numerics.md), differentiable in inputs, weights and static scales.
//
// Integers and scales are the runtime's, bit for bit, for the same inputs: only the products' sums
// are rounded differently.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "src/graph/graph.h"
#include "src/plan/candidate.h"
#include "src/quant/layer_quantizer.h"

namespace at {
class Tensor;
}

namespace tmpq {

// What of a network is quantized, and to what. Layers that nobody has set run in float. Moves, but
// is not copied; const-safe.
class NetworkSimulation {
 public:
  // Of a layer, by role; those that it does not have are missing. `weight` (N, K) is in the space
  // of the transformed inputs; `scale`, `offset` (entries, tokens) of static activations;
  // `multiply` (channels); `down`, `up`; `first_row` (N).
  using LayerTensors = std::map<std::string, at::Tensor>;

  // `graph` outlives this object.
  explicit NetworkSimulation(const Graph& graph);
  NetworkSimulation(NetworkSimulation&&) noexcept;
  NetworkSimulation& operator=(NetworkSimulation&&) noexcept;
  ~NetworkSimulation();

  // Layer `id` as `layer` stores it: set `set` at `weight_bits`, inputs at `activation_bits`; 0:
  // inputs stay float (but for their transform). Precondition: `layer` holds these bit-widths.
  void SetLayer(NodeId id, const LayerScheme& scheme, const QuantizedLayer& layer, int set,
                int weight_bits, int activation_bits);
  // The same without a stored layer: `weight` (N, K) are the values that its integers stand for,
  // and `scheme` has neither transforms nor static scales nor stored rows.
  void SetLayer(NodeId id, const LayerScheme& scheme, const at::Tensor& weight,
                int activation_bits);
  // Every attention whose sites have integers in `policy`.
  void SetAttentions(const Policy& policy);
  // Which entry of static scales each sample of the next batches has: (batch) of int64; undefined:
  // the first.
  void SetEntries(const at::Tensor& entries);
  // To learn: what is put here is what runs. Precondition: SetLayer.
  LayerTensors& tensors(NodeId id);

  bool Simulates(NodeId id) const { return layers_.count(id) > 0; }
  // The product of layer `id`; `x` (batch, input's shape), `bias` may be undefined.
  at::Tensor Product(NodeId id, const at::Tensor& x, const at::Tensor& bias) const;
  // What its integer product sees of `x`, in the same shape: transformed and quantized.
  at::Tensor QuantizedInputs(NodeId id, const at::Tensor& x) const;
  // Bit-widths of q, k, v and softmax of attention `id`; null: float.
  const int* AttentionBits(NodeId id) const;

 private:
  struct Layer;
  struct State;
  const Graph* graph_;
  std::map<NodeId, std::unique_ptr<Layer>> layers_;
  std::unique_ptr<State> state_;
};

// Dynamic ranges over the last dimension, one a row; nearest rounding. Gradients pass straight
// through.
at::Tensor QuantizeRows(const at::Tensor& x, int bits, bool symmetric);
// Static grids: `scale` (and `offset`, undefined: symmetric) broadcast over x. Values beyond the
// range are clamped; gradients reach x and, as in LSQ (Esser et al., arXiv 1902.08153), `scale`.
at::Tensor QuantizeToScale(const at::Tensor& x, int bits, const at::Tensor& scale,
                           const at::Tensor& offset);

}  // namespace tmpq
