// Problems that fall apart by limit, and budgets divided by one error and spent by another.
#include "src/search/allocation/solve.h"

#include <gtest/gtest.h>

#include "src/core/error.h"
#include "src/search/allocation/integer_programme.h"

namespace tmpq {
namespace {

using Items = std::vector<int>;

AllocationProblem Problem(std::vector<double> limits,
                          std::vector<std::vector<AllocationItem>> groups) {
  AllocationProblem problem;
  for (const double limit : limits) problem.limits.push_back({"bits", limit});
  for (size_t g = 0; g < groups.size(); ++g) {
    problem.group_names.push_back("group " + std::to_string(g));
  }
  problem.groups = std::move(groups);
  return problem;
}

// Two limits, no group under both, and a group without a choice under both.
AllocationProblem Separable() {
  return Problem({10, 7}, {{{0, {2, 1}}},
                           {{9, {1, 0}}, {4, {4, 0}}, {0, {8, 0}}},
                           {{7, {1, 0}}, {0, {5, 0}}},
                           {{5, {0, 1}}, {0, {0, 3}}},
                           {{6, {0, 1}}, {0, {0, 4}}}});
}

TEST(Solve, LimitsThatShareNoGroupAreSolvedAlone) {
  const AllocationProblem problem = Separable();
  for (const auto solver : {AllocationSolver::kKnapsack, AllocationSolver::kExact,
                            AllocationSolver::kIntegerProgramme}) {
    const Allocation found = SolveAllocation(problem, solver);
    EXPECT_EQ(found.items, SolveIntegerProgramme(problem).items) << NameOf(solver);
    EXPECT_EQ(found.items, (Items{0, 0, 1, 0, 1})) << NameOf(solver);
    EXPECT_EQ(found.error, 14);
    EXPECT_EQ(found.costs, (std::vector<double>{8, 6}));
  }
  for (const auto solver : {AllocationSolver::kGreedy, AllocationSolver::kGreedyPerCost,
                            AllocationSolver::kLagrangian}) {
    EXPECT_TRUE(Fits(problem, SolveAllocation(problem, solver).costs)) << NameOf(solver);
  }
}

TEST(Solve, AGroupUnderTwoLimitsIsNoKnapsack) {
  AllocationProblem problem = Separable();
  problem.groups[1][2].costs[1] = 1;
  EXPECT_THROW(SolveAllocation(problem, AllocationSolver::kKnapsack), Error);
  EXPECT_EQ(SolveAllocation(problem, AllocationSolver::kExact).items,
            SolveIntegerProgramme(problem).items);
  problem.limits[1].limit = 2;  // 3 are needed
  EXPECT_THROW(SolveAllocation(problem, AllocationSolver::kExact), Error);
}

TEST(Solve, Names) {
  for (const auto solver : {AllocationSolver::kGreedy, AllocationSolver::kGreedyPerCost,
                            AllocationSolver::kLagrangian, AllocationSolver::kKnapsack,
                            AllocationSolver::kIntegerProgramme, AllocationSolver::kExact}) {
    EXPECT_EQ(ParseAllocationSolver(NameOf(solver)), solver);
  }
  EXPECT_THROW(ParseAllocationSolver("best"), Error);
}

// Four layers of 4 or 8 bits under 24 bits: two may have 8. By error (relief 10, 8, 1, 6) these are
// the layers 0 and 1; so the first part, layers 0 and 3, may spend 12, and the second, 1 and 2,
// too. The first part's metric prefers 3 to 0, and the second's 2 to 1, which the error alone would
// not.
Allocation Decoupled(const AllocationProblem& by_error, const AllocationProblem& by_metric,
                     const std::vector<int>& part_of_group, AllocationSolver solver) {
  return SolveParts(by_error, by_metric, part_of_group,
                    DivideByError(by_error, part_of_group, solver), solver);
}

TEST(Solve, DecoupledBudgetsAreDividedByErrorAndSpentByTheMetric) {
  const auto layer = [](double at_4, double at_8) {
    return std::vector<AllocationItem>{{at_4, {4}}, {at_8, {8}}};
  };
  const AllocationProblem by_error =
      Problem({24}, {layer(11, 1), layer(9, 1), layer(2, 1), layer(7, 1)});
  const AllocationProblem by_metric =
      Problem({24}, {layer(.2, 0), layer(100, 0), layer(300, 0), layer(.5, 0)});
  for (const auto solver : {AllocationSolver::kGreedy, AllocationSolver::kExact}) {
    EXPECT_EQ(SolveAllocation(by_error, solver).items, (Items{1, 1, 0, 0}));
    const Allocation found = Decoupled(by_error, by_metric, {0, 1, 1, 0}, solver);
    EXPECT_EQ(found.items, (Items{0, 0, 1, 1})) << NameOf(solver);
    EXPECT_EQ(found.error, 11 + 9 + 1 + 1);  // by_error's
    EXPECT_EQ(found.costs[0], 24);
  }
}

// By error layer 0 alone gets 8 bits of 15, and 3 bits are left over. Its part's metric is content
// with 4 bits, so 7 go on to the second part, which now may have 8 bits too.
TEST(Solve, WhatAPartLeavesOverTheNextMaySpend) {
  const auto layer = [](double at_4, double at_8) {
    return std::vector<AllocationItem>{{at_4, {4}}, {at_8, {8}}};
  };
  const AllocationProblem by_error = Problem({15}, {layer(10, 0), layer(5, 0)});
  const AllocationProblem by_metric = Problem({15}, {layer(0, 0), layer(5, 0)});
  EXPECT_EQ(SolveAllocation(by_error, AllocationSolver::kExact).items, (Items{1, 0}));
  EXPECT_EQ(Decoupled(by_error, by_metric, {0, 1}, AllocationSolver::kExact).items, (Items{0, 1}));
}

// Limits of parts may come from elsewhere: here the second part alone may have 8 bits.
TEST(Solve, PartsKeepTheirOwnLimits) {
  const auto layer = [](double at_4, double at_8) {
    return std::vector<AllocationItem>{{at_4, {4}}, {at_8, {8}}};
  };
  const AllocationProblem problem = Problem({16}, {layer(10, 0), layer(5, 0), layer(1, 0)});
  const Allocation found =
      SolveParts(problem, problem, {0, 1, 1}, {{4}, {12}}, AllocationSolver::kExact);
  EXPECT_EQ(found.items, (Items{0, 1, 0}));
  EXPECT_EQ(found.error, 10 + 0 + 1);
  EXPECT_THROW(SolveParts(problem, problem, {0, 1, 1}, {{3}, {13}}, AllocationSolver::kExact),
               Error);
}

}  // namespace
}  // namespace tmpq
