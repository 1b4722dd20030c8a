// One entry to all solvers.
#pragma once

#include <string>

#include "src/search/allocation/problem.h"

namespace tmpq {

// kGreedy promotes by PromotionRule::kLargestRelief, kGreedyPerCost by kReliefPerCost; kExact: the
// knapsack where it can, else the integer programme.
enum class AllocationSolver {
  kGreedy,
  kGreedyPerCost,
  kLagrangian,
  kKnapsack,
  kIntegerProgramme,
  kExact
};
// "greedy", "greedy-per-cost", "lagrangian", "knapsack", "integer-programme" or "exact"; throws
// kUsage.
AllocationSolver ParseAllocationSolver(const std::string& name);
const char* NameOf(AllocationSolver solver);

// Limits that no group's choice touches together (the average bits of weights and of activations,
// say) are problems of their own, each solved alone: then a knapsack has one limit again. Throws as
// the solvers do.
Allocation SolveAllocation(const AllocationProblem& problem, AllocationSolver solver);

// A budget divided by one error and spent by others (ViDiT-Q's metric-decoupled allocation, Zhao et
// al., arXiv 2406.02540, section 4.3). First `by_error` is solved; what each part of the groups
// costs there is that part's budget, to which comes what the parts before it left over. Then every
// part is solved anew within it by `by_metric`, which has the same groups and costs, and whose
// errors are compared within a part alone. `part_of_group`: from 0 on. The result's error is
// `by_error`'s. Throws as SolveAllocation.
Allocation SolveDecoupled(const AllocationProblem& by_error, const AllocationProblem& by_metric,
                          const std::vector<int>& part_of_group, AllocationSolver solver);

}  // namespace tmpq
