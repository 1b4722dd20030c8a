// The memory that calls need, and how many threads and samples at a time they are worth.
#include <algorithm>

#include "src/runtime/network_call.h"

namespace tmpq {

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
      const NodeId x = node.inputs[0];
      most = std::max(most, ConvolutionScratchBytes(node, graph_.node(x).shape,
                                                    by_rows_.memory.values[x].in_parts));
    } else if (node.kind == OpKind::kGroupNorm) {  // a group that lies in two parts
      most = std::max(most, AlignedBytes(4 * ElementsOf(node.shape) / node.attributes.groups));
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

}  // namespace tmpq
