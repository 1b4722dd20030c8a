// Published scheduler configs mean what diffusers makes of them
// (tests/fixtures/make_scheduler_configs.py), and what has no rule here is refused by name.
#include "src/schedule/scheduler_config.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/core/random.h"
#include "tests/schedule/run_solver.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

class SchedulerConfigTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = TestPath();
    fs::create_directories(folder_);
    const std::string path =
        std::string(TMPQ_SOURCE_DIR) + "/tests/fixtures/scheduler_configs.json";
    cases_ = ParseJson(ReadFile(path), path);
  }

  SchedulerConfig Load(const std::string& text) const {
    std::ofstream(folder_ / "scheduler_config.json", std::ios::binary) << text;
    return LoadSchedulerConfig(folder_);
  }
  // The first case of a class, as JSON.
  Json ConfigOf(const std::string& class_name) const {
    for (const Json& c : cases_) {
      std::string text = c["config"];
      if (text.find("\"" + class_name + "\"") == std::string::npos) continue;
      const size_t at = text.find("-Infinity");
      if (at != std::string::npos) text.replace(at, 9, "null");
      return ParseJson(text, "test");
    }
    ADD_FAILURE() << class_name;
    return {};
  }

  fs::path folder_;
  Json cases_;
};

TEST_F(SchedulerConfigTest, TimestepsAndNoiseEqualDiffusers) {
  double worst_noise = 0;
  int sequences = 0, fractional = 0;
  for (const Json& c : cases_) {
    const SchedulerConfig config = Load(c["config"]);
    const bool flow = config.spacing == Spacing::kFlow;
    for (const auto& [steps, expected] : c["timesteps"].items()) {
      const TimestepSequence timesteps = config.Timesteps(std::stoi(steps));
      ASSERT_EQ(timesteps.size(), static_cast<int>(expected.size())) << c["config"];
      for (int k = 0; k < timesteps.size(); ++k) {
        const double t = expected[k];
        // A flow's times are fractions, and begin at T itself.
        EXPECT_LE(std::fabs(timesteps[k] - t), flow ? (t == 1000 ? 1 : 0.5) : 0)
            << c["config"] << " " << steps;
        fractional += t != std::floor(t);
      }
      ++sequences;
    }
    if (!c.contains("alphas_cumprod")) continue;
    for (const auto& [place, expected] : c["alphas_cumprod"].items()) {
      const double alpha_bar = config.schedule.alpha_bar.at(std::stoi(place));
      worst_noise = std::max(worst_noise, std::fabs(alpha_bar / expected.get<double>() - 1));
    }
  }
  EXPECT_GE(sequences, 200);
  EXPECT_GT(fractional, 0);
  // A product of a thousand factors in float32 carries up to a thousand half-ulps: 6e-5; the
  // cosine schedule's last factor, 1 - 0.999, adds its own rounding of 3e-5.
  std::printf("  alphas_cumprod: %.1e relative, allowed 1e-4\n", worst_noise);
  EXPECT_LE(worst_noise, 1e-4);
}

TEST_F(SchedulerConfigTest, TrajectoriesEqualDiffusers) {
  const std::vector<double> start = {1.3, -0.7, 0.2, 2.1};
  int count = 0;
  double worst = 0;
  for (const Json& c : cases_) {
    if (!c.contains("trajectory")) continue;
    const SchedulerConfig config = Load(c["config"]);
    const TimestepSequence timesteps = config.Timesteps(10);
    // diffusers' DDIM and PNDM step by T / N, which is the next timestep in these cases only.
    const auto calls = MakeSolver(config.schedule, config.settings, timesteps);
    for (size_t i = 0; i < start.size(); ++i) {
      const double x = RunSolver(
          calls, timesteps,
          [](double value, int t) { return 0.4 * value + 0.3 * std::sin(t / 100.0) + 0.1; },
          start[i], {});
      const double expected = c["trajectory"][i];
      const double error = std::fabs(x - expected) / std::max(1.0, std::fabs(expected));
      worst = std::max(worst, error);
      EXPECT_LE(error, 1e-4) << c["config"];
    }
    ++count;
  }
  std::printf("  %d trajectories: %.1e, allowed 1e-4\n", count, worst);
  EXPECT_GE(count, 12);
}

TEST_F(SchedulerConfigTest, FieldsReachTheSettings) {
  EXPECT_EQ(ReadSchedulerConfig(ConfigOf("PNDMScheduler"), "test").settings.method, "plms");
  const SchedulerConfig ddim = ReadSchedulerConfig(ConfigOf("DDIMScheduler"), "test");
  EXPECT_EQ(ddim.settings.prediction, Prediction::kV);
  EXPECT_EQ(ddim.schedule.final_alpha_bar, ddim.schedule.alpha_bar[0]);
  const NoiseSchedule back =
      NoiseSchedule::FromJson(ddim.schedule.ToJson(/*with_table=*/true), "test");
  EXPECT_EQ(back.final_alpha_bar, ddim.schedule.final_alpha_bar);
  EXPECT_EQ(back.alpha_bar, ddim.schedule.alpha_bar);
  Json ddpm = ConfigOf("DDPMScheduler");
  ddpm["variance_type"] = "learned_range";
  EXPECT_TRUE(ReadSchedulerConfig(ddpm, "test").settings.learned_variance);
}

TEST_F(SchedulerConfigTest, WhatHasNoRuleIsRefusedByName) {
  const auto refused = [&](const char* class_name, const char* key, const Json& value) {
    Json config = ConfigOf(std::string(class_name) + "Scheduler");
    config[key] = value;
    try {
      ReadSchedulerConfig(config, "the config");
      ADD_FAILURE() << key << " = " << value << " was accepted";
    } catch (const Error& error) {
      const std::string named = key[0] == '_' ? "scheduler" : key;
      EXPECT_NE(std::string(error.what()).find(named), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("the config"), std::string::npos) << error.what();
    }
  };
  refused("DDIM", "clip_sample", true);
  refused("DDIM", "clip_sample", nullptr);  // the default
  refused("DDIM", "thresholding", true);
  refused("DDIM", "rescale_betas_zero_snr", true);
  refused("DDIM", "beta_schedule", "laplace");
  refused("DDIM", "beta_start", -1);
  refused("DDIM", "beta_start", "small");
  refused("DDIM", "beta_end", 1e300);
  refused("DDIM", "num_train_timesteps", 0);
  refused("DDIM", "num_train_timesteps", 1e9);
  refused("DDIM", "num_train_timesteps", 10.5);
  refused("DDIM", "trained_betas", Json::array({0.1}));
  refused("DDIM", "prediction_type", "flow_prediction");
  refused("DDIM", "timestep_spacing", "random");
  refused("DDIM", "steps_offset", -1);
  refused("DDIM", "warp_factor", 9);
  refused("DDIM", "_class_name", "HeunDiscreteScheduler");
  refused("DDPM", "variance_type", "fixed_large");
  refused("PNDM", "skip_prk_steps", false);
  refused("DPMSolverMultistep", "solver_order", 3);
  refused("DPMSolverMultistep", "algorithm_type", "sde-dpmsolver++");
  refused("DPMSolverMultistep", "use_karras_sigmas", true);
  refused("DPMSolverMultistep", "final_sigmas_type", "sigma_min");
  refused("DPMSolverMultistep", "lambda_min_clipped", -5.1);
  refused("DPMSolverSinglestep", "solver_type", "heun");
  refused("UniPCMultistep", "solver_type", "bh1");
  refused("UniPCMultistep", "disable_corrector", Json::array({0}));
  refused("EulerDiscrete", "interpolation_type", "log_linear");
  refused("FlowMatchEulerDiscrete", "use_dynamic_shifting", true);
  refused("FlowMatchEulerDiscrete", "shift", 0);
  Json euler = ConfigOf("EulerDiscreteScheduler");
  euler["timestep_spacing"] = "linspace";
  const SchedulerConfig fractions = ReadSchedulerConfig(euler, "test");
  EXPECT_EQ(fractions.Timesteps(10)[1], 888);  // 999 / 9 is whole
  EXPECT_THROW(fractions.Timesteps(20), Error);
  EXPECT_THROW(fractions.Timesteps(0), Error);
}

// Random damage anywhere: an error or a config, never a crash.
TEST_F(SchedulerConfigTest, FuzzedFilesNeverCrash) {
  RandomStream random(7, RandomPurpose::kTest);
  for (const Json& c : cases_) {
    const std::string whole = c["config"];
    for (int round = 0; round < 15; ++round) {
      std::string damaged = whole;
      if (round % 4 == 0) damaged.resize(random.Below(whole.size()));
      for (uint64_t i = 0; i <= random.Below(3) && !damaged.empty(); ++i) {
        damaged[random.Below(damaged.size())] = static_cast<char>(random.Below(256));
      }
      try {
        Load(damaged).Timesteps(7);
      } catch (const Error&) {
      }
    }
  }
}

}  // namespace
}  // namespace tmpq
