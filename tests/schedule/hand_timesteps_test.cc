#include "src/schedule/hand_timesteps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "src/core/error.h"

namespace tmpq {
namespace {

using testing::ElementsAre;

double Sigma(const NoiseSchedule& schedule, int timestep) {
  return std::sqrt(1 / schedule.alpha_bar[timestep] - 1);
}

TEST(HandTimestepsTest, AreLegalForEverySchedule) {
  for (const char* kind : {"cosine", "shifted-cosine", "linear", "scaled-linear", "flow"}) {
    const NoiseSchedule schedule = NoiseSchedule::Make(kind, 1000);
    for (const std::string& rule : HandTimestepRules()) {
      for (const int steps : {1, 2, 7, 20, 29}) {
        EXPECT_EQ(HandTimesteps(rule, steps, schedule).size(), steps) << kind << " " << rule;
      }
    }
    // Even where every timestep is needed.
    const NoiseSchedule little = NoiseSchedule::Make(kind, 12);
    for (const char* rule : {"uniform", "log-snr", "karras", "ays"}) {
      EXPECT_EQ(HandTimesteps(rule, 12, little), UniformTimesteps(12, 12)) << kind << " " << rule;
    }
  }
}

// The timesteps that the paper's authors list for ten steps of Stable Diffusion 1.5; the noise
// levels beside them have three decimals, which is one timestep where levels are close.
TEST(HandTimestepsTest, AlignedOnesAreThePublishedOnesOnTheirOwnSchedule) {
  const TimestepSequence timesteps =
      HandTimesteps("ays", 10, NoiseSchedule::Make("scaled-linear", 1000));
  const int published[] = {999, 850, 736, 645, 545, 455, 343, 233, 124, 24};
  for (int k = 0; k < 10; ++k) EXPECT_NEAR(timesteps[k], published[k], 1) << k;
}

TEST(HandTimestepsTest, AreEvenInTheirOwnMeasure) {
  const NoiseSchedule schedule = NoiseSchedule::Make("linear", 1000);
  const TimestepSequence by_snr = HandTimesteps("log-snr", 6, schedule),
                         by_sigma = HandTimesteps("karras", 6, schedule);
  EXPECT_EQ(by_snr[0], 999);
  EXPECT_EQ(by_snr[5], 0);
  const auto check = [&](const TimestepSequence& timesteps, auto measure) {
    const double step = (measure(Sigma(schedule, 999)) - measure(Sigma(schedule, 0))) / 5;
    for (int k = 0; k < 5; ++k) {
      const double own =
          measure(Sigma(schedule, timesteps[k])) - measure(Sigma(schedule, timesteps[k + 1]));
      EXPECT_NEAR(own / step, 1, 0.05) << k;  // of whole timesteps
    }
  };
  check(by_snr, [](double sigma) { return std::log(sigma); });
  check(by_sigma, [](double sigma) { return std::pow(sigma, 1.0 / 7); });
}

TEST(HandTimestepsTest, AListIsItself) {
  const NoiseSchedule schedule = NoiseSchedule::Make("linear", 100);
  EXPECT_THAT(HandTimesteps("99,40,0", 20, schedule).values(), ElementsAre(99, 40, 0));
  for (const char* wrong : {"99,99", "0,1", "100,3", ",", "9,,1", ""}) {
    EXPECT_THROW(HandTimesteps(wrong, 2, schedule), Error) << wrong;
  }
}

TEST(HandTimestepsTest, RefusesUnknownRulesAndTooManySteps) {
  const NoiseSchedule schedule = NoiseSchedule::Make("linear", 100);
  EXPECT_THROW(HandTimesteps("cubic", 5, schedule), Error);
  EXPECT_THROW(HandTimesteps("log-snr", 101, schedule), Error);
  EXPECT_THROW(HandTimesteps("uniform", 0, schedule), Error);
}

}  // namespace
}  // namespace tmpq
