// A table as files: results/TABLE/{table.md, table.csv, table.h5, manifest.json, cells.jsonl}.
#pragma once

#include <filesystem>

#include "src/eval/experiment/run_experiment.h"

namespace tmpq {

inline constexpr const char* kManifestName = "manifest.json";
// A cell's whole result a line: where another machine goes on from.
inline constexpr const char* kCellsName = "cells.jsonl";

// By model and metric: rows against bit-widths, mean over the seeds with their standard deviation;
// then the papers' claims (RowConfig::improves_on), and what failed.
std::string MarkdownOf(const Experiment& experiment, const ExperimentResult& result);
// One line a cell and metric.
std::string CsvOf(const Experiment& experiment, const ExperimentResult& result);

// Writes all five. Times, revisions and machine stand in the last two alone: the same cells give
// the same bytes elsewhere.
void WriteExperiment(const Experiment& experiment, const ExperimentResult& result,
                     const std::filesystem::path& out);

}  // namespace tmpq
