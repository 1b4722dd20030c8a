#include "src/search/evolution.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "src/search/hypervolume.h"
#include "src/search/nsga2_search.h"
#include "tests/search/small_network.h"

namespace tmpq {
namespace {

SpaceSettings TinySpace(const SiteTable& table) {
  SpaceSettings settings;
  settings.mode = SpaceMode::kGroupwiseConsistent;
  settings.grouping = Grouping::kUniform;
  settings.steps = 3;
  settings.training_steps = 12;
  settings.weight_bits =
      settings.activation_bits = {BitWidth::Of(3), BitWidth::Of(5), BitWidth::Of(8)};
  settings.budget = Budget::Parse("5bit", {&table, 3, 12, 1});
  settings.fill_budget = false;
  return settings;
}

// A landscape with interactions: narrow sites hurt, by site; timesteps hurt by their distance from
// a target.
double Score(const Candidate& candidate) {
  double score = 0;
  for (size_t s = 0; s < candidate.policy(0).size(); ++s) {
    score += static_cast<double>(s + 1) * std::exp2(-candidate.policy(0)[s].bits());
  }
  const int targets[] = {10, 5, 1};
  for (int k = 0; k < candidate.steps(); ++k)
    score += 0.01 * std::abs(candidate.timesteps()[k] - targets[k]);
  return score;
}

std::vector<Measurements> Answers(const std::vector<Candidate>& batch) {
  std::vector<Measurements> answers;
  for (const Candidate& candidate : batch) answers.push_back({{"score", Score(candidate)}});
  return answers;
}

TEST(EvolutionTest, FindsTheExhaustiveOptimumOfASmallSpace) {
  const SiteTable table = SmallNetwork(false);
  const SearchSpace space(table, TinySpace(table));
  double best = INFINITY;
  ExhaustiveSearch exhaustive(space, 10'000);
  for (const Candidate& candidate : exhaustive.Ask()) best = std::min(best, Score(candidate));
  EXPECT_TRUE(exhaustive.Ask().empty());
  for (const uint64_t seed : {0, 1, 2}) {
    Evolution evolution(space, {.fitness = "score"}, seed);
    double found = INFINITY;
    for (int generation = 0; generation < 20; ++generation) {
      const auto batch = evolution.Ask();
      evolution.Tell(batch, Answers(batch));
      for (const Candidate& candidate : batch) found = std::min(found, Score(candidate));
    }
    EXPECT_EQ(found, best) << "seed " << seed;
    EXPECT_EQ(Score(evolution.parents().front()), best);
  }
}

TEST(EvolutionTest, Nsga2FindsTheFrontOfASmallSpace) {
  const SiteTable table = SmallNetwork(false);
  const SearchSpace space(table, TinySpace(table));
  const std::vector<Candidate> all = space.Enumerate(10'000);
  const std::vector<double> reference = {2, 2 * space.CostsOf(space.Initial()).bitops};
  const auto volume_of = [&](const std::vector<Candidate>& candidates) {
    std::vector<Objectives> points;
    for (const Candidate& candidate : candidates) {
      points.push_back({Score(candidate), space.CostsOf(candidate).bitops});
    }
    return Hypervolume(points, reference);
  };
  Nsga2Search search(space, {.population = 24, .measurements = {"score"}, .costs = {kBitOps}}, 5);
  size_t evaluations = 0;
  while (evaluations + 24 <= all.size() / 5) {
    const auto batch = search.Ask();
    search.Tell(batch, Answers(batch));
    evaluations += batch.size();
  }
  std::printf("%zu of %zu candidates evaluated, %.4f of the hypervolume\n", evaluations, all.size(),
              volume_of(search.population().genomes()) / volume_of(all));
  EXPECT_GT(volume_of(search.population().genomes()), 0.99 * volume_of(all));
}

TEST(EvolutionTest, NeverProposesTwiceAndStopsWhenTheSpaceIsExhausted) {
  const SiteTable table = SmallNetwork(false);
  const SearchSpace space(table, TinySpace(table));
  const size_t all = space.Enumerate(10'000).size();
  Evolution evolution(space, {.population = 100, .fitness = "score"}, 3);
  std::set<std::string> seen;
  for (int generation = 0; generation < 1000; ++generation) {
    const auto batch = evolution.Ask();
    if (batch.empty()) break;
    for (const Candidate& candidate : batch) EXPECT_TRUE(seen.insert(candidate.bytes()).second);
    evolution.Tell(batch, Answers(batch));
  }
  EXPECT_LE(seen.size(), all);
  EXPECT_GT(static_cast<double>(seen.size()), 0.95 * static_cast<double>(all));
}

TEST(EvolutionTest, GenerationsHaveThePublishedMakeUp) {
  const SiteTable table = SmallNetwork();
  SpaceSettings settings = TinySpace(table);
  settings.training_steps = 300;
  const SearchSpace space(table, settings);
  Evolution evolution(space, {.fitness = "score"}, 0, {space.NearUniform()});
  const auto first = evolution.Ask();
  ASSERT_EQ(first.size(), 50u);
  EXPECT_EQ(first[0], space.Initial());
  EXPECT_EQ(first[1], space.NearUniform());
  evolution.Tell(first, Answers(first));
  EXPECT_EQ(evolution.parents().size(), 10u);
  EXPECT_EQ(evolution.Ask().size(), 50u);
}

TEST(EvolutionTest, ASeedGivesTheSameProposals) {
  const SiteTable table = SmallNetwork();
  const SearchSpace space(table, TinySpace(table));
  Evolution a(space, {.fitness = "score"}, 7), b(space, {.fitness = "score"}, 7),
      c(space, {.fitness = "score"}, 8);
  bool differs = false;
  for (int generation = 0; generation < 3; ++generation) {
    const auto batch = a.Ask(), other = c.Ask();
    EXPECT_EQ(batch, b.Ask());
    differs = differs || batch != other;
    a.Tell(batch, Answers(batch)), b.Tell(batch, Answers(batch)), c.Tell(other, Answers(other));
  }
  EXPECT_TRUE(differs);
}

TEST(EvolutionTest, NotANumberCountsAsWorst) {
  const SiteTable table = SmallNetwork();
  const SearchSpace space(table, TinySpace(table));
  Evolution evolution(
      space, {.population = 4, .parents = 2, .mutants = 2, .crossovers = 1, .fitness = "score"}, 0);
  const auto batch = evolution.Ask();
  std::vector<Measurements> answers = Answers(batch);
  answers[0]["score"] = NAN;
  evolution.Tell(batch, answers);
  for (const Candidate& parent : evolution.parents()) EXPECT_NE(parent, batch[0]);
}

}  // namespace
}  // namespace tmpq
