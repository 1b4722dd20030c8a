// All cells of a table, resumable: what is made stays, what failed is tried again.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "src/eval/experiment/cell_runner.h"

namespace tmpq {

struct ExperimentResult {
  std::map<std::string, Json> cells;            // results by cell name; what failed is missing
  std::map<std::string, std::string> failures;  // reasons by cell name
  int made = 0;                                 // cells that this run made, not found
};

// Makes the cells of `experiment` that neither session.work nor session.finished holds with the
// same key (MakeCells), each kept as CELL.json once it is whole. An error of one cell is noted and
// leaves the others standing; kInterrupted ends the run, and so does what ends a job. `only`: makes
// cells whose name holds it; others count where they are found. Throws kUsage where no cell's does,
// and as CheckMetrics does, before anything is made.
ExperimentResult RunExperiment(const Experiment& experiment, const CellSession& session,
                               const std::string& only = "");

}  // namespace tmpq
