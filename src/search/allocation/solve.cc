#include "src/search/allocation/solve.h"

#include <algorithm>

#include "src/core/error.h"
#include "src/search/allocation/greedy.h"
#include "src/search/allocation/integer_programme.h"
#include "src/search/allocation/knapsack.h"
#include "src/search/allocation/lagrangian.h"

namespace tmpq {
namespace {

constexpr double kRounding = 1e-12;

constexpr const char* kNames[] = {"greedy",   "greedy-per-cost",   "lagrangian",
                                  "knapsack", "integer-programme", "exact"};

// Some groups of a problem under some of its limits; what the other groups' items cost is known.
struct SubProblem {
  AllocationProblem problem;
  std::vector<size_t> groups;  // of the whole problem
};

double LeastCost(const std::vector<AllocationItem>& group, size_t limit) {
  double least = group[0].costs[limit];
  for (const AllocationItem& item : group) least = std::min(least, item.costs[limit]);
  return least;
}

// The limits that a group's choice changes.
std::vector<size_t> LimitsOf(const std::vector<AllocationItem>& group, size_t limits) {
  std::vector<size_t> found;
  for (size_t k = 0; k < limits; ++k) {
    const auto differs = [&](const AllocationItem& item) {
      return item.costs[k] != group[0].costs[k];
    };
    if (std::any_of(group.begin(), group.end(), differs)) found.push_back(k);
  }
  return found;
}

// One problem a limit, or nothing where a group's choice changes two costs. What no choice changes
// is taken off the limits.
std::vector<SubProblem> Separated(const AllocationProblem& problem) {
  const size_t limits = problem.limits.size();
  std::vector<SubProblem> parts(limits);
  for (size_t k = 0; k < limits; ++k) parts[k].problem.limits = {problem.limits[k]};
  for (size_t g = 0; g < problem.groups.size(); ++g) {
    const std::vector<size_t> touched = LimitsOf(problem.groups[g], limits);
    if (touched.size() > 1) return {};
    const size_t own = touched.empty() ? 0 : touched[0];
    std::vector<AllocationItem> items;
    for (const AllocationItem& item : problem.groups[g]) {
      items.push_back({item.error, {item.costs[own]}});
    }
    parts[own].problem.groups.push_back(std::move(items));
    parts[own].problem.group_names.push_back(problem.group_names[g]);
    parts[own].groups.push_back(g);
    for (size_t k = 0; k < limits; ++k) {
      if (k != own) parts[k].problem.limits[0].limit -= LeastCost(problem.groups[g], k);
    }
  }
  return parts;
}

Allocation SolveWhole(const AllocationProblem& problem, AllocationSolver solver) {
  switch (solver) {
    case AllocationSolver::kGreedy:
      return PromoteGreedily(problem);
    case AllocationSolver::kGreedyPerCost:
      return PromoteGreedily(problem, PromotionRule::kReliefPerCost);
    case AllocationSolver::kLagrangian:
      return SolveByPrices(problem);
    case AllocationSolver::kKnapsack:
      return SolveKnapsack(problem);
    case AllocationSolver::kExact:
      if (problem.limits.size() == 1) return SolveKnapsack(problem);
      return SolveIntegerProgramme(problem);
    default:
      return SolveIntegerProgramme(problem);
  }
}

}  // namespace

AllocationSolver ParseAllocationSolver(const std::string& name) {
  for (int i = 0; i < static_cast<int>(std::size(kNames)); ++i) {
    if (name == kNames[i]) return static_cast<AllocationSolver>(i);
  }
  throw Error(ErrorCode::kUsage, "allocation", "\"" + name + "\" is unknown",
              "greedy, greedy-per-cost, lagrangian, knapsack, integer-programme or exact");
}

const char* NameOf(AllocationSolver solver) { return kNames[static_cast<int>(solver)]; }

Allocation SolveAllocation(const AllocationProblem& problem, AllocationSolver solver) {
  CheckFeasible(problem);
  if (problem.limits.size() < 2) return SolveWhole(problem, solver);
  const std::vector<SubProblem> parts = Separated(problem);
  if (parts.empty()) return SolveWhole(problem, solver);
  std::vector<int> items(problem.groups.size());
  for (const SubProblem& part : parts) {
    const Allocation found = SolveWhole(part.problem, solver);
    for (size_t i = 0; i < part.groups.size(); ++i) items[part.groups[i]] = found.items[i];
  }
  return AllocationOf(problem, std::move(items));
}

PartLimits DivideByError(const AllocationProblem& by_error, const std::vector<int>& part_of_group,
                         AllocationSolver solver) {
  TMPQ_CHECK(part_of_group.size() == by_error.groups.size(), "every group has a part");
  const Allocation divided = SolveAllocation(by_error, solver);
  const size_t parts = 1 + *std::max_element(part_of_group.begin(), part_of_group.end());
  PartLimits limits(parts, std::vector<double>(by_error.limits.size(), 0));
  for (size_t k = 0; k < by_error.limits.size(); ++k) {  // a little less: no sum exceeds the limits
    limits[0][k] = (by_error.limits[k].limit - divided.costs[k]) * (1 - kRounding);
  }
  for (size_t g = 0; g < part_of_group.size(); ++g) {
    const AllocationItem& spent = by_error.groups[g][divided.items[g]];
    for (size_t k = 0; k < spent.costs.size(); ++k) limits[part_of_group[g]][k] += spent.costs[k];
  }
  return limits;
}

Allocation SolveParts(const AllocationProblem& by_error, const AllocationProblem& by_metric,
                      const std::vector<int>& part_of_group, const PartLimits& limits,
                      AllocationSolver solver) {
  TMPQ_CHECK(part_of_group.size() == by_error.groups.size() &&
                 by_metric.groups.size() == by_error.groups.size(),
             "both problems have the same groups, and every group a part");
  std::vector<int> items(by_error.groups.size(), 0);
  std::vector<double> left(by_error.limits.size(), 0);
  for (size_t part = 0; part < limits.size(); ++part) {
    SubProblem own;
    own.problem.limits = by_metric.limits;
    for (size_t k = 0; k < left.size(); ++k)
      own.problem.limits[k].limit = left[k] + limits[part][k];
    for (size_t g = 0; g < part_of_group.size(); ++g) {
      if (part_of_group[g] != static_cast<int>(part)) continue;
      own.groups.push_back(g);
      own.problem.groups.push_back(by_metric.groups[g]);
      own.problem.group_names.push_back(by_metric.group_names[g]);
    }
    if (own.groups.empty()) continue;
    const Allocation found = SolveAllocation(own.problem, solver);
    for (size_t i = 0; i < own.groups.size(); ++i) items[own.groups[i]] = found.items[i];
    for (size_t k = 0; k < left.size(); ++k) {
      left[k] = (own.problem.limits[k].limit - found.costs[k]) * (1 - kRounding);
    }
  }
  return AllocationOf(by_error, std::move(items));
}

}  // namespace tmpq
