// The multiple-choice knapsack, exactly, by dynamic programming: one limit.
#pragma once

#include <cstddef>

#include "src/search/allocation/problem.h"

namespace tmpq {

struct KnapsackOptions {
  size_t most_states = size_t{1} << 24;  // kept in all groups together; 16 bytes each
};

// The allocation with the least error that fits, for real costs and errors: no rounding to a grid.
// States are the sums of the first groups that no other beats in cost and error (Nemhauser &
// Ullmann, 1969); those that even the Lagrangian bound of the rest cannot save are dropped. Throws
// kInput, kUsage where nothing fits or the problem has not one limit, and kUnsupported where the
// states run out.
Allocation SolveKnapsack(const AllocationProblem& problem, const KnapsackOptions& options = {});

}  // namespace tmpq
