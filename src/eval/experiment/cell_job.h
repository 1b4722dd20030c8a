// The missing cells of a table, made by this process or by all ranks of a job.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "src/eval/experiment/cell_runner.h"
#include "src/eval/workers/rank_server.h"

namespace tmpq {

struct CellOutcome {
  Json result = {};     // RunCell's; null where it failed
  std::string failure;  // why
  double seconds = 0;
};
using CellSink = std::function<void(const ExperimentCell& cell, CellOutcome outcome)>;

// Makes `cells` and gives each one's outcome as it comes: in order, or over the ranks of
// session.ranks as they end. Of cells that share something in session.work, one makes it and the
// others wait. Throws kInterrupted, and what ends a job (TaskPool::Run).
void MakeCells(const std::vector<const ExperimentCell*>& cells, const CellSession& session,
               const CellSink& sink);

// Another rank's work: makes what rank 0 sends until it says stop. Throws kInterrupted.
void ServeCells(const Experiment& experiment, const CellSession& session, RankServer& server);

}  // namespace tmpq
