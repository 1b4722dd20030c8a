#include "src/runtime/execution_plan.h"

#include <algorithm>

namespace tmpq {
namespace {

// Fewer rows a sample leave most of the time to the weights, which then meet all of them at once.
constexpr int64_t kFewestRows = 16;

// The operands whose row i row i of the result hangs on and nothing of other rows; none: an op
// that looks at several. The other operands of such an op are the same for many rows.
std::vector<size_t> RowOperands(const Node& node) {
  switch (node.kind) {
    case OpKind::kLinear:
    case OpKind::kLayerNorm:
    case OpKind::kRmsNorm:
    case OpKind::kModulate:
    case OpKind::kSilu:
    case OpKind::kGelu:
    case OpKind::kGeluErf:
    case OpKind::kQuickGelu:
    case OpKind::kRelu:
    case OpKind::kScale:
    case OpKind::kAddParameter:
    case OpKind::kSlice:
    case OpKind::kRotary:
      return {0};
    case OpKind::kAdd:
    case OpKind::kMultiply:
      return {0, 1};
    case OpKind::kGatedAdd:
    case OpKind::kReplaceRows:
      return {0, 2};
    case OpKind::kConcat: {
      std::vector<size_t> all(node.inputs.size());
      for (size_t i = 0; i < all.size(); ++i) all[i] = i;
      return all;
    }
    default:
      return {};
  }
}

// Puts nodes into steps one after another. One step of rows is open at a time; what does not hang
// on it goes before it.
class StepPlanner {
 public:
  StepPlanner(const Graph& graph, const std::vector<ValueLayout>& layouts,
              const std::vector<bool>& constant)
      : graph_(graph), layouts_(layouts), constant_(constant), is_open_(graph.nodes().size()) {}

  void Add(NodeId id) {
    if (layouts_[id].buffer != id) return;  // inputs, views, and what is read in parts
    const std::vector<size_t> by_rows = Joinable(id);
    if (by_rows.empty()) {
      if (HangsOnOpen(id, {})) Close();
      steps_.push_back({{id}});
      return;
    }
    // A row of another size, or an operand that rows share: not before the open step is done.
    if (!open_.empty() &&
        (layouts_[id].rows != layouts_[open_[0]].rows || HangsOnOpen(id, by_rows)))
      Close();
    open_.push_back(id);
    is_open_[id] = true;
  }
  std::vector<ExecutionStep> Finish() {
    Close();
    return std::move(steps_);
  }

 private:
  // The operands that node `id` takes row by row; none where it is a step of its own.
  std::vector<size_t> Joinable(NodeId id) const {
    const Node& node = graph_.node(id);
    std::vector<size_t> operands = RowOperands(node);
    if (operands.empty() || layouts_[id].rows < kFewestRows || constant_[id]) return {};
    std::erase_if(operands, [&](size_t operand) {
      return layouts_[node.inputs[operand]].rows != layouts_[id].rows;
    });
    const bool first = !operands.empty() && operands[0] == 0;
    return first ? operands : std::vector<size_t>{};
  }
  // Whether an operand that is none of `by_rows` is made in the open step.
  bool HangsOnOpen(NodeId id, const std::vector<size_t>& by_rows) const {
    const Node& node = graph_.node(id);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (std::find(by_rows.begin(), by_rows.end(), i) != by_rows.end()) continue;
      for (const NodeId owner : OwnersOf(graph_, layouts_, node.inputs[i])) {
        if (is_open_[owner]) return true;
      }
    }
    return false;
  }
  void Close() {
    if (open_.empty()) return;
    for (const NodeId id : open_) is_open_[id] = false;
    steps_.push_back({std::move(open_)});
    open_.clear();
  }

  const Graph& graph_;
  const std::vector<ValueLayout>& layouts_;
  const std::vector<bool>& constant_;
  std::vector<ExecutionStep> steps_;
  std::vector<NodeId> open_;
  std::vector<bool> is_open_;  // by node
};

}  // namespace

ExecutionPlan PlanExecution(const Graph& graph, Fusion fusion, const std::vector<bool>& constant) {
  const auto count = static_cast<NodeId>(graph.nodes().size());
  const std::vector<bool> kept = constant.empty() ? std::vector<bool>(count, false) : constant;
  const std::vector<ValueLayout> layouts = PlanLayouts(graph, fusion != Fusion::kNone);
  ExecutionPlan plan;
  if (fusion != Fusion::kRows) {
    for (NodeId id = 0; id < count; ++id) {
      if (layouts[id].buffer == id) plan.steps.push_back({{id}});
    }
  } else {
    StepPlanner planner(graph, layouts, kept);
    for (NodeId id = 0; id < count; ++id) planner.Add(id);
    plan.steps = planner.Finish();
  }
  plan.memory = PlanMemory(graph, layouts, plan.steps, kept);
  return plan;
}

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

}  // namespace tmpq
