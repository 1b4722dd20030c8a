// What made the candidates that algorithms ask for.
#include "src/search/moves.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "src/search/algorithms.h"
#include "tests/search/small_network.h"

namespace tmpq {
namespace {

class MovesTest : public testing::Test {
 protected:
  SpaceSettings Settings() const {
    SpaceSettings settings;
    settings.mode = SpaceMode::kConsistent;
    settings.steps = 3, settings.training_steps = 30;
    for (const int bits : {3, 4, 6, 8}) {
      settings.weight_bits.push_back(BitWidth::Of(bits));
      settings.activation_bits.push_back(BitWidth::Of(bits));
    }
    settings.budget = Budget::Parse("5bit", {&table_, 3, 30, 1});
    return settings;
  }

  // What an algorithm's batches were made by; `front`: of error and BitOps.
  std::vector<std::map<Move, int>> Run(const std::string& name, int batches,
                                       bool front = false) const {
    SpaceSettings own = Settings();
    own.fill_budget = !front;
    const SearchSpace space(table_, own);
    AlgorithmSettings settings;
    if (front) settings.costs = {kBitOps};
    settings.measurement = "error", settings.population = 20, settings.levels = 5;
    const auto search = MakeAlgorithm(name, space, settings, 1);
    std::vector<std::map<Move, int>> made;
    for (int i = 0; i < batches; ++i) {
      const std::vector<Candidate> batch = search->Ask();
      std::vector<Measurements> answers;
      made.emplace_back();
      for (const Candidate& candidate : batch) {
        ++made.back()[search->MoveOf(candidate)];
        double error = 0.01;
        for (const BitWidth width : candidate.policy(0)) error += std::exp2(-2.0 * width.bits());
        answers.push_back({{"error", error}});
      }
      search->Tell(batch, answers);
    }
    return made;
  }

  SiteTable table_ = SmallNetwork();
};

using Made = std::map<Move, int>;

TEST_F(MovesTest, EveryMoveHasItsOwnName) {
  std::set<std::string> names;
  for (int value = 0; value <= static_cast<int>(kLastMove); ++value) {
    names.insert(NameOf(static_cast<Move>(value)));
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(kLastMove) + 1);
}

TEST_F(MovesTest, GuidedProbesAllocatesAndVaries) {
  const auto made = Run("guided", 6, true);
  EXPECT_EQ(made[0].size(), 1u);
  EXPECT_GT(made[0].at(Move::kProbe), 10);
  EXPECT_EQ(made[1].size(), 1u);
  EXPECT_GT(made[1].at(Move::kAllocation), 2);
  Made later;
  for (size_t i = 2; i < made.size(); ++i) {
    int sum = 0;
    for (const auto& [move, count] : made[i]) later[move] += count, sum += count;
    EXPECT_EQ(sum, GuidedSettings().batch);
    EXPECT_GE(made[i].at(Move::kRandom), 2);  // random_share of a batch
  }
  EXPECT_EQ(later.count(Move::kProbe) + later.count(Move::kAllocation) + later.count(Move::kGiven),
            0u);
  EXPECT_GT(later.size(), 3u);
}

// The published shares: initial, half random, mutants; then 25 : 10 : rest, here of 20.
TEST_F(MovesTest, EvolutionHasItsPublishedShares) {
  const auto made = Run("tmpq-dm", 2);
  EXPECT_EQ(made[0].at(Move::kGiven), 1);
  EXPECT_EQ(made[0].at(Move::kRandom), 9);
  EXPECT_EQ(made[0].at(Move::kMutation), 10);
  EXPECT_EQ(made[1], (Made{{Move::kMutation, 20}}));  // 25 mutants fill a population of 20
}

TEST_F(MovesTest, OthersSayWhatTheyDo) {
  EXPECT_EQ(Run("random", 2)[1], (Made{{Move::kRandom, 20}}));
  EXPECT_EQ(Run("uniform", 1)[0].size(), 1u);
  EXPECT_GT(Run("uniform", 1)[0].at(Move::kGiven), 2);
  const auto greedy = Run("greedy", 2);
  EXPECT_GT(greedy[0].at(Move::kProbe), 10);
  EXPECT_GT(greedy[1].at(Move::kAllocation), 0);
  EXPECT_EQ(greedy[1].size(), 1u);
  const auto nsga2 = Run("nsga2", 2);
  EXPECT_EQ(nsga2[0], (Made{{Move::kGiven, 1}, {Move::kRandom, 19}}));
  EXPECT_GT(nsga2[1].at(Move::kCrossover), nsga2[1].at(Move::kMutation));
}

// All kinds come, and none of what Vary cannot make.
TEST_F(MovesTest, VariationsSayWhatTheyAre) {
  const SearchSpace space(table_, Settings());
  RandomStream random(3, RandomPurpose::kTest);
  const std::vector<Candidate> parents = {space.NearUniform(), space.Initial()};
  Made made;
  for (int i = 0; i < 2000; ++i) ++made[Vary(space, parents, random).move];
  EXPECT_NEAR(made[Move::kExchange], 700, 80);
  EXPECT_NEAR(made[Move::kStep], 300, 60);
  EXPECT_NEAR(made[Move::kTimesteps], 300, 60);
  EXPECT_NEAR(made[Move::kMutation], 300, 60);
  EXPECT_NEAR(made[Move::kCrossover], 400, 70);
  EXPECT_EQ(made.size(), 5u);
}

}  // namespace
}  // namespace tmpq
