// One entry to all solvers.
#pragma once

#include <string>
#include <vector>

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

// What each part of the groups may cost, [part][limit].
using PartLimits = std::vector<std::vector<double>>;

// A budget divided among parts by one error: what each part's groups cost where `by_error` is
// solved whole; what that leaves of the limits is the first part's too. `part_of_group`: from 0 on.
// Throws as SolveAllocation.
PartLimits DivideByError(const AllocationProblem& by_error, const std::vector<int>& part_of_group,
                         AllocationSolver solver);

// Every part solved within its limits by `by_metric`, which has `by_error`'s groups and costs, and
// whose errors are compared within a part alone; what a part leaves over goes to the next
// (metric-decoupled allocation: ViDiT-Q, Zhao et al., arXiv 2406.02540, section 4.3, divides by
// error; MixDQ, arXiv 2405.17873, tries ratios). The result's error is `by_error`'s. Throws as
// SolveAllocation.
Allocation SolveParts(const AllocationProblem& by_error, const AllocationProblem& by_metric,
                      const std::vector<int>& part_of_group, const PartLimits& limits,
                      AllocationSolver solver);

}  // namespace tmpq
