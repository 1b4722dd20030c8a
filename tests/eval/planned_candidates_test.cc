#include "src/eval/driver/planned_candidates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/core/random.h"
#include "tests/search/small_network.h"

namespace tmpq {
namespace {

constexpr int kTrainingSteps = 100;
constexpr double kShares[] = {1.0, 0.8};

class PlannedCandidatesTest : public testing::TestWithParam<SpaceMode> {
 protected:
  PlannedCandidatesTest() {
    RandomStream random(3, RandomPurpose::kTest);
    for (int i = 0; i < 20; ++i) jumps_.timesteps.push_back(99 - 5 * i);
    jumps_.start.assign(20, 0.0);
    for (int i = 0; i < 20 * 21; ++i) jumps_.jump.push_back(random.Uniform());
  }
  SearchSpace Space(int steps) const {
    SpaceSettings settings;
    settings.mode = GetParam(), settings.grouping = Grouping::kUniform;
    settings.steps = steps, settings.training_steps = kTrainingSteps;
    settings.weight_bits =
        settings.activation_bits = {BitWidth::Of(3), BitWidth::Of(4), BitWidth::Of(8)};
    settings.budget = Budget::Parse("4bit", {&table_, 6, kTrainingSteps, 1});
    return SearchSpace(table_, settings);
  }

  SiteTable table_ = SmallNetwork();
  JumpErrors jumps_;
};

TEST_P(PlannedCandidatesTest, AreLegalAndFitAtPlannedAndAtUniformTimesteps) {
  for (const int steps : {1, 4, 6}) {
    const SearchSpace space = Space(steps);
    const auto planned = PlanCandidates(space, kShares, {}, &jumps_);
    const auto near_uniform = PlanCandidates(space, kShares, {}, nullptr);
    ASSERT_EQ(planned.size(), 2 * near_uniform.size());
    for (const Candidate& candidate : planned) {
      EXPECT_TRUE(space.IsLegal(candidate) && space.Fits(candidate));
    }
    const PlannedTimesteps best = PlanTimestepsOf(space, jumps_);
    EXPECT_EQ(planned[0].timesteps().values(), best.timesteps);
    EXPECT_EQ(planned[near_uniform.size()], near_uniform[0]);
  }
}

// Fewer steps leave more bits within the same whole.
TEST_P(PlannedCandidatesTest, FewerStepsHaveMoreBits) {
  const auto bits = [&](int steps) {
    const SearchSpace space = Space(steps);
    return space.CostsOf(PlanCandidates(space, {kShares, 1}, {}, nullptr)[0]).average_weight_bits;
  };
  EXPECT_GE(bits(2), bits(6));
}

INSTANTIATE_TEST_SUITE_P(Modes, PlannedCandidatesTest,
                         testing::Values(SpaceMode::kFree, SpaceMode::kGroupwise,
                                         SpaceMode::kConsistent, SpaceMode::kGroupwiseConsistent),
                         [](const auto& param) {
                           std::string name = NameOf(param.param);
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace tmpq
