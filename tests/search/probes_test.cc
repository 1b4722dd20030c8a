#include "src/search/allocation.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/search/small_network.h"

namespace tmpq {
namespace {

// Additive damages: the greedy allocation has to come near the best of all candidates.
class AllocationTest : public testing::Test {
 protected:
  AllocationTest() : table_(SmallNetwork()) {
    SpaceSettings settings;
    settings.mode = SpaceMode::kConsistent;
    settings.steps = 1;
    settings.training_steps = 1;
    for (const int bits : {3, 4, 6, 8}) {
      settings.weight_bits.push_back(BitWidth::Of(bits));
      settings.activation_bits.push_back(BitWidth::Of(bits));
    }
    settings.budget = Budget::Parse("5bit", {&table_, 1, 1, 1});
    space_ = std::make_unique<SearchSpace>(table_, settings);
  }
  static double Damage(const Candidate& candidate) {
    double damage = 0;
    for (size_t s = 0; s < candidate.policy(0).size(); ++s) {
      damage += (s % 3 == 0 ? 10.0 : 1.0) * std::exp2(-2.0 * candidate.policy(0)[s].bits());
    }
    return damage;
  }
  SensitivityProbes Probes() const { return MakeProbes(*space_); }
  static Sensitivities Damages(const SensitivityProbes& probes) {
    std::vector<Measurements> answers;
    for (const Candidate& candidate : probes.candidates)
      answers.push_back({{"damage", Damage(candidate)}});
    return SensitivitiesOf(probes, answers, "damage");
  }

  SiteTable table_;
  std::unique_ptr<SearchSpace> space_;
};

TEST_F(AllocationTest, ProbesChangeOneSiteEach) {
  const SensitivityProbes probes = Probes();
  ASSERT_EQ(probes.candidates.size(), 1 + probes.changes.size());
  EXPECT_EQ(probes.changes.size(), 7u * 3);  // seven sites with a choice, three narrower widths
  for (size_t i = 0; i < probes.changes.size(); ++i) {
    int differing = 0;
    for (size_t s = 0; s < table_.sites.size(); ++s) {
      differing += probes.candidates[i + 1].policy(0)[s] != probes.base.policy(0)[s];
    }
    EXPECT_EQ(differing, 1);
  }
}

TEST_F(AllocationTest, FitsAndComesNearTheOptimum) {
  const SensitivityProbes probes = Probes();
  const Sensitivities damages = Damages(probes);
  double best = INFINITY, naive = Damage(space_->Naive());
  for (const Candidate& candidate : space_->Enumerate(100'000))
    best = std::min(best, Damage(candidate));
  const auto greedy = AllocateGreedily(*space_, space_->settings().budget, probes, damages);
  ASSERT_TRUE(greedy);
  EXPECT_TRUE(space_->IsLegal(*greedy) && space_->Fits(*greedy));
  EXPECT_LT(Damage(*greedy), 1.3 * best);
  EXPECT_LT(Damage(*greedy), naive);
}

TEST_F(AllocationTest, SmallerBudgetsGiveCheaperCandidatesOrNone) {
  const SensitivityProbes probes = Probes();
  const Sensitivities damages = Damages(probes);
  double last = INFINITY;
  for (const double share : {1.0, 0.8, 0.6}) {
    const Budget budget = space_->settings().budget.Scaled(share);
    const auto greedy = AllocateGreedily(*space_, budget, probes, damages);
    ASSERT_TRUE(greedy);
    EXPECT_TRUE(budget.Fits(space_->CostsOf(*greedy)));
    EXPECT_LT(space_->CostsOf(*greedy).bitops, last);
    last = space_->CostsOf(*greedy).bitops;
  }
  EXPECT_FALSE(AllocateGreedily(*space_, space_->settings().budget.Scaled(0.1), probes, damages));
}

}  // namespace
}  // namespace tmpq
