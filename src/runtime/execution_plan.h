// In which order the nodes of a call run, and which of them row by row.
#pragma once

#include <cstdint>
#include <vector>

#include "src/graph/graph.h"
#include "src/runtime/memory_plan.h"

namespace tmpq {

// Nodes that run one after another without a look at other threads' rows. Several: every node's
// row hangs on the same row of the ones before, so a block of rows goes through all of them while
// it is in cache.
struct ExecutionStep {
  std::vector<NodeId> nodes;

  bool by_rows() const { return nodes.size() > 1; }
};

enum class Fusion : uint8_t {
  kNone,   // every node on its own, its whole value kept: what observers want
  kParts,  // the same, but for what is read in parts (memory_plan.h): what devices want
  kRows,   // that, and rows
};

struct ExecutionPlan {
  std::vector<ExecutionStep> steps;  // every node that runs, once
  MemoryPlan memory;
};

// The values of `constant` nodes (by node; empty: none) that others read get memory of their own:
// they are there still when the call ends, so that the next one need not make them again.
ExecutionPlan PlanExecution(const Graph& graph, Fusion fusion,
                            const std::vector<bool>& constant = {});

// By node, whether its value hangs on none of these inputs; none at all where the output does not.
std::vector<bool> ConstantNodes(const Graph& graph, std::span<const char* const> inputs);

}  // namespace tmpq
