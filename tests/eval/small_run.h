// A run of two sites for tests of what reads runs.
#pragma once

#include "src/eval/results/run_file.h"

namespace tmpq {

// Of a schedule of 100 training timesteps: three candidates whose distance was measured, and all
// rows of a report. BitOps of w8a8 are 1000.
inline RunRecord SmallRun() {
  RunRecord run;
  run.config_text = "model = small\nbudget = 4bit\nsteps = 4\nmetric_samples = 32\n";
  run.provenance = {{"program", "test"}, {"model_name", "small"}, {"model", "0123<&>"}};
  run.budget = {{"bitops", 300}};
  run.sites = {{"fc.weight", "fc", SiteKind::kWeight, LayerGroup::kFeedForward, 12, 4, 3},
               {"fc.input", "fc", SiteKind::kActivation, LayerGroup::kFeedForward, 4, 4, 0}};
  run.quantities = {{"distance", {"1", "how far", true}},
                    {"psnr_to_float", {"dB", "how near", false}}};
  const auto policy = [](int weight, int activation) {
    return Policy{BitWidth::Of(weight), BitWidth::Of(activation)};
  };
  const TimestepSequence uniform = UniformTimesteps(4, 100);
  const Candidate wide = Candidate::Uniform(uniform, policy(8, 8)),
                  narrow = Candidate::Uniform(uniform, policy(4, 4)),
                  mixed = Candidate::Make(TimestepSequence({90, 40, 5}, 100),
                                          {policy(3, 4), policy(3, 4), policy(6, 8)});
  const auto costs = [](double bitops, double weight, double activation, int64_t bytes) {
    return Costs{bitops, weight, weight, activation, bytes};
  };
  const Costs of_wide = costs(1000, 8, 8, 4000), of_narrow = costs(250, 4, 4, 2000),
              of_mixed = costs(200, 4.5, 5, 2500);
  run.evaluations = {{Fidelity::kTrajectory, mixed, of_mixed, {}},
                     {Fidelity::kMetrics, wide, of_wide, {{"distance", 0.5}}},
                     {Fidelity::kMetrics, narrow, of_narrow, {{"distance", 0.75}}},
                     {Fidelity::kMetrics, mixed, of_mixed, {{"distance", 0.625}}}};
  run.fronts = {{Fidelity::kMetrics, {"distance", "bitops"}, {1, 3}}};
  run.history = {Fidelity::kMetrics, {"distance", "bitops"}, {1.0, 1000.0}, {0, 1}, {50, 100},
                 {0.25, 0.5}};
  const std::map<std::string, Estimate> metrics = {{"distance", {0.6, 0.5, 0.7, 20}},
                                                   {"psnr_to_float", {20.5, 20, 21, 20}}};
  const Candidate exact = Candidate::Uniform(uniform, policy(32, 32));
  run.baselines = {{"float", exact, costs(16000, 32, 32, 9000), 20, metrics},
                   {"naive", narrow, of_narrow, 20, metrics},
                   {"plan", mixed, of_mixed, 20, metrics},
                   {"w4a4", narrow, of_narrow, 20, metrics},
                   {"w8a8", wide, of_wide, 20, metrics}};
  run.seconds = {{"search", 1.5}, {"report", 0.5}};
  return run;
}

}  // namespace tmpq
