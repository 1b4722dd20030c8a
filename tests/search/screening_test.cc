#include "src/search/screening.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "src/core/random.h"
#include "src/search/hypervolume.h"

namespace tmpq {
namespace {

std::vector<PredictedPoint> RandomPoints(RandomStream& random, size_t count, size_t dimensions) {
  std::vector<PredictedPoint> points(count);
  for (PredictedPoint& point : points) {
    for (size_t k = 0; k < dimensions; ++k) point.objectives.push_back(random.Uniform());
  }
  return points;
}

// Without uncertainty the choice is the greedy one, computed plainly.
TEST(ScreeningTest, CertainPointsAreChosenGreedilyByVolume) {
  RandomStream random(1, RandomPurpose::kTest);
  for (const size_t dimensions : {2, 3}) {
    const std::vector<double> reference(dimensions, 1.0);
    const auto points = RandomPoints(random, 40, dimensions);
    std::vector<Objectives> front;
    for (const auto& point : RandomPoints(random, 5, dimensions)) front.push_back(point.objectives);
    const std::vector<size_t> chosen = ChooseByGain(points, front, reference, 6);
    ASSERT_FALSE(chosen.empty());
    for (const size_t i : chosen) {
      const double before = Hypervolume(front, reference);
      double best = 0;
      for (const PredictedPoint& point : points) {
        std::vector<Objectives> with = front;
        with.push_back(point.objectives);
        best = std::max(best, Hypervolume(with, reference) - before);
      }
      front.push_back(points[i].objectives);
      EXPECT_NEAR(Hypervolume(front, reference) - before, best, 1e-12);
    }
  }
}

TEST(ScreeningTest, UncertainPointsHaveAGainWhereCertainOnesHaveNone) {
  const std::vector<double> reference = {1, 1};
  const std::vector<PredictedPoint> certain = {{{0.6, 0.6}, 0}, {{0.7, 0.55}, 0}};
  EXPECT_TRUE(ChooseByGain(certain, {{0.5, 0.5}}, reference, 2).empty());
  std::vector<PredictedPoint> uncertain = certain;
  uncertain[1].deviation = 0.3;
  EXPECT_EQ(ChooseByGain(uncertain, {{0.5, 0.5}}, reference, 2), std::vector<size_t>{1});
}

TEST(ScreeningTest, OneObjectiveIsTheLeast) {
  const std::vector<PredictedPoint> points = {{{3}, 0}, {{1}, 0}, {{2}, 0}};
  EXPECT_EQ(ChooseByGain(points, {{2.5}}, {}, 1), std::vector<size_t>{1});
  EXPECT_TRUE(ChooseByGain(points, {{0.5}}, {}, 3).empty());
  EXPECT_EQ(ChooseByGain(points, {}, {}, 1).size(), 1u);
}

}  // namespace
}  // namespace tmpq
