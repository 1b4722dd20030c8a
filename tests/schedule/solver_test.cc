#include "src/schedule/solver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "src/core/error.h"
#include "src/core/file.h"
#include "tests/schedule/run_solver.h"

namespace tmpq {
namespace {

SamplerSettings Settings(const std::string& method, Prediction prediction, double eta = 0) {
  SamplerSettings settings;
  settings.method = method, settings.prediction = prediction, settings.eta = eta;
  return settings;
}

// tests/fixtures/make_schedulers.py ran diffusers' schedulers over the same fake network.
TEST(SolverTest, TrajectoriesEqualDiffusers) {
  const std::string path = std::string(TMPQ_SOURCE_DIR) + "/tests/fixtures/schedulers.json";
  const Json document = ParseJson(ReadFile(path), path);
  int count = 0, learned = 0;
  for (const Json& c : document["cases"]) {
    auto settings = Settings(c["method"], ParsePrediction(c["prediction"]), c["eta"]);
    settings.learned_variance = c.value("learned_variance", false);
    learned += settings.learned_variance;
    const NoiseSchedule schedule = NoiseSchedule::Make(c["schedule"], 1000);
    const TimestepSequence timesteps(c["timesteps"].get<std::vector<int>>(), 1000);
    const auto calls = MakeSolver(schedule, settings, timesteps);
    for (size_t i = 0; i < document["start"].size(); ++i) {
      std::vector<double> noise;
      for (const Json& row : document["noise"]) noise.push_back(row[i]);
      const double x = RunSolver(
          calls, timesteps,
          [](double value, int t) { return 0.4 * value + 0.3 * std::sin(t / 100.0) + 0.1; },
          document["start"][i], noise);
      const double expected = c["result"][i];
      EXPECT_NEAR(x, expected, 1e-4 * std::max(1.0, std::fabs(expected)))
          << c["method"] << " eta " << c["eta"] << " " << c["schedule"] << " " << c["prediction"]
          << " " << c["timesteps"];
    }
    ++count;
  }
  EXPECT_GT(count, 200);
  EXPECT_GE(learned, 6);
}

// All data is one point: the exact prediction is known, and every method has to arrive at the point
// for any timesteps.
TEST(SolverTest, APointMassIsRecovered) {
  const double point = 0.7;
  for (const char* method : {"ddim", "ddpm", "dpmpp-2m", "dpmpp-2s", "unipc"}) {
    for (const char* kind : {"linear", "cosine"}) {
      const NoiseSchedule schedule = NoiseSchedule::Make(kind, 100);
      for (const Prediction prediction :
           {Prediction::kEpsilon, Prediction::kV, Prediction::kSample}) {
        for (const auto& values : {std::vector<int>{99},
                                   {50},
                                   {99, 0},
                                   {97, 60, 59, 3},
                                   UniformTimesteps(100, 100).values()}) {
          const TimestepSequence timesteps(values, 100);
          const auto network = [&](double x, int t) {
            const double a = schedule.alpha_bar[t], s = std::sqrt(a), n = std::sqrt(1 - a);
            const double noise = (x - s * point) / n;
            return prediction == Prediction::kEpsilon ? noise
                   : prediction == Prediction::kV     ? s * noise - n * point
                                                      : point;
          };
          const auto calls = MakeSolver(schedule, Settings(method, prediction), timesteps);
          EXPECT_NEAR(RunSolver(calls, timesteps, network, 1.3, std::vector<double>(100, 0.4)),
                      point, 2e-4)
              << method << " " << kind << " " << NameOf(prediction) << " " << values.size();
        }
      }
    }
  }
}

TEST(SolverTest, CallsFollowTheSteps) {
  const NoiseSchedule schedule = NoiseSchedule::Make("cosine", 100);
  const TimestepSequence timesteps({90, 60, 30}, 100);
  const auto steps_of = [&](const char* method) {
    std::vector<int> steps;
    for (const SolverCall& call :
         MakeSolver(schedule, Settings(method, Prediction::kEpsilon), timesteps)) {
      steps.push_back(call.step);
    }
    return steps;
  };
  EXPECT_EQ(steps_of("ddim"), (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(steps_of("unipc"), (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(steps_of("plms"), (std::vector<int>{0, 1, 1, 2}));
  for (const SolverCall& call : MakeSolver(schedule, Settings("ddim", Prediction::kV), timesteps)) {
    EXPECT_TRUE(call.IsSimple());
  }
}

TEST(SolverTest, RefusesWhatAMethodCannotDo) {
  const NoiseSchedule schedule = NoiseSchedule::Make("cosine", 100);
  const TimestepSequence timesteps({90, 60, 30}, 200), beyond({150, 20}, 200);
  EXPECT_THROW(MakeSolver(schedule, Settings("plms", Prediction::kSample), timesteps), Error);
  EXPECT_THROW(MakeSolver(schedule, Settings("ddim", Prediction::kFlow), timesteps), Error);
  EXPECT_THROW(MakeSolver(schedule, Settings("euler-flow", Prediction::kV), timesteps), Error);
  for (const char* method : {"ddim", "ddpm", "plms", "dpmpp-2m", "dpmpp-2s", "unipc"}) {
    EXPECT_THROW(MakeSolver(schedule, Settings(method, Prediction::kV), beyond), Error) << method;
  }
}

}  // namespace
}  // namespace tmpq
