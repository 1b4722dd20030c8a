#include "src/search/allocation/probes.h"

#include <gtest/gtest.h>

#include <cmath>

#include "src/search/allocation/warm_start.h"
#include "tests/search/small_network.h"

namespace tmpq {
namespace {

// Additive damages: the allocation has to be the best of all candidates.
class ProbesTest : public testing::Test {
 protected:
  ProbesTest() : table_(SmallNetwork()) {
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

TEST_F(ProbesTest, ProbesChangeOneSiteEach) {
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

// The damages here are rounding's variance: any probed width tells the others.
TEST_F(ProbesTest, WidthsThatAreNotProbedFollowByTheVariance) {
  const Sensitivities all = Damages(Probes());
  for (const std::vector<int>& bits : {std::vector<int>{4}, {3}, {6}, {3, 6}, {4, 7}}) {
    const SensitivityProbes few = MakeProbes(*space_, bits);
    const size_t widths = bits == std::vector<int>{3, 6} ? 2 : 1;
    ASSERT_EQ(few.changes.size(), 7 * widths);
    ASSERT_EQ(few.candidates.size(), 1 + few.changes.size());
    Sensitivities damages = Damages(few);
    CompleteSensitivities(*space_, damages);
    ASSERT_EQ(damages.size(), all.size());
    for (const auto& [change, damage] : all) {
      EXPECT_NEAR(damages.at(change), damage, 1e-9 * damage)
          << change.first << " " << change.second.bits();
    }
  }
  // Of a gene without a named width, all are probed.
  EXPECT_EQ(MakeProbes(*space_, std::vector<int>{2, 8}).changes.size(), 7u * 3);
}

TEST_F(ProbesTest, PowerLawsGoThroughWhatWasProbedAndNoiseIsNotRead) {
  const size_t site = space_->genes()[0].sites[0];
  const auto completed = [&](double at_3, double at_6) {
    Sensitivities damages = {{{site, BitWidth::Of(3)}, at_3}, {{site, BitWidth::Of(6)}, at_6}};
    CompleteSensitivities(*space_, damages);
    return damages;
  };
  const auto steep = completed(1, 1e-4);
  EXPECT_EQ(steep.at({site, BitWidth::Of(3)}), 1);
  const double middle = steep.at({site, BitWidth::Of(4)});
  const auto variance = [](int bits) { return std::exp2(-2.0 * bits) - std::exp2(-16.0); };
  const double slope = std::log(1e4) / std::log(variance(3) / variance(6));
  EXPECT_NEAR(middle, std::pow(variance(4) / variance(3), slope), 1e-12);
  const auto noisy = completed(1, -0.01);  // kept as measured, but no law goes through it
  EXPECT_EQ(noisy.at({site, BitWidth::Of(6)}), -0.01);
  EXPECT_NEAR(noisy.at({site, BitWidth::Of(4)}), variance(4) / variance(3), 1e-12);
  const auto none = completed(-0.01, 0);
  EXPECT_EQ(none.at({site, BitWidth::Of(4)}), 0);
}

TEST_F(ProbesTest, AllocationsAreTheBestOfAllCandidates) {
  const Sensitivities damages = Damages(Probes());
  const std::vector<double> shares = {1.0, 0.8, 0.6};
  const std::vector<Candidate> allocations = AllocateShares(*space_, shares, damages);
  ASSERT_EQ(allocations.size(), shares.size());
  double last = INFINITY;
  for (size_t i = 0; i < shares.size(); ++i) {
    const Budget budget = space_->settings().budget.Scaled(shares[i]);
    double best = INFINITY;
    for (const Candidate& candidate : space_->Enumerate(100'000)) {
      if (budget.Fits(space_->CostsOf(candidate))) best = std::min(best, Damage(candidate));
    }
    EXPECT_TRUE(space_->IsLegal(allocations[i]));
    EXPECT_TRUE(budget.Fits(space_->CostsOf(allocations[i])));
    EXPECT_NEAR(Damage(allocations[i]), best, 1e-12);
    EXPECT_LT(space_->CostsOf(allocations[i]).bitops, last);
    last = space_->CostsOf(allocations[i]).bitops;
  }
  EXPECT_LT(Damage(allocations[0]), Damage(space_->Naive()));
}

TEST_F(ProbesTest, SharesWithoutACandidateGiveNoneAndEqualOnesComeOnce) {
  const Sensitivities damages = Damages(Probes());
  const std::vector<double> shares = {0.1, 1.0, 1.0};
  EXPECT_EQ(AllocateShares(*space_, shares, damages).size(), 1u);
}

// Weights that have a set a range: bytes are of the sets that the timesteps visit.
TEST_F(ProbesTest, StoredSetsCountInALimitOnBytes) {
  for (QuantSite& site : table_.sites) site.storage.by_range = site.kind == SiteKind::kWeight;
  table_.range_begins = {0, 5};
  SpaceSettings settings = space_->settings();
  settings.steps = 4, settings.training_steps = 10;
  settings.budget = Budget::Parse("size=460B", {&table_, 4, 10, 1});
  const SearchSpace space(table_, settings);
  const std::vector<double> all = {1.0};
  const std::vector<Candidate> found = AllocateShares(space, all, Damages(Probes()));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(space.Fits(found[0])) << space.CostsOf(found[0]).bytes;
  EXPECT_GT(space.CostsOf(found[0]).bytes, 230);  // more than one set can hold
}

}  // namespace
}  // namespace tmpq
