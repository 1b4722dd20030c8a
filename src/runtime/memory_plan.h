// Where every node's output lives: one arena, planned from liveness, per sample.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/graph/graph.h"

namespace tmpq {

// A node's output as rows of channels, possibly a view into another node's rows (a slice).
// All sizes are per sample; sample b of a batch starts at row b * rows.
struct ValueLayout {
  NodeId buffer = -1;      // the node that owns the memory; -1: comes from outside (inputs)
  int64_t offset = 0;      // of the first channel within the owner's rows
  int64_t row_stride = 0;  // floats from row to row
  int64_t rows = 1;
  int64_t cols = 1;
  int64_t last_use = -1;  // last node that reads it
};

struct MemoryPlan {
  std::vector<ValueLayout> values;    // by node
  std::vector<int64_t> arena_offset;  // by node: floats per sample, or -1 where no memory is owned
  int64_t arena_floats_per_sample = 0;
};

// Slices become views where every reader takes strided rows (attention, shift, scale, gate), else
// copies. Buffers are reused as soon as their last reader is done (greedy first fit). The output
// node's buffer is kept to the end.
MemoryPlan PlanMemory(const Graph& graph);
// The same with memory of their own for the values of `constant` nodes (by node) that others read:
// they are there still when the call ends, so that the next one need not make them again.
MemoryPlan PlanMemory(const Graph& graph, const std::vector<bool>& constant);

// By node, whether its value hangs on none of these inputs; none at all where the output does not.
std::vector<bool> ConstantNodes(const Graph& graph, std::span<const char* const> inputs);

}  // namespace tmpq
