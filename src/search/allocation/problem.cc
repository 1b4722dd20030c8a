#include "src/search/allocation/problem.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "src/core/error.h"

namespace tmpq {

void CheckProblem(const AllocationProblem& problem) {
  TMPQ_CHECK(problem.groups.size() == problem.group_names.size(), "every group has a name");
  for (const CostLimit& limit : problem.limits) {
    if (std::isfinite(limit.limit) && limit.limit >= 0) continue;
    throw Error(ErrorCode::kInput, limit.name, "has no limit", "a number from 0 on is expected");
  }
  for (size_t g = 0; g < problem.groups.size(); ++g) {
    const auto refuse = [&](const char* what) {
      throw Error(ErrorCode::kInput, problem.group_names[g], what);
    };
    if (problem.groups[g].empty()) refuse("has nothing to choose from");
    for (const AllocationItem& item : problem.groups[g]) {
      if (item.costs.size() != problem.limits.size()) refuse("lacks a cost");
      if (!std::isfinite(item.error)) refuse("has an error that is no number");
      for (const double cost : item.costs) {
        if (!std::isfinite(cost) || cost < 0) refuse("has a cost that is no number from 0 on");
      }
    }
  }
}

Allocation AllocationOf(const AllocationProblem& problem, std::vector<int> items) {
  Allocation allocation;
  allocation.costs.resize(problem.limits.size());
  for (size_t g = 0; g < items.size(); ++g) {
    const AllocationItem& item = problem.groups[g][items[g]];
    allocation.error += item.error;
    for (size_t k = 0; k < item.costs.size(); ++k) allocation.costs[k] += item.costs[k];
  }
  allocation.items = std::move(items);
  return allocation;
}

bool Fits(const AllocationProblem& problem, const std::vector<double>& costs) {
  for (size_t k = 0; k < costs.size(); ++k) {
    if (costs[k] > problem.limits[k].limit) return false;
  }
  return true;
}

bool IsBetter(const Allocation& a, const Allocation& b) {
  if (a.error != b.error) return a.error < b.error;
  if (a.costs != b.costs) return a.costs < b.costs;
  return a.items < b.items;
}

std::vector<double> LeastCosts(const AllocationProblem& problem) {
  std::vector<double> least(problem.limits.size());
  for (const auto& group : problem.groups) {
    for (size_t k = 0; k < least.size(); ++k) {
      double cost = std::numeric_limits<double>::infinity();
      for (const AllocationItem& item : group) cost = std::min(cost, item.costs[k]);
      least[k] += cost;
    }
  }
  return least;
}

void CheckFeasible(const AllocationProblem& problem) {
  CheckProblem(problem);
  const std::vector<double> least = LeastCosts(problem);
  for (size_t k = 0; k < least.size(); ++k) {
    if (least[k] > problem.limits[k].limit) ThrowInfeasible(problem.limits[k], least[k], "");
  }
}

void ThrowInfeasible(const CostLimit& limit, double least, const std::string& why) {
  char what[160], right[96];
  std::snprintf(what, sizeof(what), "%.9g cannot be kept", limit.limit / limit.unit);
  // Rounded up, so that the value named is enough.
  std::snprintf(
      right, sizeof(right), "the smallest that can is %.9g",
      std::nextafter(least / limit.unit * (1 + 1e-9), std::numeric_limits<double>::infinity()));
  throw Error(ErrorCode::kUsage, "limit on " + limit.name, what + why, right);
}

}  // namespace tmpq
