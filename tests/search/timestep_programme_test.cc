// Timesteps by dynamic programming against all sequences.
#include "src/search/timestep_programme.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "src/core/error.h"
#include "src/core/random.h"

namespace tmpq {
namespace {

JumpErrors RandomErrors(size_t size, uint64_t seed) {
  RandomStream random(seed, RandomPurpose::kTest);
  JumpErrors errors;
  for (size_t i = 0; i < size; ++i) {
    errors.timesteps.push_back(static_cast<int>(10 * (size - i)));
    errors.start.push_back(i * random.Uniform());
  }
  for (size_t i = 0; i < size * (size + 1); ++i) errors.jump.push_back(random.Uniform());
  return errors;
}

// The least error of all subsets of the grid of `steps` timesteps that `legal` takes.
template <typename Legal>
double BestOfAll(const JumpErrors& errors, int steps, Legal&& legal) {
  const size_t size = errors.size();
  double best = std::numeric_limits<double>::infinity();
  for (unsigned set = 1; set < (1u << size); ++set) {
    if (__builtin_popcount(set) != steps) continue;
    std::vector<size_t> points;
    for (size_t i = 0; i < size; ++i) {
      if ((set >> i & 1) != 0) points.push_back(i);
    }
    if (!legal(points)) continue;
    double error = errors.start[points[0]];
    for (size_t k = 0; k < points.size(); ++k) {
      error += errors.Of(points[k], k + 1 < points.size() ? points[k + 1] : size);
    }
    best = std::min(best, error);
  }
  return best;
}

TEST(TimestepProgrammeTest, EveryLengthIsTheBestOfAllSequences) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const JumpErrors errors = RandomErrors(9, seed);
    const auto planned = PlanTimesteps(errors, 9);
    ASSERT_EQ(planned.size(), 9u);
    for (int n = 1; n <= 9; ++n) {
      EXPECT_EQ(planned[n - 1].timesteps.size(), static_cast<size_t>(n));
      EXPECT_NEAR(planned[n - 1].error, BestOfAll(errors, n, [](const auto&) { return true; }),
                  1e-12);
    }
  }
}

TEST(TimestepProgrammeTest, GroupsHoldOneTimestepEach) {
  const auto groups = TimestepGroups::Make(Grouping::kUniform, 3, 96);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const JumpErrors errors = RandomErrors(9, seed);
    const PlannedTimesteps planned = PlanGroupedTimesteps(errors, groups);
    const auto legal = [&](const std::vector<size_t>& points) {
      for (size_t k = 0; k < points.size(); ++k) {
        if (!groups.Contains(2 - static_cast<int>(k), errors.timesteps[points[k]])) return false;
      }
      return true;
    };
    EXPECT_NEAR(planned.error, BestOfAll(errors, 3, legal), 1e-12);
    for (int k = 0; k < 3; ++k) EXPECT_TRUE(groups.Contains(2 - k, planned.timesteps[k]));
  }
}

TEST(TimestepProgrammeTest, BadErrorsAreRefused) {
  const JumpErrors good = RandomErrors(4, 1);
  EXPECT_THROW(PlanTimesteps(good, 5), Error);
  EXPECT_THROW(PlanTimesteps(good, 0), Error);
  JumpErrors bad = good;
  bad.start.pop_back();
  EXPECT_THROW(PlanTimesteps(bad, 2), Error);
  bad = good;
  bad.jump[0 * 5 + 2] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(PlanTimesteps(bad, 2), Error);
  bad = good;
  bad.jump[3 * 5 + 1] = -1;  // a jump backwards, which nobody looks at
  EXPECT_NO_THROW(PlanTimesteps(bad, 2));
  bad = good;
  std::swap(bad.timesteps[0], bad.timesteps[1]);
  EXPECT_THROW(PlanTimesteps(bad, 2), Error);
  // No grid timestep in the lowest of ten groups.
  EXPECT_THROW(PlanGroupedTimesteps(good, TimestepGroups::Make(Grouping::kUniform, 10, 50)), Error);
}

}  // namespace
}  // namespace tmpq
