#include "src/metrics/rank_correlation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "src/core/error.h"

namespace tmpq {
namespace {

// scipy 1.17.1, spearmanr and kendalltau (tau-b) of the same numbers; both sides have ties.
TEST(RankCorrelationTest, EqualsScipy) {
  const std::vector<double> a = {3.1, -2, 0.5, 0.5, 7, 1.25, -4, 9.5, 0.25, 2},
                            b = {2, -1, 0.25, 1.5, 3, 3, -6, 4, -0.5, 0.25};
  EXPECT_NEAR(EstimateSpearman(a, b).value, 0.9021448912222152, 1e-14);
  EXPECT_NEAR(EstimateKendall(a, b).value, 0.8276408817690653, 1e-14);
  const std::vector<double> up = {1, 2, 3, 4, 5, 6, 7}, mixed = {7, 5, 6, 1, 4, 3, 2};
  EXPECT_NEAR(EstimateSpearman(up, mixed).value, -0.75, 1e-14);
  EXPECT_NEAR(EstimateKendall(up, mixed).value, -0.6190476190476191, 1e-14);
}

TEST(RankCorrelationTest, OnlyTheOrderCounts) {
  const std::vector<double> a = {1, 5, 2, 4, 3, 6},
                            b = {-1, 8, 7, 100, 9, std::numeric_limits<double>::infinity()};
  const std::vector<double> ranks = {1, 3, 2, 5, 4, 6};
  EXPECT_EQ(EstimateSpearman(a, b).value, EstimateSpearman(a, ranks).value);
  EXPECT_EQ(EstimateKendall(a, b).low, EstimateKendall(b, a).low);
  const Estimate kendall = EstimateKendall(a, b);
  EXPECT_LT(kendall.low, kendall.value);
  EXPECT_LT(kendall.value, kendall.high);
  EXPECT_EQ(kendall.n, 6);
}

// Full agreement of few candidates proves little: the interval says so.
TEST(RankCorrelationTest, FullAgreementHasAnInterval) {
  const std::vector<double> a = {1, 2, 3, 4, 5, 6, 7, 8}, down = {8, 7, 6, 5, 4, 3, 2, 1};
  for (const auto estimate : {EstimateSpearman, EstimateKendall}) {
    const Estimate same = estimate(a, a), opposite = estimate(a, down);
    EXPECT_EQ(same.value, 1);
    EXPECT_EQ(same.high, 1);
    EXPECT_LT(same.low, 0.95);
    EXPECT_EQ(opposite.value, -1);
    EXPECT_EQ(opposite.high, -same.low);
  }
}

TEST(RankCorrelationTest, RefusesWhatHasNoRank) {
  const std::vector<double> a = {1, 2, 3, 4, 5}, flat(5, 2.0), four = {1, 2, 3, 4};
  EXPECT_TRUE(std::isnan(EstimateSpearman(a, flat).value));
  EXPECT_TRUE(std::isnan(EstimateKendall(flat, a).low));
  EXPECT_THROW(EstimateSpearman(a, four), Error);
  EXPECT_THROW(EstimateKendall(four, four), Error);
  const std::vector<double> broken = {1, 2, NAN, 4, 5};
  EXPECT_THROW(EstimateKendall(a, broken), Error);
}

}  // namespace
}  // namespace tmpq
