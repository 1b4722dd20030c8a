#include "src/eval/proxies/call_counter.h"

#include <gtest/gtest.h>

namespace tmpq {
namespace {

// Answers nothing, and counts what it was asked.
class Silent : public Evaluator {
 public:
  std::vector<Measurements> Evaluate(std::span<const Candidate> candidates, Fidelity) override {
    asked += candidates.size();
    return std::vector<Measurements>(candidates.size());
  }
  size_t asked = 0;
};

Candidate OfSteps(int steps) {
  return Candidate::Uniform(UniformTimesteps(steps, 100), {BitWidth::Of(4)});
}

TEST(CallCounterTest, CountsEachCandidateAndFidelityOnce) {
  Silent inner;
  EvaluatorSettings settings;
  settings.trajectory_samples = 3, settings.metric_samples = 50;
  CallCounter counter(inner, settings, /*calls_per_step=*/2);
  const std::vector<Candidate> batch = {OfSteps(10), OfSteps(4), OfSteps(10)};
  EXPECT_EQ(counter.Evaluate(batch, Fidelity::kTrajectory).size(), 3u);
  EXPECT_EQ(counter.calls(), 2 * 3 * (10 + 4));
  EXPECT_EQ(counter.samples(), 2 * 3);
  EXPECT_EQ(counter.repeats(), 1);
  counter.Evaluate({&batch[1], 1}, Fidelity::kMetrics);
  EXPECT_EQ(counter.calls(), 2 * 3 * (10 + 4) + 2 * 50 * 4);
  counter.Evaluate(batch, Fidelity::kTrajectory);
  EXPECT_EQ(counter.calls(), 2 * 3 * (10 + 4) + 2 * 50 * 4);
  EXPECT_EQ(counter.candidates(), 3);
  counter.Add(7);
  EXPECT_EQ(counter.calls(), 2 * 3 * (10 + 4) + 2 * 50 * 4 + 7);
  EXPECT_EQ(inner.asked, 7u);  // whatever is counted, all is passed on
}

TEST(CallCounterTest, WhatWasProbedIsPartOfTheTrajectoryError) {
  Silent inner;
  EvaluatorSettings settings;
  settings.probe_samples = 2, settings.trajectory_samples = 8;
  CallCounter counter(inner, settings, /*calls_per_step=*/1);
  const std::vector<Candidate> batch = {OfSteps(10), OfSteps(4)};
  counter.Evaluate({batch.data(), 1}, Fidelity::kProbe);
  EXPECT_EQ(counter.calls(), 2 * 10);
  counter.Evaluate(batch, Fidelity::kTrajectory);
  EXPECT_EQ(counter.calls(), 8 * (10 + 4));
  EXPECT_EQ(counter.samples(), 2 * 8);
}

}  // namespace
}  // namespace tmpq
