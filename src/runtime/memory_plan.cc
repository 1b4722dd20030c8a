#include "src/runtime/memory_plan.h"

#include <algorithm>

namespace tmpq {
namespace {

constexpr int64_t kAlignmentFloats = 16;  // 64 bytes, for any batch size

bool TakesStridedRows(const Node& reader, size_t operand) {
  switch (reader.kind) {
    case OpKind::kAttention:
      return operand < 3;
    case OpKind::kModulate:
      return operand > 0;
    case OpKind::kGatedAdd:
      return operand == 1;
    default:
      return false;
  }
}

// Whether node `id` is a slice that all its readers can use in place.
bool IsView(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.kind != OpKind::kSlice || id == graph.output() ||
      graph.node(node.inputs[0]).kind == OpKind::kInput) {
    return false;
  }
  for (const Node& reader : graph.nodes()) {
    for (size_t i = 0; i < reader.inputs.size(); ++i) {
      if (reader.inputs[i] == id && !TakesStridedRows(reader, i)) return false;
    }
  }
  return true;
}

// Whether each element of a node's output is made of the same element of its input alone, and may
// be written over it.
bool IsElementwise(OpKind kind) {
  switch (kind) {
    case OpKind::kSilu:
    case OpKind::kGelu:
    case OpKind::kGeluErf:
    case OpKind::kQuickGelu:
    case OpKind::kScale:
    case OpKind::kRelu:
      return true;
    default:
      return false;
  }
}

struct Block {
  int64_t begin, end;
};

// Of a value that owns its memory.
int64_t AlignedFloats(const ValueLayout& value) {
  const int64_t floats = value.rows * value.cols;
  return (floats + kAlignmentFloats - 1) / kAlignmentFloats * kAlignmentFloats;
}

// First gap of `size` floats between the blocks in use.
int64_t FirstFit(std::vector<Block>& used, int64_t size) {
  std::sort(used.begin(), used.end(),
            [](const Block& a, const Block& b) { return a.begin < b.begin; });
  int64_t at = 0;
  for (const Block& block : used) {
    if (block.begin - at >= size) break;
    at = std::max(at, block.end);
  }
  used.push_back({at, at + size});
  return at;
}

}  // namespace

std::vector<bool> ConstantNodes(const Graph& graph, std::span<const char* const> inputs) {
  std::vector<bool> constant;
  for (const Node& node : graph.nodes()) {
    const auto is_constant = [&](NodeId id) { return constant[id]; };
    const bool varies = node.kind == OpKind::kInput &&
                        std::find(inputs.begin(), inputs.end(), node.name) != inputs.end();
    constant.push_back(!varies && std::all_of(node.inputs.begin(), node.inputs.end(), is_constant));
  }
  if (constant[graph.output()]) constant.assign(constant.size(), false);
  return constant;
}

MemoryPlan PlanMemory(const Graph& graph) {
  return PlanMemory(graph, std::vector<bool>(graph.nodes().size(), false));
}

MemoryPlan PlanMemory(const Graph& graph, const std::vector<bool>& constant) {
  const auto count = static_cast<NodeId>(graph.nodes().size());
  MemoryPlan plan;
  plan.values.resize(count);
  plan.arena_offset.assign(count, -1);
  std::vector<NodeId> last_use(count, -1);  // of the memory that a node owns
  for (NodeId id = 0; id < count; ++id) {
    const Node& node = graph.node(id);
    ValueLayout& value = plan.values[id];
    value.cols = node.shape.empty() ? 1 : node.shape.back();
    value.rows = ElementsOf(node.shape) / value.cols;
    if (IsView(graph, id)) {
      const ValueLayout& source = plan.values[node.inputs[0]];
      value.buffer = source.buffer;
      value.offset = source.offset + node.attributes.offset;
      value.row_stride = source.row_stride;
    } else {
      value.buffer = node.kind == OpKind::kInput ? -1 : id;
      value.row_stride = value.cols;
    }
    for (const NodeId input : node.inputs) {
      plan.values[input].last_use = id;
      if (plan.values[input].buffer >= 0) last_use[plan.values[input].buffer] = id;
    }
  }
  if (plan.values[graph.output()].buffer >= 0) last_use[plan.values[graph.output()].buffer] = count;

  // Kept: constants that are read by what is none. Nothing else may ever be where they are.
  std::vector<std::pair<NodeId, Block>> live;
  for (NodeId id = 0; id < count; ++id) {
    for (const NodeId input : graph.node(id).inputs) {
      const NodeId buffer = plan.values[input].buffer;
      if (constant[id] || !constant[input] || buffer < 0 || plan.arena_offset[buffer] >= 0)
        continue;
      last_use[buffer] = count;
      const int64_t at = plan.arena_floats_per_sample;
      plan.arena_floats_per_sample += AlignedFloats(plan.values[buffer]);
      plan.arena_offset[buffer] = at;
      live.push_back({buffer, {at, plan.arena_floats_per_sample}});
    }
  }

  // Nobody reads the input after an elementwise node, not even in part.
  const auto in_place = [&](NodeId id) {
    if (!IsElementwise(graph.node(id).kind) || id == graph.output()) return false;
    const NodeId input = graph.node(id).inputs[0];
    return plan.values[input].buffer == input && last_use[input] == id;
  };
  for (NodeId id = 0; id < count; ++id) {
    std::erase_if(live, [&](const auto& entry) { return last_use[entry.first] < id; });
    if (plan.values[id].buffer != id || plan.arena_offset[id] >= 0) continue;
    const int64_t size = AlignedFloats(plan.values[id]);
    int64_t at;
    if (in_place(id)) {
      at = plan.arena_offset[graph.node(id).inputs[0]];
    } else {
      std::vector<Block> used;
      for (const auto& entry : live) used.push_back(entry.second);
      at = FirstFit(used, size);
    }
    plan.arena_offset[id] = at;
    plan.arena_floats_per_sample = std::max(plan.arena_floats_per_sample, at + size);
    live.push_back({id, {at, at + size}});
  }
  return plan;
}

}  // namespace tmpq
