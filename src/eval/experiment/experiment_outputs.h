// A table as files: results/TABLE/{table.md, table.csv, table.h5, manifest.json}.
#pragma once

#include <filesystem>

#include "src/eval/experiment/run_experiment.h"

namespace tmpq {

inline constexpr const char* kManifestName = "manifest.json";

// By model and metric: rows against bit-widths, mean over the seeds with their standard deviation;
// then the papers' claims (RowConfig::improves_on), and what failed.
std::string MarkdownOf(const Experiment& experiment, const ExperimentResult& result);
// One line a cell and metric.
std::string CsvOf(const Experiment& experiment, const ExperimentResult& result);

// Writes all four. Times, revision and machine stand in the manifest alone: the same cells give the
// same bytes elsewhere.
void WriteExperiment(const Experiment& experiment, const ExperimentResult& result,
                     const std::filesystem::path& out);

}  // namespace tmpq
