// The executor of a graph on a device: the same nodes, memory plan and bytes as RuntimeNetwork,
// with each node as launches of kernels/cuda. Neighbouring nodes are fused where only one launch's
// memory traffic differs.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "kernels/cuda/images.h"
#include "kernels/cuda/rows.h"
#include "src/runtime/device/device.h"
#include "src/runtime/network.h"

namespace tmpq {

struct DeviceNetworkOptions {
  bool fuse = true;  // changes launches, never bytes
};

// Weights go to the device when a policy first needs them. Not thread-safe.
class DeviceNetwork {
 public:
  // `network` and the tables of its policies outlive this object, as `device` does.
  DeviceNetwork(const RuntimeNetwork& network, Device& device, int64_t max_batch,
                DeviceNetworkOptions options = {});

  // As RuntimeNetwork::Run. `policy` is one that `network` activated. Throws kUnsupported naming
  // the node that the device's kernels do not take.
  void Run(const ActivePolicy& policy, const NetworkInputs& inputs, float* output);

  // The launches of Run as one graph, for a batch of this size; valid as long as this object.
  std::unique_ptr<DeviceGraph> Capture(const ActivePolicy& policy, int64_t batch);
  void RunCaptured(const DeviceGraph& graph, const NetworkInputs& inputs, float* output);

  // For who launches captured calls itself: to the device, and where they lie there.
  void CopyInputs(const NetworkInputs& inputs);
  float* input(const std::string& name) const;
  const float* output() const { return output_.data(); }

 private:
  // What Execute knows of the call that it makes launches for.
  struct Step {
    const ActivePolicy& policy;
    int64_t batch;
    bool launches;           // false: only brings to the device what the launches will read
    std::vector<bool> done;  // by node: part of an earlier or later node's launch
    std::map<NodeId, NodeId> activation_of = {};  // of a normalization, whose launch has it
  };
  // Nodes that a linear's quantization does on the way: `source` is the first one's input.
  struct Chain {
    std::vector<NodeId> nodes;
    NodeId source = -1;
  };

  void Execute(Step& step);
  // Memory of the values of a policy's calls, at the first; never while a graph is captured.
  void MakeArena(const ActivePolicy& policy);
  void PlanFusion(Step& step) const;
  Chain ChainBefore(NodeId linear) const;
  // The kGatedAdd that a linear's outputs go into, or -1.
  NodeId GateAfter(const ActivePolicy& policy, NodeId linear) const;
  // The activation function that follows a normalization and can be part of it, or -1.
  NodeId ActivationAfter(NodeId norm) const;
  bool OnlyReader(NodeId value, NodeId reader) const;
  bool Adjacent(NodeId first, NodeId last, const std::vector<NodeId>& between) const;

  // device_products.cc
  void Linear(const Step& step, NodeId id);
  void IntegerLinear(const Step& step, NodeId id);
  void DequantizedLinear(const Step& step, NodeId id);
  // A node's first operand as it lies in memory (memory_plan.h): images in two parts, or in one,
  // which is of half the size where it is doubled.
  gpu::ImageSource SourceOf(const Step& step, NodeId reader) const;
  bool IsDoubled(NodeId reader) const;
  // The same in one part.
  gpu::Activations WholeImages(const Step& step, NodeId reader);
  gpu::Activations TransformedImages(const Step& step, NodeId layer);
  // Of an image that it reads, as it is stored.
  int64_t StoredElements(NodeId reader) const;
  void Conv2d(const Step& step, NodeId id);
  void IntegerConv2d(const Step& step, NodeId id, int64_t images);
  void Product(const Step& step, const ActivePolicy::NodeBinding& binding, void* params,
               gpu::GemmKind kind);
  void LaunchRows(const Step& step, const gpu::RowsParams& params, const std::string& where);
  // `panels` of the device, `bias` of the host.
  void FloatProduct(const Step& step, gpu::Activations x, int64_t rows, int64_t inputs,
                    int64_t outputs, const float* panels, const float* bias, gpu::Activations out);
  const float* ResidentPanels(const float* host, int64_t outputs, int64_t inputs);
  // The weights of a node in float, in scratch where the policy has integers.
  const float* FloatWeights(const Step& step, NodeId id);
  // Adds what is beside a linear's product to it: its float branch, of `moved` inputs, then the
  // first token. `product` is `value` where there is no branch.
  void AddBesideProduct(const Step& step, NodeId id, const float* moved, gpu::Activations product,
                        gpu::Activations value);
  // Inputs through a layer's balancing and rotation.
  void SetTransform(const LayerInputView& inputs, int64_t channels, gpu::RowsParams* params);
  // device_attention.cc
  void Attention(const Step& step, NodeId id);
  void IntegerAttention(const Step& step, NodeId id);
  // device_rows.cc
  void Rows(const Step& step, NodeId id);
  void Layout(const Step& step, NodeId id);
  void FrameWindows(const Step& step, NodeId id);
  void AddChain(const Step& step, const Chain& chain, gpu::RowsParams* params);

  template <typename Kernel>
  void Launch(const Step& step, LaunchGrid grid, int64_t shared_bytes,
              const typename Kernel::Params& params) {
    if (step.launches) device_.Launch<Kernel>(grid, shared_bytes, params);
  }

  // A node's value on the device.
  gpu::Activations Value(const Step& step, NodeId id) const;
  gpu::Storage StorageOf(const Step& step, NodeId id) const { return Value(step, id).storage; }
  const ValueLayout& LayoutOf(NodeId id) const { return memory_.values[id]; }
  const int32_t* Integers(const Node& node, size_t operand) const;
  // The device's copy of memory of the host that does not change.
  template <typename T>
  const T* Resident(const T* host, int64_t count) {
    return static_cast<const T*>(ResidentBytes(host, count * static_cast<int64_t>(sizeof(T))));
  }
  const void* ResidentBytes(const void* host, int64_t bytes);
  const uint8_t* ResidentWeights(const PackedWeightView& weights, int64_t n, int64_t k,
                                 bool nibbles);
  // Memory until the next node.
  template <typename T>
  T* Scratch(int64_t count) {
    return static_cast<T*>(ScratchBytes(count * static_cast<int64_t>(sizeof(T))));
  }
  void* ScratchBytes(int64_t bytes);

  const RuntimeNetwork& network_;
  const Graph& graph_;
  Device& device_;
  int64_t max_batch_;
  DeviceNetworkOptions options_;
  MemoryPlan memory_;
  std::vector<int> readers_;                    // by node
  std::map<int, DeviceArray<uint8_t>> arenas_;  // by the bytes of an element
  DeviceArray<float> output_;
  std::vector<DeviceArray<uint8_t>> inputs_;  // by node
  std::map<std::pair<const void*, int64_t>, DeviceArray<uint8_t>> resident_;
  std::map<std::tuple<const void*, int, int64_t, bool>, DeviceArray<uint8_t>> weights_;
  std::vector<DeviceArray<uint8_t>> scratch_;
  size_t scratch_chunk_ = 0;
  int64_t scratch_used_ = 0;
};

}  // namespace tmpq
