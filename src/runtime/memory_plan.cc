#include "src/runtime/memory_plan.h"

#include <algorithm>

#include "src/runtime/execution_plan.h"

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

// Whether node `id` is one that all its readers can read where its inputs lie.
bool IsInParts(const Graph& graph, const std::vector<ValueLayout>& layouts, NodeId id) {
  const Node& node = graph.node(id);
  const bool beside = node.kind == OpKind::kConcat && node.inputs.size() == 2;
  if ((!beside && node.kind != OpKind::kUpsample) || id == graph.output()) return false;
  for (const NodeId input : node.inputs) {
    // What comes from outside is not rounded to what a policy stores, a concatenation of it is.
    if (layouts[input].in_parts || graph.node(input).kind == OpKind::kInput) return false;
  }
  bool is_read = false;
  for (const Node& reader : graph.nodes()) {
    if (std::find(reader.inputs.begin(), reader.inputs.end(), id) == reader.inputs.end()) continue;
    is_read = true;
    if (reader.kind != OpKind::kConv2d && (reader.kind != OpKind::kGroupNorm || !beside))
      return false;
  }
  return is_read;
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

int64_t AlignedFloats(int64_t floats) {
  return (floats + kAlignmentFloats - 1) / kAlignmentFloats * kAlignmentFloats;
}
// Of a value that owns its memory, per sample.
int64_t FloatsOf(const ValueLayout& value) { return AlignedFloats(value.rows * value.cols); }

// Memory in use: what ends before a moment is free from then on.
class Space {
 public:
  void FreeBefore(NodeId moment) {
    std::erase_if(used_, [&](const Block& block) { return block.last_use < moment; });
  }
  // The first gap of `size` floats.
  int64_t Take(int64_t size, NodeId last_use) {
    int64_t at = 0;
    for (const Block& block : used_) {
      if (block.begin - at >= size) break;
      at = std::max(at, block.end);
    }
    Put(at, size, last_use);
    return at;
  }
  void Put(int64_t at, int64_t size, NodeId last_use) {
    const Block block = {at, at + size, last_use};
    const auto after = [](const Block& a, const Block& b) { return a.begin < b.begin; };
    used_.insert(std::upper_bound(used_.begin(), used_.end(), block, after), block);
    most_ = std::max(most_, at + size);
  }
  int64_t most() const { return most_; }

 private:
  struct Block {
    int64_t begin, end;
    NodeId last_use;
  };
  std::vector<Block> used_;  // by begin
  int64_t most_ = 0;
};

// When memory is read, by the node that owns it. A moment is a node that runs on its own; in a step
// by rows a linear, or all that is between two: these go through a block strip by strip, and what
// the first strip wrote is there while the last is made.
struct Uses {
  // Of its node: which step, which moment, which of all nodes that run.
  std::vector<NodeId> step, moment, position;
  std::vector<NodeId> last_step, last_moment, last;  // of its last reader
  std::vector<bool> within_step;                     // all readers are in its step

  Uses(const Graph& graph, const std::vector<ValueLayout>& layouts,
       const std::vector<ExecutionStep>& steps)
      : step(layouts.size(), -1),
        moment(step),
        position(step),
        last_step(step),
        last_moment(step),
        last(step),
        within_step(layouts.size(), true) {
    NodeId at = 0, now = 0;
    for (size_t i = 0; i < steps.size(); ++i) {
      bool strips = false;  // of the node before
      for (const NodeId id : steps[i].nodes) {
        const bool in_strips = graph.node(id).kind != OpKind::kLinear;
        if (!in_strips || !strips) ++now;
        strips = in_strips;
        step[id] = static_cast<NodeId>(i), moment[id] = now, position[id] = at++;
        for (const NodeId input : graph.node(id).inputs) {
          for (const NodeId owner : OwnersOf(graph, layouts, input)) {
            last_step[owner] = step[id], last_moment[owner] = moment[id];
            last[owner] = position[id];
            if (step[owner] != step[id]) within_step[owner] = false;
          }
        }
      }
    }
    const NodeId output = layouts[graph.output()].buffer;
    if (output < 0) return;
    last_step[output] = last_moment[output] = last[output] = static_cast<NodeId>(layouts.size());
    within_step[output] = false;
  }
};

}  // namespace

std::vector<NodeId> OwnersOf(const Graph& graph, const std::vector<ValueLayout>& layouts,
                             NodeId id) {
  if (layouts[id].buffer >= 0) return {layouts[id].buffer};
  std::vector<NodeId> owners;
  if (!layouts[id].in_parts) return owners;
  for (const NodeId input : graph.node(id).inputs) {
    if (layouts[input].buffer >= 0) owners.push_back(layouts[input].buffer);
  }
  return owners;
}

std::vector<ValueLayout> PlanLayouts(const Graph& graph, bool parts) {
  std::vector<ValueLayout> layouts(graph.nodes().size());
  for (size_t i = 0; i < layouts.size(); ++i) {
    const auto id = static_cast<NodeId>(i);
    const Node& node = graph.node(id);
    ValueLayout& value = layouts[i];
    value.cols = node.shape.empty() ? 1 : node.shape.back();
    value.rows = ElementsOf(node.shape) / value.cols;
    if (IsView(graph, id)) {
      const ValueLayout& source = layouts[node.inputs[0]];
      value.buffer = source.buffer;
      value.offset = source.offset + node.attributes.offset;
      value.row_stride = source.row_stride;
    } else {
      value.in_parts = parts && IsInParts(graph, layouts, id);
      value.buffer = node.kind == OpKind::kInput || value.in_parts ? -1 : id;
      value.row_stride = value.cols;
    }
  }
  return layouts;
}

MemoryPlan PlanMemory(const Graph& graph, std::vector<ValueLayout> layouts,
                      const std::vector<ExecutionStep>& steps, const std::vector<bool>& constant) {
  const size_t count = layouts.size();
  const Uses uses(graph, layouts, steps);
  MemoryPlan plan;
  plan.arena_offset.assign(count, -1), plan.kept_offset.assign(count, -1);
  plan.block_offset.assign(count, -1);

  // Kept: constants that are read by what is none.
  for (size_t id = 0; id < count; ++id) {
    for (const NodeId input : graph.node(static_cast<NodeId>(id)).inputs) {
      for (const NodeId owner : OwnersOf(graph, layouts, input)) {
        if (constant[id] || !constant[owner] || plan.kept_offset[owner] >= 0) continue;
        plan.kept_offset[owner] = plan.kept_floats_per_sample;
        plan.kept_floats_per_sample += FloatsOf(layouts[owner]);
      }
    }
  }

  // Nobody reads the input after an elementwise node, not even in part.
  const auto overwritten = [&](NodeId id) -> NodeId {
    if (!IsElementwise(graph.node(id).kind) || id == graph.output()) return -1;
    const NodeId input = graph.node(id).inputs[0];
    return layouts[input].buffer == input && uses.last[input] == uses.position[id] ? input : -1;
  };
  Space arena;
  for (size_t i = 0; i < steps.size(); ++i) {
    arena.FreeBefore(static_cast<NodeId>(i));
    Space block;
    for (const NodeId id : steps[i].nodes) {
      block.FreeBefore(uses.moment[id]);
      if (plan.kept_offset[id] >= 0) continue;
      const bool in_block = steps[i].by_rows() && uses.within_step[id];
      std::vector<int64_t>& offsets = in_block ? plan.block_offset : plan.arena_offset;
      const int64_t size = in_block ? AlignedFloats(layouts[id].cols) : FloatsOf(layouts[id]);
      const NodeId last_use = in_block ? uses.last_moment[id] : uses.last_step[id];
      Space& space = in_block ? block : arena;
      const NodeId over = overwritten(id);
      if (over >= 0 && offsets[over] >= 0) {
        offsets[id] = offsets[over];
        space.Put(offsets[id], size, last_use);
      } else {
        offsets[id] = space.Take(size, last_use);
      }
    }
    plan.block_floats_per_row.push_back(block.most());
  }
  plan.arena_floats_per_sample = arena.most();
  plan.values = std::move(layouts);
  return plan;
}

}  // namespace tmpq
