// Finalists compared on common noise: what is better, and what only looks so.
#include "src/eval/driver/finalist_choice.h"

#include <gtest/gtest.h>

#include <cmath>

#include "src/core/random.h"
#include "src/eval/proxies/noise_blocks.h"
#include "tests/eval/expect_error.h"

namespace tmpq {
namespace {

constexpr int64_t kSamples = 200;

Candidate OfSteps(int steps) {
  return Candidate::Uniform(UniformTimesteps(steps, 100), {BitWidth::Of(4)});
}

// Values of samples: what the noise makes of all candidates, a candidate's own noise, and `shift`.
std::vector<double> ValuesOf(uint64_t candidate, double shift) {
  RandomStream common(0, RandomPurpose::kTest), own(1 + candidate, RandomPurpose::kTest);
  std::vector<double> values;
  for (int64_t i = 0; i < kSamples; ++i) {
    values.push_back(10 * common.Uniform() + 0.1 * own.Uniform() + shift);
  }
  return values;
}

Measurements AnswerOf(const std::vector<double>& values) {
  Measurements answer = {{"loss", Mean(values)}};
  SetBlocks(answer, "loss", values);
  return answer;
}

TEST(NoiseBlocksTest, OneSampleABlockIsThePairedDifference) {
  std::vector<double> a = ValuesOf(0, 0), b = ValuesOf(1, 0.02);
  a.resize(20), b.resize(20);
  const Estimate expected = EstimatePairedDifference(a, b);
  const Estimate found = EstimateBlockDifference(AnswerOf(a), AnswerOf(b), "loss", 20);
  EXPECT_NEAR(found.value, expected.value, 1e-12);
  EXPECT_NEAR(found.low, expected.low, 1e-12);
  EXPECT_NEAR(found.high, expected.high, 1e-12);
  EXPECT_EQ(found.n, 20);
}

// Twenty blocks of ten samples say nearly what two hundred samples say.
TEST(NoiseBlocksTest, BlocksKeepWhatThePairingCancels) {
  const std::vector<double> a = ValuesOf(0, 0), b = ValuesOf(1, 0.02);
  const Estimate expected = EstimatePairedDifference(a, b);
  const Estimate found = EstimateBlockDifference(AnswerOf(a), AnswerOf(b), "loss", kSamples);
  EXPECT_NEAR(found.value, expected.value, 1e-12);
  const double ratio = (found.high - found.low) / (expected.high - expected.low);
  EXPECT_GT(ratio, 0.6);
  EXPECT_LT(ratio, 1.6);
  EXPECT_LT(found.high - found.low, 0.03);  // unpaired it would be 1.1
}

TEST(NoiseBlocksTest, ThreeSamplesAreThreeBlocks) {
  Measurements answer;
  SetBlocks(answer, "loss", std::vector<double>{1, 2, 4});
  EXPECT_EQ(answer, (Measurements{{"loss.block0", 1}, {"loss.block1", 2}, {"loss.block2", 4}}));
  EXPECT_TRUE(IsBlock("loss.block2"));
  EXPECT_FALSE(IsBlock("loss"));
}

TEST(NoiseBlocksTest, WithoutBlocksThereIsNothingToCompare) {
  const Measurements with = AnswerOf(ValuesOf(0, 0)), without = {{"loss", 1}};
  ExpectError([&] { EstimateBlockDifference(with, without, "loss", 20); }, "no blocks");
  ExpectError([&] { EstimateBlockDifference(with, with, "other", 20); }, "no blocks");
}

class FinalistChoiceTest : public testing::Test {
 protected:
  FinalistChoice Choose(const std::vector<double>& shifts, std::optional<size_t> defender = {}) {
    std::vector<Candidate> candidates;
    std::vector<Measurements> answers;
    for (size_t i = 0; i < shifts.size(); ++i) {
      candidates.push_back(OfSteps(static_cast<int>(i) + 2));
      answers.push_back(AnswerOf(ValuesOf(i, shifts[i])));
    }
    std::optional<Candidate> own;
    if (defender.has_value()) own = candidates[*defender];
    return ChooseFinalist(candidates, answers, "loss", kSamples, own);
  }
};

TEST_F(FinalistChoiceTest, TheLeastWinsAndSaysWhatItBeats) {
  const FinalistChoice choice = Choose({0.5, 0, 0.0001, 0.2});
  ASSERT_TRUE(choice.plan == 1 || choice.plan == 2);  // of these two noise decides
  EXPECT_EQ(choice.beaten(), 2);
  EXPECT_EQ(choice.finalists[choice.plan].minus_plan.value, 0);
  EXPECT_NEAR(choice.finalists[0].minus_plan.value, 0.5, 0.02);
  EXPECT_GT(choice.finalists[3].minus_plan.low, 0.15);
  const Estimate& close = choice.finalists[3 - choice.plan].minus_plan;
  EXPECT_GE(close.value, 0);
  EXPECT_LE(close.low, 0);
}

TEST_F(FinalistChoiceTest, ADefenderStaysUntilItIsBeatenBeyondNoise) {
  const double hardly = 0.002;  // a tenth of the interval
  const FinalistChoice looks = Choose({0, hardly}), defended = Choose({0, hardly}, 1);
  EXPECT_EQ(defended.plan, 1u);
  EXPECT_EQ(defended.beaten(), 0);
  EXPECT_FALSE(looks.defender.has_value());
  const FinalistChoice beaten = Choose({-0.2, 0, -0.5, -0.4}, 1);
  EXPECT_EQ(beaten.plan, 2u);
  EXPECT_EQ(beaten.beaten(), 3);
  EXPECT_EQ(beaten.defender, 1u);
  EXPECT_EQ(Choose({0.3, 0, 0.3}, 1).plan, 1u);
}

TEST_F(FinalistChoiceTest, EqualOnesGoToTheEarlier) {
  const std::vector<Measurements> answers(2, AnswerOf(ValuesOf(0, 0)));
  const FinalistChoice choice = ChooseFinalist({OfSteps(3), OfSteps(4)}, answers, "loss", 9, {});
  EXPECT_EQ(choice.plan, 0u);
  EXPECT_EQ(choice.beaten(), 0);
}

// Samples that went to infinity lose against anything, and two of them are not told apart.
TEST_F(FinalistChoiceTest, WhatDivergedLoses) {
  const std::vector<double> infinite(kSamples, INFINITY);
  const Measurements finite = AnswerOf(ValuesOf(0, 0)), lost = AnswerOf(infinite);
  for (const bool defended : {false, true}) {
    const std::vector<Candidate> candidates = {OfSteps(3), OfSteps(4), OfSteps(5)};
    const FinalistChoice choice =
        ChooseFinalist(candidates, {lost, lost, finite}, "loss", kSamples,
                       defended ? std::optional(candidates[0]) : std::nullopt);
    EXPECT_EQ(choice.plan, 2u) << defended;
    EXPECT_EQ(choice.beaten(), 2) << defended;
  }
}

}  // namespace
}  // namespace tmpq
