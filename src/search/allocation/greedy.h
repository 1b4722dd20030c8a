// Greedy promotion: from the cheapest items upwards, as ViDiT-Q raises its most sensitive layers
// (Zhao et al., arXiv 2406.02540).
#pragma once

#include "src/search/allocation/problem.h"

namespace tmpq {

// What is promoted next, of all that still fits.
enum class PromotionRule {
  kLargestRelief,  // ViDiT-Q: the largest fall of the error
  kReliefPerCost,  // the largest fall per share of the limits
};

// Begins with every group's cheapest item (the least sum of `weights`, or 1, times shares of the
// limits) and promotes one
// group at a time while anything that lowers the error fits. Throws kInput; kUsage where the
// cheapest items do not fit, which with several limits does not mean that nothing does.
Allocation PromoteGreedily(const AllocationProblem& problem,
                           PromotionRule rule = PromotionRule::kLargestRelief,
                           const std::vector<double>& weights = {});

}  // namespace tmpq
