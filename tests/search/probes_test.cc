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
