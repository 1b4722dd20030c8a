// The LibTorch-free executor: runs a graph on the kernels, in float or in integers per policy.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernels/include/kernels.h"
#include "src/core/aligned.h"
#include "src/graph/graph.h"
#include "src/graph/parameters.h"
#include "src/runtime/execution_plan.h"
#include "src/supernet/quant_table.h"

namespace tmpq {

// One batch of inputs by their nodes' names, each (batch, input's shape). Inputs that embeddings
// read are integers. What the graph has no input for is ignored.
struct NetworkInputs {
  int64_t batch = 0;
  std::map<std::string, const float*> floats;
  std::map<std::string, const int32_t*> integers;
};

// What a policy means for each node: pointers into the weight table, and bit-widths. Cheap to make
// and copy.
struct ActivePolicy {
  struct NodeBinding {
    PackedWeightView weights;    // bits == 0: the node runs in float
    LayerInputView inputs;       // linear, convolution
    int bits[4] = {0, 0, 0, 0};  // linear: [0] activation, 0: float; attention: q, k, v, softmax

    // Of a linear or convolution: not in float, nor float inputs by weights that are integers only
    // in memory.
    bool multiplies_integers() const { return weights.bits != 0 && bits[0] != 0; }
    bool operator==(const NodeBinding&) const = default;
  };
  std::vector<NodeBinding> nodes;
  // What every node's values are rounded to, but for the graph's inputs and output.
  kernels::Storage storage = kernels::Storage::kFloat32;
};

// When and on which branch of guidance a policy runs: static scales and balancing may depend on it.
struct PolicyPlace {
  int range = 0;   // of timesteps
  int branch = 0;  // 1: the unconditional one
};

// Sees the input of every linear and convolution with quantization sites: (batch, input's shape).
using LayerObserver = std::function<void(NodeId id, const float* x, int64_t batch)>;

// Memory for calls of up to `max_batch` samples, one at a time, each by `threads` threads of its
// own. Calls allocate nothing.
struct Workspace {
  int64_t max_batch = 0;
  int threads = 1;
  std::vector<const void*> inputs;  // by node
  int64_t samples_at_once = 0;      // of a call, a few at a time: their values stay in cache
  AlignedVector<float> arena;
  AlignedVector<float> observed_arena;          // of calls that an observer sees, made by the first
  ScratchMemory scratch;                        // a thread's after another's
  int64_t scratch_bytes = 0;                    // of a thread
  int64_t block_bytes = 0;                      // of these, at the end: values of a block of rows
  std::vector<double>* node_seconds = nullptr;  // added to where asked for: op_times.h

  // What hangs on the conditions alone (encoded prompts, labels) is the same in every call of a
  // trajectory: such values stay, and calls with the same policy leave their nodes out until
  // Forget, which whoever changes the conditions calls.
  bool keeps_constants = false;
  AlignedVector<float> constants;
  int64_t constants_batch = 0;  // of the call that made them; 0: none did
  kernels::Storage constants_storage = kernels::Storage::kFloat32;
  std::vector<ActivePolicy::NodeBinding> constants_from;  // by node: what they were made with
  void Forget() { constants_batch = 0; }
};

// Processor time of the calling thread: what others take on a busy machine does not count.
double ThreadSeconds();

// A graph prepared for one set of kernels. Const-safe after construction: callers share it, each
// with its own Workspace. Results do not depend on batch or thread count.
class RuntimeNetwork {
 public:
  // Parameters of linears are copied into the kernels' float layout where `parameters` has them; a
  // policy may leave a site in float only then. Others are copied too, but for views, whose file
  // outlives this object, as `kernels` does.
  RuntimeNetwork(const Graph& graph, const ParameterSet& parameters,
                 const kernels::KernelSet& kernels);

  RuntimeNetwork(RuntimeNetwork&&) = default;
  RuntimeNetwork& operator=(RuntimeNetwork&&) = default;

  const Graph& graph() const { return graph_; }
  // Whether, in a denoiser, a node's value hangs on the conditions alone.
  bool IsConstant(NodeId id) const { return constant_[id]; }

  // Binds a policy. `table` may be null when everything is Float; it has to outlive the result.
  // Throws kUnsupported for a product with one float operand, but for float inputs of integer
  // weights; kInput where weights are missing.
  ActivePolicy Activate(const Policy& policy, const QuantTable* table,
                        PolicyPlace place = {}) const;
  // The policy that runs everything in float.
  ActivePolicy ActivateFloat() const;

  Workspace MakeWorkspace(int64_t max_batch, int threads = 1, bool keep_constants = false) const;
  // How many threads, of `threads`, a call of `batch` samples keeps busy: more would wait for each
  // other longer than they work.
  int UsefulThreads(int64_t batch, int threads) const;
  // Writes (batch, output shape). Preconditions: batch <= workspace.max_batch, inputs of the graph
  // present, labels within their tables.
  // Where the caller is one of several OpenMP threads already, it has no threads of its own.
  void Run(const ActivePolicy& policy, const NetworkInputs& inputs, float* output,
           Workspace& workspace, const LayerObserver* observer = nullptr) const;

  struct Call;  // one Run's pointers

 private:
  friend class DeviceNetwork;
  struct ProductPart;  // rows and columns of a linear's output
  const ExecutionPlan& PlanOf(const Workspace& workspace, bool observed) const;
  void RunSteps(Call& call, const ExecutionPlan& plan, const LayerObserver* observer) const;
  void RunRowStep(Call& call, const ExecutionStep& step, int64_t most_rows) const;
  bool ConstantsAreThere(const ActivePolicy& policy, int64_t batch,
                         const Workspace& workspace) const;
  void RunNode(Call& call, NodeId id) const;
  bool IsRounded(const Call& call, NodeId id) const;
  // This thread's rows of a node's value, made whole, to what the policy stores.
  void RoundValue(const Call& call, NodeId id) const;
  void RunLinear(Call& call, NodeId id) const;
  void RunIntegerLinear(Call& call, NodeId id, const ProductPart& part) const;
  void RunDequantizedLinear(const Call& call, NodeId id, const ProductPart& part) const;
  void RunConv2d(const Call& call, NodeId id) const;
  void RunGatheredConv2d(const Call& call, NodeId id) const;
  void RunAttention(const Call& call, NodeId id) const;
  void RunRows(const Call& call, NodeId id) const;
  void RunGroupNorm(const Call& call, NodeId id) const;
  void RunLayout(const Call& call, NodeId id) const;
  ProductPart PartOfLinear(const Call& call, NodeId id) const;
  int64_t NodeScratchBytes(int64_t batch) const;  // of a thread, for any node
  int64_t RowsOfBlock(const ExecutionPlan& plan, size_t step, int64_t batch) const;
  int64_t SamplesAtOnce(const ExecutionPlan& plan, int64_t batch, int threads) const;

  Graph graph_;
  const kernels::KernelSet* kernels_;
  std::vector<bool> constant_;                      // by node: in a denoiser, of conditions alone
  ExecutionPlan node_by_node_, by_rows_, keeping_;  // the last: by rows, and keeps constants
  std::map<std::string, AlignedVector<float>>
      parameters_;  // copied ones, but for weights of panels
  std::vector<const float*> weight_of_node_, bias_of_node_;
  std::vector<AlignedVector<float>> panels_;  // by node: float weights in kernel layout, or empty
};

}  // namespace tmpq
