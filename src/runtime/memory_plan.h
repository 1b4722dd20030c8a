// Where every node's output lives: one arena planned from liveness, per sample; what stays from
// call to call apart; and, of what only the nodes of one step need, a block of rows in a thread's
// scratch.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/graph/graph.h"

namespace tmpq {

struct ExecutionStep;

// A node's output as rows of channels, possibly a view into another node's rows (a slice).
// All sizes are per sample; sample b of a batch starts at row b * rows.
struct ValueLayout {
  NodeId buffer = -1;      // the node that owns the memory; -1: comes from outside (inputs)
  int64_t offset = 0;      // of the first channel within the owner's rows
  int64_t row_stride = 0;  // floats from row to row
  int64_t rows = 1;
  int64_t cols = 1;
  // A concatenation or upsampling that nobody makes: who reads it reads its inputs. No buffer.
  bool in_parts = false;
};

struct MemoryPlan {
  std::vector<ValueLayout> values;    // by node
  std::vector<int64_t> arena_offset;  // by node: floats per sample, or -1 where none is owned there
  std::vector<int64_t> kept_offset;   // the same of values that stay from call to call
  std::vector<int64_t> block_offset;  // by node: floats per row of a block, or -1
  int64_t arena_floats_per_sample = 0, kept_floats_per_sample = 0;
  std::vector<int64_t> block_floats_per_row;  // by step
};

// Slices become views where every reader takes strided rows (attention, shift, scale, gate), else
// copies. `parts`: two pictures side by side in their channels stay apart where convolutions and
// group norms alone read both, an upsampled one stays small where convolutions alone do.
std::vector<ValueLayout> PlanLayouts(const Graph& graph, bool parts);

// The nodes whose memory a node's value is read from; none of inputs.
std::vector<NodeId> OwnersOf(const Graph& graph, const std::vector<ValueLayout>& layouts,
                             NodeId id);

// Memory is used again as soon as its last reader is done (greedy first fit); functions of single
// elements write over what only they read. The output node's is kept to the end; `constant` nodes'
// values (by node) that others read have memory of their own.
MemoryPlan PlanMemory(const Graph& graph, std::vector<ValueLayout> layouts,
                      const std::vector<ExecutionStep>& steps, const std::vector<bool>& constant);

}  // namespace tmpq
