// A run's charts, as inline SVG.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/eval/results/run_file.h"

namespace tmpq {

// Number T of training timesteps: the float model's timesteps are uniform and begin at T - 1.
int TrainingStepsOf(const RunRecord& run);

// "float", "naive", "w4a4", "w8a8", others, "plan": the order of tables.
std::vector<const RunBaseline*> OrderedBaselines(const RunRecord& run);

// Distance against BitOps (relative to W8A8, where the run has that row): what was searched, the
// front, and the rows of the report with their intervals. `left_out`: searched candidates beyond
// the axes.
std::string FrontChart(const RunRecord& run, int64_t& left_out);
std::string HypervolumeChart(const RunRecord& run);
// Timesteps by step: the plan's, uniform and quadratic ones.
std::string TimestepChart(const RunRecord& run);
// Visits relative to uniform ones of the candidates on the front of Fidelity::kMetrics.
std::string TimestepDensityChart(const RunRecord& run);
// The plan's bit-widths: sites of weights, or all others, by steps of one policy.
std::string BitsChart(const RunRecord& run, bool weights);

}  // namespace tmpq
