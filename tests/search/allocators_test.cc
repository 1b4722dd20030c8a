// Solvers of the additive allocation problem: exact ones equal exhaustive search, the others come
// near it, and all of them keep the limits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <optional>

#include "src/core/error.h"
#include "src/core/random.h"
#include "src/search/allocation/greedy.h"
#include "src/search/allocation/integer_programme.h"
#include "src/search/allocation/knapsack.h"
#include "src/search/allocation/lagrangian.h"

namespace tmpq {
namespace {

using Solver = Allocation (*)(const AllocationProblem&);

Allocation Greedy(const AllocationProblem& p) { return PromoteGreedily(p); }
Allocation GreedyPerCost(const AllocationProblem& p) {
  return PromoteGreedily(p, PromotionRule::kReliefPerCost);
}
Allocation Lagrangian(const AllocationProblem& p) { return SolveByPrices(p); }
Allocation DynamicProgramme(const AllocationProblem& p) { return SolveKnapsack(p); }

// Up to 5 groups of up to 4 items; small whole numbers, so that ties are many, or reals. Limits
// between what is too little and what is enough for all.
AllocationProblem RandomProblem(RandomStream& random, size_t limits) {
  AllocationProblem problem;
  const bool whole = random.Below(2) == 0;
  const auto number = [&](int most) {
    return whole ? static_cast<double>(random.Below(most)) : most * random.Uniform();
  };
  for (uint64_t g = 0, groups = 1 + random.Below(5); g < groups; ++g) {
    problem.group_names.push_back("group " + std::to_string(g));
    auto& group = problem.groups.emplace_back(1 + random.Below(4));
    for (AllocationItem& item : group) {
      item.error = number(9) - 2;
      for (size_t k = 0; k < limits; ++k) item.costs.push_back(number(7));
    }
  }
  for (size_t k = 0; k < limits; ++k) {
    const auto most = static_cast<int>((3 + limits) * problem.groups.size());
    problem.limits.push_back({"cost " + std::to_string(k), number(most)});
  }
  return problem;
}

std::optional<Allocation> Exhaustive(const AllocationProblem& problem) {
  std::optional<Allocation> best;
  std::vector<int> items(problem.groups.size(), 0);
  while (true) {
    Allocation allocation = AllocationOf(problem, items);
    if (Fits(problem, allocation.costs) && (!best || IsBetter(allocation, *best))) {
      best = std::move(allocation);
    }
    size_t g = 0;
    while (g < items.size() && ++items[g] == static_cast<int>(problem.groups[g].size())) {
      items[g++] = 0;
    }
    if (g == items.size()) return best;
  }
}

// None where the solver says that nothing fits.
std::optional<Allocation> Solved(Solver solver, const AllocationProblem& problem) {
  try {
    Allocation allocation = solver(problem);
    EXPECT_TRUE(Fits(problem, allocation.costs));
    const Allocation again = AllocationOf(problem, allocation.items);
    EXPECT_EQ(again.error, allocation.error);
    EXPECT_EQ(again.costs, allocation.costs);
    return allocation;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage) << error.what();
    return std::nullopt;
  }
}

// How far a solver is from the optimum, over the spread of errors.
class Gap {
 public:
  void Add(const AllocationProblem& problem, double error, double optimum) {
    double spread = 0;
    for (const auto& group : problem.groups) {
      const auto [least, most] = std::minmax_element(
          group.begin(), group.end(), [](auto& a, auto& b) { return a.error < b.error; });
      spread += most->error - least->error;
    }
    const double gap = spread > 0 ? (error - optimum) / spread : 0;
    sum_ += gap, worst_ = std::max(worst_, gap), hits_ += gap < 1e-12, ++count_;
  }
  void Print(const char* name) const {
    std::printf("  %s: optimal in %.1f %% of %d, mean gap %.4f, worst %.3f of the errors' spread\n",
                name, 100.0 * hits_ / count_, count_, sum_ / count_, worst_);
  }

 private:
  double sum_ = 0, worst_ = 0;
  int hits_ = 0, count_ = 0;
};

TEST(AllocatorsTest, TheDynamicProgrammeEqualsExhaustiveSearch) {
  RandomStream random(1, RandomPurpose::kTest);
  Gap greedy, per_cost, lagrangian;
  int infeasible = 0;
  for (int i = 0; i < 10'000; ++i) {
    const AllocationProblem problem = RandomProblem(random, 1);
    const auto best = Exhaustive(problem), exact = Solved(DynamicProgramme, problem);
    ASSERT_EQ(best.has_value(), exact.has_value()) << i;
    infeasible += !best;
    if (!best) continue;
    ASSERT_EQ(exact->error, best->error) << i;
    ASSERT_EQ(exact->costs, best->costs) << i;
    for (const auto& [solver, gap] :
         {std::pair{&Greedy, &greedy}, std::pair{&GreedyPerCost, &per_cost},
          std::pair{&Lagrangian, &lagrangian}}) {
      const auto found = Solved(solver, problem);
      ASSERT_TRUE(found) << i;  // with one limit the cheapest items are where all of them begin
      ASSERT_GE(found->error, best->error) << i;
      gap->Add(problem, found->error, best->error);
    }
    double bound = 0;
    SolveByPrices(problem, &bound);
    ASSERT_LE(bound, best->error + 1e-9) << i;
  }
  greedy.Print("greedy promotion"), per_cost.Print("greedy, per cost"),
      lagrangian.Print("Lagrangian sweep");
  EXPECT_GT(infeasible, 100);
  EXPECT_LT(infeasible, 5000);
}

TEST(AllocatorsTest, TheIntegerProgrammeEqualsExhaustiveSearch) {
  RandomStream random(2, RandomPurpose::kTest);
  Gap greedy, lagrangian;
  int infeasible = 0;
  for (int i = 0; i < 1500; ++i) {
    const AllocationProblem problem = RandomProblem(random, 1 + i % 3);
    const auto best = Exhaustive(problem), exact = Solved(SolveIntegerProgramme, problem);
    ASSERT_EQ(best.has_value(), exact.has_value()) << i;
    infeasible += !best;
    if (!best) continue;
    ASSERT_NEAR(exact->error, best->error, 1e-8) << i;
    if (i % 50 == 0) {
      EXPECT_EQ(SolveIntegerProgramme(problem).items, exact->items);
    }
    if (i % 3 == 0) {
      ASSERT_NEAR(SolveKnapsack(problem).error, exact->error, 1e-8) << i;
    } else {
      if (const auto found = Solved(Greedy, problem))
        greedy.Add(problem, found->error, best->error);
      if (const auto found = Solved(Lagrangian, problem)) {
        lagrangian.Add(problem, found->error, best->error);
      }
    }
  }
  greedy.Print("greedy promotion, 2 and 3 limits"),
      lagrangian.Print("Lagrangian sweep, 2 and 3 limits");
  EXPECT_GT(infeasible, 20);
}

// What is measured for a network of some size: errors that fall by four a bit.
AllocationProblem LargeProblem(double share, size_t limits) {
  RandomStream random(3, RandomPurpose::kTest);
  AllocationProblem problem;
  for (int g = 0; g < 120; ++g) {
    problem.group_names.push_back("layer " + std::to_string(g));
    auto& group = problem.groups.emplace_back();
    const double macs = 1 + static_cast<double>(random.Below(1'000'000)),
                 damage = std::exp(4 * random.Uniform());
    for (int w = 2; w <= 8; ++w) {
      for (int a = 3; a <= 8; ++a) {
        group.push_back({damage * (std::exp2(-2 * w) + 0.5 * std::exp2(-2 * a)), {macs * w * a}});
        if (limits > 1) group.back().costs.push_back(macs * w);
      }
    }
  }
  std::vector<double> most(limits, 0);
  for (const auto& group : problem.groups) {
    for (size_t k = 0; k < limits; ++k) most[k] += group.back().costs[k];
  }
  problem.limits.push_back({"bitops", share * most[0]});
  if (limits > 1) problem.limits.push_back({"bytes", 0.6 * most[1]});
  return problem;
}

TEST(AllocatorsTest, NetworksOfSomeSizeAreSolvedExactly) {
  const auto timed = [](const char* name, Solver solver, const AllocationProblem& problem) {
    const auto start = std::chrono::steady_clock::now();
    const Allocation found = solver(problem);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::printf("  %s: error %.6f in %.3f s\n", name, found.error, seconds.count());
    EXPECT_TRUE(Fits(problem, found.costs));
    return found;
  };
  for (const double share : {0.15, 0.25, 0.5}) {
    const AllocationProblem problem = LargeProblem(share, 1);
    const Allocation exact = timed("dynamic programme", DynamicProgramme, problem),
                     programme = timed("integer programme", SolveIntegerProgramme, problem),
                     greedy = timed("greedy promotion", Greedy, problem),
                     per_cost = timed("greedy, per cost", GreedyPerCost, problem),
                     lagrangian = timed("Lagrangian sweep", Lagrangian, problem);
    EXPECT_NEAR(programme.error, exact.error, 1e-7 * exact.error);
    for (const Allocation* other : {&greedy, &per_cost, &lagrangian}) {
      EXPECT_GE(other->error, exact.error);
    }
    EXPECT_LT(lagrangian.error, 1.02 * exact.error);
    EXPECT_EQ(SolveKnapsack(problem).items, exact.items);
  }
  const AllocationProblem both = LargeProblem(0.25, 2);
  const Allocation programme = timed("integer programme, 2 limits", SolveIntegerProgramme, both);
  EXPECT_GE(timed("Lagrangian sweep, 2 limits", Lagrangian, both).error, programme.error);
  EXPECT_THROW(SolveKnapsack(LargeProblem(0.25, 1), {.most_states = 100}), Error);
}

TEST(AllocatorsTest, TheFrontIsConvexAndHoldsEveryPrice) {
  RandomStream random(4, RandomPurpose::kTest);
  for (int i = 0; i < 1000; ++i) {
    AllocationProblem problem = RandomProblem(random, 1);
    const LagrangianFront front = SweepPrices(problem);
    ASSERT_EQ(front.points.size(), front.prices.size() + 1);
    EXPECT_TRUE(std::is_sorted(front.prices.rbegin(), front.prices.rend()));
    // Each point is the optimum at its own cost.
    for (const Allocation& point : front.points) {
      problem.limits[0].limit = point.costs[0];
      EXPECT_NEAR(Exhaustive(problem)->error, point.error, 1e-12);
    }
  }
}

std::string MessageOf(Solver solver, const AllocationProblem& problem) {
  try {
    solver(problem);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(AllocatorsTest, WhatCannotBeKeptIsNamedWithWhatCan) {
  AllocationProblem problem;
  problem.limits = {{"average_weight_bits", 6, 2}};
  problem.group_names = {"fc1", "fc2"};
  problem.groups = {{{1, {4}}, {0, {8}}}, {{2, {5}}, {0, {9}}}};
  for (const Solver solver : {&Greedy, &Lagrangian, &DynamicProgramme, &SolveIntegerProgramme}) {
    EXPECT_THAT(MessageOf(solver, problem),
                testing::AllOf(testing::HasSubstr("average_weight_bits: 3 cannot be kept"),
                               testing::HasSubstr("the smallest that can is 4.5")));
  }
  problem.limits[0].limit = 9;  // just
  EXPECT_EQ(SolveKnapsack(problem).items, (std::vector<int>{0, 0}));
  // Two limits, each of which could be kept alone.
  problem.limits = {{"bytes", 10}, {"bitops", 10}};
  problem.groups = {{{1, {2, 9}}, {0, {9, 2}}}, {{1, {2, 9}}, {0, {9, 3}}}};
  EXPECT_THAT(MessageOf(SolveIntegerProgramme, problem),
              testing::AllOf(testing::HasSubstr("bytes: 10 cannot be kept together with"),
                             testing::HasSubstr("the smallest that can is 18")));
  problem.limits[1].limit = 11;
  problem.limits[0].limit = 11;
  EXPECT_EQ(SolveIntegerProgramme(problem).items, (std::vector<int>{1, 0}));
  EXPECT_THAT(MessageOf(DynamicProgramme, problem), testing::HasSubstr("knows one limit, not 2"));
}

TEST(AllocatorsTest, ProblemsThatAreNoneAreRefused) {
  AllocationProblem problem;
  problem.limits = {{"bytes", 10}};
  problem.group_names = {"fc1"};
  for (const Solver solver : {&Greedy, &Lagrangian, &DynamicProgramme, &SolveIntegerProgramme}) {
    problem.groups = {{}};
    EXPECT_THAT(MessageOf(solver, problem), testing::HasSubstr("fc1: has nothing to choose from"));
    problem.groups = {{{NAN, {1}}}};
    EXPECT_THAT(MessageOf(solver, problem), testing::HasSubstr("error that is no number"));
    problem.groups = {{{0, {-1}}}};
    EXPECT_THAT(MessageOf(solver, problem), testing::HasSubstr("cost that is no number"));
    problem.groups = {{{0, {1, 2}}}};
    EXPECT_THAT(MessageOf(solver, problem), testing::HasSubstr("lacks a cost"));
    problem.groups = {{{0, {0}}, {-1, {10}}}};
    EXPECT_EQ(solver(problem).items, std::vector<int>{1});
  }
}

}  // namespace
}  // namespace tmpq
