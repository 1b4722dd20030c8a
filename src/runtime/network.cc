#include "src/runtime/network.h"

#include <omp.h>

#include <algorithm>
#include <ctime>

#include "kernels/include/packing.h"
#include "src/core/error.h"
#include "src/runtime/network_call.h"
#include "src/runtime/op_times.h"

namespace tmpq {
namespace {

// Beyond it, sums of K products of an 8-bit and an unsigned 8-bit integer could leave int32.
constexpr int64_t kMaxInnerDimension = 65536;

// Of a denoiser: what differs from call to call of a trajectory.
constexpr const char* kVaryingInputs[] = {"sample", "timestep"};

}  // namespace

double ThreadSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

RuntimeNetwork::RuntimeNetwork(const Graph& graph, const ParameterSet& parameters,
                               const kernels::KernelSet& kernels)
    : graph_(graph),
      kernels_(&kernels),
      constant_(ConstantNodes(graph, kVaryingInputs)),
      node_by_node_(PlanExecution(graph, Fusion::kNone)),
      by_rows_(PlanExecution(graph, Fusion::kRows)),
      keeping_(PlanExecution(graph, Fusion::kRows, constant_)) {
  const size_t count = graph_.nodes().size();
  panels_.resize(count);
  bias_of_node_.assign(count, nullptr);
  weight_of_node_.assign(count, nullptr);
  for (size_t id = 0; id < count; ++id) {
    const Node& node = graph_.node(static_cast<NodeId>(id));
    const std::string where = "network " + graph_.name() + ": node " + node.name;
    for (const auto& [role, shape] : node.parameters) {
      const std::string name = node.name + "." + role;
      if (HasWeightPanels(node) && role == "weight") {
        const ProductShape product = ProductOf(node);
        if (product.inputs > kMaxInnerDimension) {
          throw Error(ErrorCode::kUnsupported, where,
                      "has " + std::to_string(product.inputs) + " inputs",
                      "at most " + std::to_string(kMaxInnerDimension));
        }
        if (!parameters.Has(name)) continue;  // packed integers only: a plan
        panels_[id].resize(kernels::FloatPanelElements(product.outputs, product.inputs));
        kernels::PackFloatPanels(parameters.Get(name).data(), product.outputs, product.inputs,
                                 panels_[id].data());
        continue;
      }
      const std::span<const float> values = parameters.Get(name);
      const float*& parameter = (role == "weight" ? weight_of_node_ : bias_of_node_)[id];
      parameter = values.data();
      if (parameters.values().count(name) == 0) continue;  // a view
      AlignedVector<float>& copy = parameters_[name];
      copy.assign(values.begin(), values.end());
      parameter = copy.data();
    }
  }
}

void RuntimeNetwork::Run(const ActivePolicy& policy, const NetworkInputs& inputs, float* output,
                         Workspace& workspace, const LayerObserver* observer) const {
  TMPQ_CHECK(inputs.batch <= workspace.max_batch, "batch exceeds the workspace");
  for (size_t id = 0; id < graph_.nodes().size(); ++id) {
    const Node& node = graph_.node(static_cast<NodeId>(id));
    if (node.kind != OpKind::kInput) continue;
    const void*& pointer = workspace.inputs[id];
    pointer = nullptr;
    const auto floats = inputs.floats.find(node.name);
    const auto integers = inputs.integers.find(node.name);
    if (floats != inputs.floats.end()) pointer = floats->second;
    if (integers != inputs.integers.end()) pointer = integers->second;
    TMPQ_CHECK(pointer != nullptr, "no input " + node.name);
  }
  // An observer sees every call's layers, and whole values.
  const bool observed = observer != nullptr;
  const ExecutionPlan& plan = PlanOf(workspace, observed);
  AlignedVector<float>& arena = observed ? workspace.observed_arena : workspace.arena;
  if (observed) arena.resize(workspace.max_batch * plan.memory.arena_floats_per_sample);
  const bool has_constants = !observed && ConstantsAreThere(policy, inputs.batch, workspace);
  if (!observed && workspace.keeps_constants && !has_constants) {
    std::copy(policy.nodes.begin(), policy.nodes.end(), workspace.constants_from.begin());
    workspace.constants_batch = inputs.batch;
    workspace.constants_storage = policy.storage;
  }
  const int64_t at_once = observed ? inputs.batch : workspace.samples_at_once;
  const auto run = [&](CallShare share) {
    for (int64_t first = 0; first < inputs.batch; first += at_once) {
      const UnitRange samples{first, std::min(first + at_once, inputs.batch)};
      Call call{policy, samples,     inputs.batch, output, workspace,
                *this,  plan.memory, arena.data(), share,  has_constants};
      RunSteps(call, plan, observer);
    }
  };
  if (workspace.threads == 1) return run({});
#pragma omp parallel num_threads(workspace.threads)
  run({omp_get_thread_num(), omp_get_num_threads()});
}

bool RuntimeNetwork::ConstantsAreThere(const ActivePolicy& policy, int64_t batch,
                                       const Workspace& workspace) const {
  if (workspace.constants_batch != batch || batch == 0) return false;
  if (workspace.constants_storage != policy.storage) return false;
  for (size_t id = 0; id < constant_.size(); ++id) {
    if (constant_[id] && !(policy.nodes[id] == workspace.constants_from[id])) return false;
  }
  return true;
}

void RuntimeNetwork::RunSteps(Call& call, const ExecutionPlan& plan,
                              const LayerObserver* observer) const {
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const ExecutionStep& step = plan.steps[i];
    const NodeId first = step.nodes[0];
    if (call.has_constants && constant_[first]) continue;
    if (observer != nullptr && call.share.index == 0 && HasWeightPanels(graph_.node(first)) &&
        graph_.node(first).first_site >= 0) {
      (*observer)(first, call.input(graph_.node(first), 0), call.batch);
    }
    call.integers_made = {};
    if (step.by_rows()) {
      RunRowStep(call, step, RowsOfBlock(plan, i, call.workspace.samples_at_once));
    } else {
      RunNode(call, first);
      if (IsRounded(call, first)) {
        if (call.share.count > 1) {
#pragma omp barrier
        }
        RoundValue(call, first);
      }
    }
    if (call.share.count > 1) {
#pragma omp barrier
    }
  }
}

// Blocks as equal as they can be. What is between two linears runs strip by strip, the next one's
// integers included.
void RuntimeNetwork::RunRowStep(Call& call, const ExecutionStep& step, int64_t most_rows) const {
  const UnitRange rows = call.rows(step.nodes[0]);
  const int64_t blocks = (rows.size() + most_rows - 1) / most_rows;
  call.block_rows = most_rows;
  for (int64_t i = 0; i < blocks; ++i) {
    call.block = {rows.begin + rows.size() * i / blocks,
                  rows.begin + rows.size() * (i + 1) / blocks};
    call.strip = call.block;
    for (size_t at = 0; at < step.nodes.size();) {
      const auto begin = step.nodes.begin() + static_cast<std::ptrdiff_t>(at);
      const auto end = std::find_if(begin, step.nodes.end(), [&](NodeId id) {
        return graph_.node(id).kind == OpKind::kLinear;
      });
      if (begin == end) {
        RunNode(call, step.nodes[at]);
        RoundValue(call, step.nodes[at++]);
        continue;
      }
      const bool integers =
          end != step.nodes.end() && call.policy.nodes[*end].multiplies_integers();
      call.RunStrips({begin, end}, integers ? *end : -1);
      at += static_cast<size_t>(end - begin);
    }
  }
  call.block_rows = 0, call.block = call.strip = {};
}

void RuntimeNetwork::Call::RunStrips(std::span<const NodeId> nodes, NodeId linear) {
  int64_t cols = 1;  // of the widest value
  for (const NodeId id : nodes) cols = std::max(cols, layout(id).cols);
  const int64_t at_once = std::max(kStripBytes / (4 * cols) / kStripRows, int64_t{1}) * kStripRows;
  LinearIntegers made = {};
  if (linear >= 0) made = IntegersOf(linear, block.size());
  for (int64_t first = block.begin; first < block.end; first += at_once) {
    strip = {first, std::min(first + at_once, block.end)};
    for (const NodeId id : nodes) {
      network.RunNode(*this, id);
      network.RoundValue(*this, id);
    }
    if (linear < 0) continue;
    const NodeTimer timer(workspace, linear, kWholeNode);
    MakeIntegers(linear, first, strip.size(), first - block.begin, made);
  }
  strip = block;
  if (linear < 0) return;
  const ActivePolicy::NodeBinding& binding = policy.nodes[linear];
  integers_made = {network.graph_.node(linear).inputs[0], block, binding.bits[0], binding.inputs};
}

bool RuntimeNetwork::IsRounded(const Call& call, NodeId id) const {
  return call.policy.storage != kernels::Storage::kFloat32 && id != graph_.output();
}

void RuntimeNetwork::RoundValue(const Call& call, NodeId id) const {
  if (!IsRounded(call, id)) return;
  const NodeTimer timer(call.workspace, id, kWholeNode);
  const UnitRange rows = call.rows(id);
  float* x = call.row(id, rows.begin);
  kernels_->round_activations(x, rows.size() * call.layout(id).cols, call.policy.storage, x);
}

void RuntimeNetwork::RunNode(Call& call, NodeId id) const {
  const NodeTimer timer(call.workspace, id, kWholeNode);
  switch (graph_.node(id).kind) {
    case OpKind::kLinear:
      RunLinear(call, id);
      break;
    case OpKind::kConv2d:
      RunConv2d(call, id);
      break;
    case OpKind::kAttention:
      RunAttention(call, id);
      break;
    case OpKind::kSlice:
    case OpKind::kPatchify:
    case OpKind::kUnpatchify:
    case OpKind::kTimestepEmbedding:
    case OpKind::kLabelEmbedding:
    case OpKind::kConcat:
    case OpKind::kReshape:
    case OpKind::kPermute:
    case OpKind::kUpsample:
    case OpKind::kParameter:
    case OpKind::kSelectRow:
    case OpKind::kReplaceRows:
    case OpKind::kRelu:
    case OpKind::kMaxPool:
    case OpKind::kAveragePool:
    case OpKind::kFrameWindows:
      RunLayout(call, id);
      break;
    default:
      RunRows(call, id);
  }
}

}  // namespace tmpq
