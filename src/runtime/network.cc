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

// Sums with offsets stay within int32.
template <typename Where>
void CheckOffsets(const ActivePolicy::NodeBinding& binding, int64_t inputs, const Where& where) {
  const bool offsets = binding.weights.offset != nullptr || !binding.inputs.symmetric;
  if (!offsets || inputs <= kernels::kMaxOffsetInputs) return;
  throw Error(ErrorCode::kUnsupported, where(),
              "has " + std::to_string(inputs) + " inputs, too many for zero points",
              "at most " + std::to_string(kernels::kMaxOffsetInputs) + ", or symmetric integers");
}

// A convolution's inputs have one scale and nothing beside the integers: a sum over pixels has to
// be exact.
template <typename Where>
void CheckConvolution(const LayerInputView& inputs, const Where& where) {
  const char* what = inputs.low_rank > 0           ? "a float branch"
                     : inputs.first_row != nullptr ? "a first token"
                     : inputs.fixed_rows > 1       ? "scales of positions"
                                                   : nullptr;
  if (what == nullptr) return;
  throw Error(ErrorCode::kUnsupported, where(), "is a convolution with " + std::string(what),
              "token (one scale a picture) or static-tensor activation_scales, low_rank = 0");
}

bool HasWeightPanels(const Node& node) {
  return node.kind == OpKind::kLinear || node.kind == OpKind::kConv2d;
}

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

ActivePolicy RuntimeNetwork::Activate(const Policy& policy, const QuantTable* table,
                                      PolicyPlace place) const {
  TMPQ_CHECK(policy.size() == graph_.sites().sites.size(),
             "policy does not fit the network's sites");
  ActivePolicy active;
  active.nodes.resize(graph_.nodes().size());
  for (size_t id = 0; id < active.nodes.size(); ++id) {
    const Node& node = graph_.node(static_cast<NodeId>(id));
    ActivePolicy::NodeBinding& binding = active.nodes[id];
    const auto where = [&node] { return "policy: layer " + node.name; };
    if (node.first_site < 0) {
      if (HasWeightPanels(node) && panels_[id].empty()) {
        throw Error(ErrorCode::kInput, where(), "is a float layer, but its weights are missing");
      }
      continue;
    }
    const bool attention = node.kind == OpKind::kAttention;
    const BitWidth* widths = policy.data() + node.first_site;
    const int sites = attention ? 4 : 2;
    const auto floats =
        std::count_if(widths, widths + sites, [](BitWidth width) { return width.is_float(); });
    if (floats != 0 && floats != sites) {
      throw Error(ErrorCode::kUnsupported, where(), "mixes float and integer operands",
                  "all of its sites have to be float, or none");
    }
    for (int i = 0; i < sites; ++i) {
      if (widths[i].bits() == 16 && !(attention && i == 3)) {
        throw Error(ErrorCode::kUnsupported, where(),
                    "has 16 bits at a site that is not a softmax");
      }
    }
    if (floats > 0) {
      if (!attention && panels_[id].empty()) {
        throw Error(ErrorCode::kInput, where(),
                    "is to run in float, but its float weights are missing");
      }
      continue;
    }
    if (attention) {
      for (int i = 0; i < 4; ++i) binding.bits[i] = widths[i].bits();
    } else {
      if (table == nullptr)
        throw Error(ErrorCode::kInput, where(), "has no packed weights to run on");
      binding.weights = table->Weights(node.first_site, widths[0], place.range);
      binding.inputs = table->Inputs(node.first_site, widths[1], place.range, place.branch);
      if (node.kind == OpKind::kConv2d) CheckConvolution(binding.inputs, where);
      CheckOffsets(binding, ProductOf(node).inputs, where);
      binding.bits[0] = widths[1].bits();
    }
  }
  return active;
}

ActivePolicy RuntimeNetwork::ActivateFloat() const {
  return Activate(Policy(graph_.sites().sites.size(), BitWidth::Float()), nullptr);
}

int64_t RuntimeNetwork::NodeScratchBytes(int64_t batch) const {
  int64_t most = 0;
  for (const Node& node : graph_.nodes()) {
    if (node.kind == OpKind::kLinear) {
      const ProductShape product = ProductOf(node);
      const int64_t rows = std::min(kLinearRows, batch * product.rows);
      most = std::max(most, AlignedBytes(rows * kernels::RoundUp(product.inputs, 4)) +
                                2 * AlignedBytes(rows * 4) + TransformBytes(product) +
                                kernels::LinearIntScratchBytes(product.outputs, product.inputs));
    } else if (node.kind == OpKind::kConv2d) {
      most = std::max(most, ConvolutionScratchBytes(node, graph_.node(node.inputs[0]).shape));
    } else if (node.kind == OpKind::kAttention) {
      const Shape& k = graph_.node(node.inputs[1]).shape;
      most = std::max(
          most, kernels::AttentionScratchBytes(node.shape[node.shape.size() - 2], k[k.size() - 2],
                                               node.shape.back() / node.attributes.heads));
    }
  }
  return AlignedBytes(most);
}

const ExecutionPlan& RuntimeNetwork::PlanOf(const Workspace& workspace, bool observed) const {
  return observed ? node_by_node_ : workspace.keeps_constants ? keeping_ : by_rows_;
}

// Of one thread, at most; a multiple of 16, so that every value in a block is aligned.
int64_t RuntimeNetwork::RowsOfBlock(const ExecutionPlan& plan, size_t step, int64_t batch) const {
  const int64_t row_bytes = std::max<int64_t>(4 * plan.memory.block_floats_per_row[step], 1);
  const int64_t rows = batch * plan.memory.values[plan.steps[step].nodes[0]].rows;
  const int64_t most = std::clamp(kBlockBytes / row_bytes, kFewestBlockRows, kLinearRows);
  return kernels::RoundUp(std::min(most, rows), 16);
}

// All, where that would not pay: weights would come to the cache once for every few samples.
int64_t RuntimeNetwork::SamplesAtOnce(const ExecutionPlan& plan, int64_t batch, int threads) const {
  if (threads > 1 || batch <= 1) return batch;
  int64_t weights = 0, values = 0, most_rows = 1;  // bytes, of the values those of a sample
  for (size_t i = 0; i < graph_.nodes().size(); ++i) {
    const auto id = static_cast<NodeId>(i);
    const ValueLayout& layout = plan.memory.values[id];
    if (plan.memory.arena_offset[id] >= 0) values += 2 * 4 * layout.rows * layout.cols;
    if (!HasWeightPanels(graph_.node(id)) || constant_[id]) continue;
    weights += ElementsOf(graph_.node(id).parameters.at("weight"));
    most_rows = std::max(most_rows, ProductOf(graph_.node(id)).rows);
  }
  const int64_t fitting = kArenaBytes / (4 * plan.memory.arena_floats_per_sample + 1);
  const int64_t fewest = (kFewestBlockRows + most_rows - 1) / most_rows;
  const int64_t at_once = std::max({fitting, fewest, int64_t{1}});
  if (at_once >= batch || weights / at_once > values) return batch;
  const int64_t turns = (batch + at_once - 1) / at_once;
  return (batch + turns - 1) / turns;
}

Workspace RuntimeNetwork::MakeWorkspace(int64_t max_batch, int threads, bool keep_constants) const {
  Workspace workspace;
  workspace.max_batch = max_batch;
  workspace.threads = threads;
  workspace.inputs.resize(graph_.nodes().size());
  workspace.keeps_constants = keep_constants;
  if (keep_constants) workspace.constants_from.resize(graph_.nodes().size());
  const ExecutionPlan& plan = PlanOf(workspace, /*observed=*/false);
  workspace.samples_at_once = SamplesAtOnce(plan, max_batch, threads);
  workspace.arena.resize(workspace.samples_at_once * plan.memory.arena_floats_per_sample);
  workspace.constants.resize(max_batch * plan.memory.kept_floats_per_sample);
  for (size_t step = 0; step < plan.steps.size(); ++step) {
    const int64_t floats =
        RowsOfBlock(plan, step, workspace.samples_at_once) * plan.memory.block_floats_per_row[step];
    workspace.block_bytes = std::max(workspace.block_bytes, AlignedBytes(4 * floats));
  }
  workspace.scratch_bytes = NodeScratchBytes(max_batch) + workspace.block_bytes;
  workspace.scratch = ScratchMemory(workspace.scratch_bytes * threads);
  return workspace;
}

int RuntimeNetwork::UsefulThreads(int64_t batch, int threads) const {
  constexpr int64_t kMacsOfAThread = 32'000'000;  // about a millisecond
  return static_cast<int>(
      std::clamp<int64_t>(batch * graph_.macs() / kMacsOfAThread, 1, std::max(1, threads)));
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
    }
    if (call.share.count > 1) {
#pragma omp barrier
    }
  }
}

// Blocks as equal as they can be.
void RuntimeNetwork::RunRowStep(Call& call, const ExecutionStep& step, int64_t most_rows) const {
  const UnitRange rows = call.rows(step.nodes[0]);
  const int64_t blocks = (rows.size() + most_rows - 1) / most_rows;
  call.block_rows = most_rows;
  for (int64_t i = 0; i < blocks; ++i) {
    call.block = {rows.begin + rows.size() * i / blocks,
                  rows.begin + rows.size() * (i + 1) / blocks};
    for (const NodeId id : step.nodes) RunNode(call, id);
  }
  call.block_rows = 0, call.block = {};
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
      RunLayout(call, id);
      break;
    default:
      RunRows(call, id);
  }
}

}  // namespace tmpq
