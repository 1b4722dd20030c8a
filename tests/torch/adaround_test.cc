// AdaRound's formulas against values worked out by hand.
#include "src/train/adaround.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "src/quant/learned_rounding.h"

namespace tmpq {
namespace {

TEST(AdaRoundTest, RectifiedSigmoidIsStretchedAndClipped) {
  const at::Tensor h = RectifiedSigmoid(at::tensor({0.0f, std::log(3.0f), 9.0f, -9.0f}));
  EXPECT_FLOAT_EQ(h[0].item<float>(), 0.5f);  // 1.2 / 2 - 0.1
  EXPECT_FLOAT_EQ(h[1].item<float>(), 0.8f);  // 1.2 * 3/4 - 0.1
  EXPECT_EQ(h[2].item<float>(), 1.0f);        // 1.0999 - 0.1 before the clip
  EXPECT_EQ(h[3].item<float>(), 0.0f);
}

TEST(AdaRoundTest, BeginsAtTheFraction) {
  const at::Tensor fraction = at::tensor({0.0f, 0.1f, 0.25f, 0.5f, 0.99f});
  const at::Tensor h = RectifiedSigmoid(RoundingOfFraction(fraction));
  EXPECT_LT((h - fraction).abs().max().item<float>(), 1e-6f);
}

// 1 - |2h - 1|^beta: h = .5 costs 1, h = .75 and beta 2 costs 1 - 1/4, h = 1 costs 0; with beta 20
// h = .75 still costs nearly 1.
TEST(AdaRoundTest, RegulariserCountsUndecidedWeights) {
  const at::Tensor h = at::tensor({0.5f, 0.75f, 1.0f, 0.0f});
  EXPECT_FLOAT_EQ(RoundingRegulariser(h, 2).item<float>(), 1.75f);
  EXPECT_FLOAT_EQ(RoundingRegulariser(h, 20).item<float>(),
                  static_cast<float>(2 - std::pow(0.5, 20)));
}

TEST(AdaRoundTest, WarmsUpThenAnneals) {
  const RoundingSchedule schedule{100, 0.2, 20, 2};
  EXPECT_FALSE(schedule.Regularised(0));
  EXPECT_FALSE(schedule.Regularised(19));
  EXPECT_TRUE(schedule.Regularised(20));
  EXPECT_DOUBLE_EQ(schedule.Beta(20), 20);
  EXPECT_DOUBLE_EQ(schedule.Beta(60), 11);
  EXPECT_DOUBLE_EQ(schedule.Beta(100), 2);
}

TEST(AdaRoundTest, HardRoundingGoesUpFromAHalf) {
  EXPECT_THAT(HardRounding(at::tensor({-0.01f, 0.0f, 3.0f, -3.0f})),
              testing::ElementsAre(0, 1, 1, 0));
}

// Soft weights with h of 0 and 1 are what hard rounding makes, at the ends of the range too.
TEST(AdaRoundTest, SoftWeightsEndInHardOnes) {
  const std::vector<float> weights = {-1.0f, -0.33f, 0.0f, 0.41f, 1.0f, 2.0f};
  for (const bool symmetric : {true, false}) {
    QuantizedWeights grid = FindWeightScales("l", weights, 2, 3, BitWidth::Of(3), {symmetric});
    SoftRounding soft(weights, grid);
    for (const bool up : {false, true}) {
      const at::Tensor values =
          soft.Values(at::full({2, 3}, up ? 1.0f : 0.0f)).contiguous().detach();
      for (int64_t i = 0; i < 6; ++i) {
        grid.q[i] = RoundOneWay(grid, i / 3, i % 3, weights[i], up);
        EXPECT_FLOAT_EQ(values.data_ptr<float>()[i], grid.ValueAt(i / 3, i % 3)) << i;
      }
    }
    EXPECT_NEAR(soft.Values(RectifiedSigmoid(soft.v()))[0][1].item<float>(), weights[1], 1e-6f);
  }
}

}  // namespace
}  // namespace tmpq
