// The engine on a network whose errors are additive but for interactions, where the truth is known.
#include "src/search/guided_search.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "src/core/error.h"
#include "src/search/algorithms.h"
#include "src/search/hypervolume.h"
#include "tests/search/small_network.h"

namespace tmpq {
namespace {

SpaceSettings Settings(const SiteTable& table, const std::string& budget) {
  SpaceSettings settings;
  settings.mode = SpaceMode::kConsistent;
  settings.steps = 2, settings.training_steps = 10;
  for (const int bits : {3, 5, 8}) {
    settings.weight_bits.push_back(BitWidth::Of(bits));
    settings.activation_bits.push_back(BitWidth::Of(bits));
  }
  settings.budget = Budget::Parse(budget, {&table, 2, 10, 1});
  settings.fill_budget = false;
  settings.fixed_timesteps = {TimestepSequence({9, 4}, 10), TimestepSequence({9, 2}, 10)};
  return settings;
}

// Sites' damages, of which two meet; and what the timesteps leave.
double ErrorOf(const Candidate& candidate) {
  const Policy& row = candidate.policy(0);
  const auto damage = [&](size_t s) {
    return 0.3 * static_cast<double>(1 + s * s % 5) * std::exp2(-2.0 * row[s].bits());
  };
  double error = candidate.timesteps()[1] == 2 ? 0.001 : 0.002;
  for (size_t s = 0; s < row.size(); ++s) error += damage(s);
  return error + std::sqrt(damage(1) * damage(3));
}

std::vector<Measurements> Answers(const std::vector<Candidate>& batch) {
  std::vector<Measurements> answers;
  for (const Candidate& candidate : batch) answers.push_back({{"error", ErrorOf(candidate)}});
  return answers;
}

class GuidedSearchTest : public testing::Test {
 protected:
  double VolumeOf(const SearchSpace& space, const std::vector<Candidate>& candidates) const {
    std::vector<Objectives> points;
    for (const Candidate& candidate : candidates) {
      points.push_back({std::log(ErrorOf(candidate)), space.CostsOf(candidate).bitops});
    }
    return Hypervolume(points, std::vector<double>{0, 1e6});
  }
  // What it asked for until `evaluations`.
  std::vector<Candidate> Run(SearchAlgorithm& search, size_t evaluations) const {
    std::vector<Candidate> all;
    while (all.size() < evaluations) {
      const std::vector<Candidate> batch = search.Ask();
      if (batch.empty()) break;
      search.Tell(batch, Answers(batch));
      all.insert(all.end(), batch.begin(), batch.end());
    }
    return all;
  }

  SiteTable table_ = SmallNetwork();
  const GuidedSettings front_{.measurement = "error", .costs = {kBitOps}};
};

TEST_F(GuidedSearchTest, FindsTheFrontWithAFewPercentOfTheEvaluations) {
  const SearchSpace space(table_, Settings(table_, "8bit"));
  const std::vector<Candidate> everything = space.Enumerate(10'000);
  ASSERT_EQ(everything.size(), 2u * 2187);
  const double truth = VolumeOf(space, everything);
  for (const uint64_t seed : {0, 1, 2}) {
    GuidedSearch search(space, front_, seed);
    const std::vector<Candidate> found = Run(search, everything.size() * 3 / 100);
    const double share = VolumeOf(space, found) / truth;
    std::printf("seed %d: %.5f of the hypervolume after %zu of %zu\n", static_cast<int>(seed),
                share, found.size(), everything.size());
    EXPECT_GT(share, 0.998);
    EXPECT_LT(search.model().fit().deviation, search.model().fit().deviation_before);
  }
}

TEST_F(GuidedSearchTest, WithoutCostsItFindsTheLeastErrorWithinTheBudget) {
  SpaceSettings settings = Settings(table_, "5bit");
  settings.fill_budget = true;
  const SearchSpace space(table_, settings);
  double best = std::numeric_limits<double>::infinity();
  for (const Candidate& candidate : space.Enumerate(10'000)) {
    best = std::min(best, ErrorOf(candidate));
  }
  GuidedSearch search(space, {.measurement = "error", .costs = {}}, 4);
  double found = std::numeric_limits<double>::infinity();
  for (const Candidate& candidate : Run(search, 100)) {
    if (space.Fits(candidate)) found = std::min(found, ErrorOf(candidate));
  }
  EXPECT_NEAR(found, best, 1e-12);
}

TEST_F(GuidedSearchTest, ASeedGivesTheSameProposalsAndNoneTwice) {
  const SearchSpace space(table_, Settings(table_, "8bit"));
  GuidedSearch a(space, front_, 7), b(space, front_, 7), c(space, front_, 8);
  const auto first = Run(a, 150), second = Run(b, 150), other = Run(c, 150);
  EXPECT_EQ(first, second);
  EXPECT_NE(first, other);
  const std::set<Candidate> distinct(first.begin(), first.end());
  EXPECT_EQ(distinct.size(), first.size());
}

TEST_F(GuidedSearchTest, KnownDamagesNeedNoProbes) {
  const SearchSpace space(table_, Settings(table_, "8bit"));
  GuidedSearch probing(space, front_, 1);
  const auto probes = probing.Ask();
  EXPECT_EQ(probes.size(), 2u + 7 * 2);  // two schedules; seven sites, two narrower widths
  GuidedKnowledge knowledge;
  knowledge.damages =
      SensitivitiesOf(MakeProbes(space), Answers(MakeProbes(space).candidates), "error");
  GuidedSearch knowing(space, front_, 1, knowledge);
  EXPECT_EQ(knowing.Ask().size(), 2u);
}

TEST_F(GuidedSearchTest, JumpErrorsPlanTheTimesteps) {
  SpaceSettings settings = Settings(table_, "8bit");
  settings.fixed_timesteps.clear();
  const SearchSpace space(table_, settings);
  GuidedKnowledge knowledge;
  // Only 7, 3 is free of errors.
  JumpErrors& jumps = knowledge.jumps.emplace();
  jumps.timesteps = {9, 7, 5, 3, 1};
  jumps.start = {0.1, 0, 0.1, 0.1, 0.1};
  jumps.jump.assign(5 * 6, 0.1);
  jumps.jump[1 * 6 + 3] = jumps.jump[3 * 6 + 5] = 0;
  GuidedSearch search(space, front_, 1, knowledge);
  const auto probes = search.Ask();
  EXPECT_EQ(probes[1].timesteps().values(), (std::vector<int>{7, 3}));
  search.Tell(probes, Answers(probes));
  for (int i = 0; i < 4; ++i) {
    const auto batch = search.Ask();
    ASSERT_FALSE(batch.empty());
    for (const Candidate& candidate : batch) EXPECT_TRUE(space.IsLegal(candidate));
    search.Tell(batch, Answers(batch));
  }
}

TEST_F(GuidedSearchTest, ModesWithAPolicyAStepAndNotANumberAreSurvived) {
  SpaceSettings settings = Settings(table_, "4bit");
  settings.fixed_timesteps.clear();
  for (const SpaceMode mode : {SpaceMode::kFree, SpaceMode::kGroupwise}) {
    settings.mode = mode;
    settings.grouping = Grouping::kUniform;
    const SearchSpace space(table_, settings);
    GuidedSearch search(space, front_, 3);
    size_t asked = 0;
    for (int i = 0; i < 6; ++i) {
      const auto batch = search.Ask();
      ASSERT_FALSE(batch.empty());
      std::vector<Measurements> answers = Answers(batch);
      answers[0]["error"] = std::nan("");
      answers.back()["error"] = std::numeric_limits<double>::infinity();
      for (const Candidate& candidate : batch) {
        EXPECT_TRUE(i == 0 || (space.IsLegal(candidate) && space.Fits(candidate)));
      }
      search.Tell(batch, answers);
      asked += batch.size();
    }
    EXPECT_GT(asked, 50u);
  }
}

TEST_F(GuidedSearchTest, ExhaustsASmallSpaceAndStops) {
  SpaceSettings settings = Settings(table_, "8bit");
  settings.ties = SiteTies::kGroup;
  const SearchSpace space(table_, settings);
  const size_t all = space.Enumerate(100).size();
  EXPECT_EQ(all, 18u);  // two genes, two schedules
  GuidedSearch search(space, front_, 3);
  EXPECT_EQ(Run(search, 1000).size(), all);
}

TEST_F(GuidedSearchTest, EveryAlgorithmRunsByName) {
  const SearchSpace space(table_, Settings(table_, "8bit"));
  const double truth = VolumeOf(space, space.Enumerate(10'000));
  for (const std::string& name : AlgorithmNames()) {
    AlgorithmSettings settings;
    settings.measurement = "error", settings.costs = {kBitOps};
    const auto search = MakeAlgorithm(name, space, settings, 5);
    std::vector<Candidate> all;
    for (int i = 0; i < 12; ++i) {
      const auto batch = search->Ask();
      if (batch.empty()) break;
      for (const Candidate& candidate : batch) EXPECT_TRUE(space.IsLegal(candidate)) << name;
      search->Tell(batch, Answers(batch));
      all.insert(all.end(), batch.begin(), batch.end());
    }
    const std::set<Candidate> distinct(all.begin(), all.end());
    EXPECT_EQ(distinct.size(), all.size()) << name;
    const double share = VolumeOf(space, all) / truth;
    std::printf("%-18s %5zu evaluations, %.4f of the hypervolume\n", name.c_str(), all.size(),
                share);
    EXPECT_GT(share, 0.6) << name;
    if (name == "exhaustive") {
      EXPECT_DOUBLE_EQ(share, 1);
    }
  }
  try {
    MakeAlgorithm("annealing", space, {}, 0);
    FAIL();
  } catch (const Error& error) {
    for (const std::string& name : AlgorithmNames()) {
      EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace tmpq
