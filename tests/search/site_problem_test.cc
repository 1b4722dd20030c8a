// A network's sites as an allocation problem: its costs are those of src/plan/costs.h, and its
// optimum is the best of all candidates.
#include "src/search/allocation/site_problem.h"

#include <gtest/gtest.h>

#include <cmath>

#include "src/core/error.h"
#include "src/search/allocation/integer_programme.h"
#include "src/search/allocation/knapsack.h"
#include "src/search/space.h"
#include "tests/search/small_network.h"

namespace tmpq {
namespace {

class SiteProblemTest : public testing::Test {
 protected:
  SiteProblemTest() : table_(SmallNetwork()) {
    table_.float_parameter_bytes = 100;
    table_.products.push_back({-1, -1, 7});  // kept in float
    for (const QuantSite& site : table_.sites) {
      auto& choices = settings_.choices.emplace_back();
      for (const int bits : {3, 4, 6, 8}) {
        if (site.kind != SiteKind::kSoftmax || bits == 8) choices.push_back(BitWidth::Of(bits));
      }
    }
  }
  double Damage(const Policy& policy, size_t range) const {
    double damage = 0;
    for (size_t s = 0; s < policy.size(); ++s) damage += DamageOf(s, policy[s], range);
    return damage;
  }
  static double DamageOf(size_t site, BitWidth width, size_t range) {
    return width.bits() == 8 ? 0 : (site % 3 == range ? 10.0 : 1.0) * std::exp2(-2 * width.bits());
  }
  std::vector<Sensitivities> Damages() const {
    std::vector<Sensitivities> damages(settings_.steps_of_range.size());
    for (size_t r = 0; r < damages.size(); ++r) {
      for (size_t s = 0; s < table_.sites.size(); ++s) {
        for (const BitWidth width : settings_.choices[s]) {
          if (width.bits() < 8) damages[r][{s, width}] = DamageOf(s, width, r);
        }
      }
    }
    return damages;
  }
  // Policies of all steps, range after range.
  Costs CostsOfPolicies(const std::vector<Policy>& policies) const {
    std::vector<Policy> steps;
    for (size_t r = 0; r < policies.size(); ++r) {
      steps.insert(steps.end(), settings_.steps_of_range[r], policies[r]);
    }
    const int count = static_cast<int>(steps.size());
    return CostsOf(table_, Candidate::Make(UniformTimesteps(count, count), steps),
                   settings_.calls_per_step);
  }

  SiteTable table_;
  SiteProblemSettings settings_;
};

TEST_F(SiteProblemTest, CostsAreThoseOfTheCandidates) {
  settings_.steps_of_range = {3, 5};
  settings_.calls_per_step = 2;
  const Budget budget = Budget::Parse("w4.3a5,5bit", {&table_, 8, 8, 2});
  const SiteProblem made = MakeSiteProblem(table_, budget, settings_, Damages());
  ASSERT_EQ(made.problem.groups.size(), 1u + 2 * 4);  // two linears and an attention's two products
  const Allocation found = SolveIntegerProgramme(made.problem);
  const std::vector<Policy> policies = made.PoliciesOf(found);
  ASSERT_EQ(policies.size(), 2u);
  EXPECT_NE(policies[0], policies[1]);
  EXPECT_DOUBLE_EQ(found.error, Damage(policies[0], 0) + Damage(policies[1], 1));
  const Costs costs = CostsOfPolicies(policies);
  EXPECT_TRUE(budget.Fits(costs));
  for (size_t k = 0; k < made.problem.limits.size(); ++k) {
    const CostLimit& limit = made.problem.limits[k];
    EXPECT_DOUBLE_EQ(found.costs[k] / limit.unit, CostByName(costs, limit.name)) << limit.name;
  }
}

// Uniform W4A4 costs its own budget exactly: sums of whole numbers do not round.
TEST_F(SiteProblemTest, TheOptimumIsTheBestOfAllCandidates) {
  SpaceSettings space;
  space.mode = SpaceMode::kConsistent;
  space.steps = space.training_steps = 1;
  space.weight_bits = space.activation_bits = settings_.choices[0];
  for (const char* text : {"4bit", "5bit", "bitops=0.3x", "size=270B"}) {
    space.budget = Budget::Parse(text, {&table_, 1, 1, 1});
    const SearchSpace all(table_, space);
    double best = INFINITY;
    for (const Candidate& candidate : all.Enumerate(100'000)) {
      best = std::min(best, Damage(candidate.policy(0), 0));
    }
    const SiteProblem made = MakeSiteProblem(table_, space.budget, settings_, Damages());
    const Allocation exact = SolveKnapsack(made.problem);
    EXPECT_NEAR(exact.error, best, 1e-12) << text;
    EXPECT_TRUE(space.budget.Fits(CostsOfPolicies(made.PoliciesOf(exact)))) << text;
    EXPECT_NEAR(SolveIntegerProgramme(made.problem).error, best, 1e-8) << text;
  }
}

// So does the table's time: weights of 3 bits are slow here, those of 6 fast.
TEST_F(SiteProblemTest, LatencyIsASumOfLayers) {
  for (SiteProduct& product : table_.products) {
    if (product.left_site < 0) continue;
    const SiteKind kind = table_.sites[product.left_site].kind;
    if (kind != SiteKind::kWeight && kind != SiteKind::kQuery) continue;
    const std::map<int, int64_t> of_weight = {{3, 90}, {4, 50}, {6, 20}, {8, 70}};
    for (const auto& [left, nanoseconds] : of_weight) {
      for (const int right : {3, 4, 6, 8})
        product.nanoseconds[{left, right}] = kind == SiteKind::kWeight ? nanoseconds : 30;
    }
  }
  table_.other_nanoseconds = 1000, table_.working_bytes = 400;
  settings_.steps_of_range = {1, 2};
  const BudgetReference reference{&table_, 3, 3, 1, true};
  const auto solve = [&](const char* text) {
    const SiteProblem made =
        MakeSiteProblem(table_, Budget::Parse(text, reference), settings_, Damages());
    return CostsOfPolicies(made.PoliciesOf(SolveKnapsack(made.problem)));
  };
  EXPECT_EQ(solve("latency=3.51us").latency_ns, 3 * (1000 + 30 + 70 + 70));
  EXPECT_EQ(solve("latency=3.21us").latency_ns, 3 * (1000 + 30 + 20 + 20));
  EXPECT_THROW(solve("latency=3.209us"), Error);
  EXPECT_THROW(solve("memory=1kB"), Error);  // over ranges no sum
  settings_.steps_of_range = {1};
  EXPECT_LE(solve("memory=800B").peak_bytes, 800);
  EXPECT_THROW(solve("memory=400B"), Error);
}

TEST_F(SiteProblemTest, WhatIsNoSumIsRefused) {
  settings_.steps_of_range = {1, 1};
  const Budget bytes = Budget::Parse("size=1kB", {&table_, 2, 2, 1});
  EXPECT_THROW(MakeSiteProblem(table_, bytes, settings_, Damages()), Error);
  settings_.steps_of_range = {1};
  const Budget small = Budget::Parse("size=50B", {&table_, 1, 1, 1});  // 100 are in float
  EXPECT_THROW(SolveKnapsack(MakeSiteProblem(table_, small, settings_, Damages()).problem), Error);
}

}  // namespace
}  // namespace tmpq
