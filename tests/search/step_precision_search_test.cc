// Per-timestep precision on errors that add up over steps, where enumeration knows the best.
#include "src/search/step_precision_search.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/search/small_network.h"

namespace tmpq {
namespace {

constexpr int kSteps = 4;
constexpr double kWeights[kSteps] = {1, 9, 2, 5};  // how much a step's precision matters

SpaceSettings Settings(const SiteTable& table, SpaceMode mode, const std::string& budget) {
  SpaceSettings settings;
  settings.mode = mode;
  settings.steps = kSteps, settings.training_steps = 20;
  for (const int bits : {3, 4, 8}) {
    settings.weight_bits.push_back(BitWidth::Of(bits));
    settings.activation_bits.push_back(BitWidth::Of(bits));
  }
  settings.budget = Budget::Parse(budget, {&table, kSteps, 20, 1});
  return settings;
}

double ErrorOf(const Candidate& candidate) {
  double error = 0.01;
  for (int k = 0; k < kSteps; ++k) {
    error += kWeights[k] * std::exp2(-2.0 * candidate.policy(k)[0].bits());
  }
  return error;
}

std::vector<Measurements> Answers(const std::vector<Candidate>& batch) {
  std::vector<Measurements> answers;
  for (const Candidate& candidate : batch) answers.push_back({{"error", ErrorOf(candidate)}});
  return answers;
}

TEST(StepPrecisionSearchTest, FindsTheBestPrecisionsOfEveryBudgetOnTheHull) {
  const SiteTable table = SmallNetwork();
  const SearchSpace space(table, Settings(table, SpaceMode::kFree, "8bit"));
  StepPrecisionSearch search(space, "error", 400);
  const std::vector<Candidate> probes = search.Ask();
  EXPECT_EQ(probes.size(), 1u + kSteps * 2);  // linear in the steps
  search.Tell(probes, Answers(probes));
  const std::vector<Candidate> found = search.Ask();
  search.Tell(found, Answers(found));
  EXPECT_TRUE(search.Ask().empty());
  // Every choice of a precision a step: none is below a price that a found one is best at.
  std::vector<Candidate> all;
  for (int code = 0; code < 81; ++code) {
    std::vector<Policy> policies;
    for (int k = 0, rest = code; k < kSteps; ++k, rest /= 3) {
      const BitWidth bits = space.settings().weight_bits[rest % 3];
      policies.push_back(space.UniformRow(bits, bits));
    }
    all.push_back(Candidate::Make(probes[0].timesteps(), policies));
  }
  ASSERT_GT(found.size(), 3u);
  for (const double price : {1e-7, 1e-6, 3e-6, 1e-5, 1e-4}) {
    const auto cost = [&](const Candidate& candidate) {
      return ErrorOf(candidate) + price * space.CostsOf(candidate).bitops;
    };
    const auto least = [&](const std::vector<Candidate>& candidates) {
      double best = cost(candidates[0]);
      for (const Candidate& candidate : candidates) best = std::min(best, cost(candidate));
      return best;
    };
    std::vector<Candidate> asked = found;
    asked.insert(asked.end(), probes.begin(), probes.end());
    EXPECT_NEAR(least(asked), least(all), 1e-12) << price;
  }
}

TEST(StepPrecisionSearchTest, KeepsTheBudget) {
  const SiteTable table = SmallNetwork();
  const SearchSpace space(table, Settings(table, SpaceMode::kGroupwise, "6bit"));
  StepPrecisionSearch search(space, "error", 10);
  const std::vector<Candidate> probes = search.Ask();
  search.Tell(probes, Answers(probes));
  const std::vector<Candidate> found = search.Ask();
  ASSERT_FALSE(found.empty());
  double best = 1;
  for (const Candidate& candidate : found) {
    EXPECT_TRUE(space.IsLegal(candidate));
    EXPECT_TRUE(space.Fits(candidate));
    best = std::min(best, ErrorOf(candidate));
  }
  const Policy four = space.UniformRow(BitWidth::Of(4), BitWidth::Of(4));
  EXPECT_LT(best, ErrorOf(Candidate::Uniform(probes[0].timesteps(), four)));
}

TEST(StepPrecisionSearchTest, WithOnePolicyForAllStepsIsTheUniformRows) {
  const SiteTable table = SmallNetwork();
  const SearchSpace space(table, Settings(table, SpaceMode::kConsistent, "4bit"));
  StepPrecisionSearch search(space, "error", 10);
  const std::vector<Candidate> batch = search.Ask();
  EXPECT_EQ(batch.size(), 2u);  // of 3, 4 and 8 bits those that fit
  search.Tell(batch, Answers(batch));
  EXPECT_TRUE(search.Ask().empty());
}

}  // namespace
}  // namespace tmpq
