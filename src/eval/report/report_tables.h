// Tables of a run's page.
#pragma once

#include <string>

#include "src/eval/results/run_file.h"

namespace tmpq {

// "psnr to float, dB", with its meaning where the pointer rests.
std::string MetricTitle(const RunRecord& run, const std::string& name);
std::string EstimateCell(const Estimate& estimate);

// Limits, and how much of them the plan uses.
std::string BudgetTable(const RunRecord& run);
// The finalists against the plan, and what became of each move's proposals, with their headings;
// nothing where the run does not hold them.
std::string SelectionTable(const RunRecord& run);
std::string MovesTable(const RunRecord& run);

}  // namespace tmpq
