// Ranks, crowding, hypervolume and NSGA-II against pymoo (tests/fixtures/make_pareto.py).
#include "src/search/nsga2.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <limits>
#include <numeric>

#include "src/core/file.h"
#include "src/core/json.h"
#include "src/search/hypervolume.h"
#include "tests/search/continuous_problems.h"

namespace tmpq {
namespace {

const Json& Fixture() {
  static const Json kFixture =
      ParseJson(ReadFile(TMPQ_SOURCE_DIR "/tests/fixtures/pareto.json"), "pareto.json");
  return kFixture;
}

TEST(DominanceTest, FrontsCrowdingAndVolumeArePymoos) {
  for (const Json& set : Fixture()["sets"]) {
    const auto points = set["points"].get<std::vector<Objectives>>();
    const auto fronts = NonDominatedFronts(points);
    EXPECT_EQ(fronts, set["fronts"].get<std::vector<std::vector<size_t>>>());
    for (size_t f = 0; f < fronts.size(); ++f) {
      const std::vector<double> crowding = CrowdingDistances(points, fronts[f]);
      for (size_t i = 0; i < crowding.size(); ++i) {
        const Json& expected = set["crowding"][f][i];
        if (expected.is_null()) {
          EXPECT_EQ(crowding[i], std::numeric_limits<double>::infinity());
        } else {
          EXPECT_NEAR(crowding[i], expected.get<double>(), 1e-12);
        }
      }
    }
    EXPECT_NEAR(Hypervolume(points, set["reference"].get<std::vector<double>>()),
                set["hypervolume"].get<double>(), 1e-12);
  }
}

TEST(DominanceTest, NaNComesLast) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<Objectives> points = {{nan, 0}, {3, 3}, {1, 1}, {0, nan}};
  const std::vector<std::vector<size_t>> expected = {{2}, {1}, {0, 3}};
  EXPECT_EQ(NonDominatedFronts(points), expected);
  EXPECT_TRUE(NonDominatedFronts({}).empty());
}

TEST(DominanceTest, EqualPointsShareAFrontAndNoRangeIsNoCrowding) {
  const std::vector<Objectives> points = {{1, 2}, {1, 2}, {1, 2}, {2, 1}};
  EXPECT_EQ(NonDominatedFronts(points).size(), 1u);
  const std::vector<size_t> front = {0, 1, 2};
  EXPECT_EQ(CrowdingDistances(points, front)[1], 0);
}

TEST(Nsga2Test, SurvivorsFillFrontsThenTheLeastCrowded) {
  // One front of five on a line, the middle one nearest to its neighbours; and one that is
  // dominated.
  const std::vector<Objectives> points = {{0, 10}, {4, 6}, {5, 5}, {6, 4}, {10, 0}, {9, 9}};
  EXPECT_THAT(SelectSurvivors(points, 4).indices, testing::ElementsAre(0, 1, 3, 4));
  EXPECT_THAT(SelectSurvivors(points, 9).indices, testing::ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(SelectSurvivors(points, 9).ranks, testing::ElementsAre(0, 0, 0, 0, 0, 1));
}

double HypervolumeReached(const ContinuousProblem& problem, const Json& run, uint64_t seed) {
  RandomStream random(seed, RandomPurpose::kTest);
  const size_t size = run["population"];
  Nsga2Population<Reals> population(size);
  std::vector<Reals> batch(size, Reals(problem.variables));
  for (Reals& x : batch) {
    for (size_t i = 0; i < x.size(); ++i) {
      x[i] = problem.Low(i) + random.Uniform() * (problem.High(i) - problem.Low(i));
    }
  }
  for (int generation = 0; generation < run["generations"]; ++generation) {
    std::vector<Objectives> objectives;
    for (const Reals& x : batch) objectives.push_back(problem.Evaluate(x));
    population.Add(batch, objectives);
    const std::vector<size_t> parents = population.Winners(size, random);
    for (size_t i = 0; i < size; ++i) batch[i] = population.genomes()[parents[i]];
    for (size_t i = 0; i < size; i += 2) {
      if (random.Chance(0.9)) Cross(problem, batch[i], batch[i + 1], random);
      MutateReals(problem, batch[i], random), MutateReals(problem, batch[i + 1], random);
    }
  }
  return Hypervolume(population.objectives(), run["reference"].get<std::vector<double>>());
}

// At equal evaluations; the spread of pymoo's seeds below its mean is what is allowed.
TEST(Nsga2Test, ReachesPymoosHypervolume) {
  std::printf("%-6s %8s %8s %8s\n", "", "ours", "pymoo", "its min");
  for (const Json& run : Fixture()["runs"]) {
    const ContinuousProblem problem{run["problem"], run["variables"]};
    const auto pymoo = run["hypervolume"].get<std::vector<double>>();
    const double mean = std::accumulate(pymoo.begin(), pymoo.end(), 0.0) / pymoo.size();
    const double least = *std::min_element(pymoo.begin(), pymoo.end());
    double ours = 0;
    for (uint64_t seed = 0; seed < 3; ++seed) ours += HypervolumeReached(problem, run, seed) / 3;
    std::printf("%-6s %8.4f %8.4f %8.4f\n", problem.name.c_str(), ours, mean, least);
    EXPECT_GE(ours, mean - 2 * (mean - least) - 1e-3 * mean) << problem.name;
  }
}

}  // namespace
}  // namespace tmpq
