// The Lagrangian sweep: all allocations that are best at some price of the cost.
#pragma once

#include <vector>

#include "src/search/allocation/problem.h"

namespace tmpq {

// The cost is the sum of `weights` times the shares of the limits; empty: 1 each.
struct LagrangianFront {
  std::vector<Allocation> points;  // cheapest first; errors fall
  // prices[i] > prices[i + 1]: error per unit of the cost, from where on point i + 1 beats point i.
  std::vector<double> prices;
};

// The lower convex hull of errors over costs, whole: the groups' own hulls, merged by slope. Limits
// set the shares only; points may exceed them. Throws kInput.
LagrangianFront SweepPrices(const AllocationProblem& problem,
                            const std::vector<double>& weights = {});

// The best point of the front that fits. Near the optimum, above it by no more than one group's
// step; `bound`, where given, becomes a lower bound of the optimum (one limit). Throws as the front
// does, and kUsage where no point fits.
Allocation SolveByPrices(const AllocationProblem& problem, double* bound = nullptr);

}  // namespace tmpq
