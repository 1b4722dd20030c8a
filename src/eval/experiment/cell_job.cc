#include "src/eval/experiment/cell_job.h"

#include <chrono>
#include <limits>
#include <map>

#include "src/eval/workers/task_pool.h"

namespace tmpq {
namespace {

constexpr const char* kWhere = "a cell's answer";
// Two copies of a cell would write the same files.
constexpr double kNeverLate = std::numeric_limits<double>::infinity();

CellOutcome TryCell(const ExperimentCell& cell, const CellSession& session) {
  const auto begin = std::chrono::steady_clock::now();
  CellOutcome outcome;
  try {
    outcome.result = RunCell(cell, session);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInterrupted) throw;
    outcome.failure = error.what();
  }
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return outcome;
}

// Nothing of a cell whose inputs are wrong, which fails by itself.
std::vector<std::string> SharedPartsOf(const ExperimentCell& cell, const CellSession& session) {
  try {
    return SharedParts(cell, session);
  } catch (const Error&) {
    return {};
  }
}

CellOutcome OutcomeOf(const Json& answer) {
  return {JsonGet<Json>(answer, "result", kWhere), JsonGet<std::string>(answer, "failure", kWhere),
          JsonGet<double>(answer, "seconds", kWhere)};
}

// A rank's share: cells by name, in silence, until `stop`. All outlive it.
TaskWork CellWork(const std::map<std::string, const ExperimentCell*>& cells,
                  const CellSession& session, const std::atomic<bool>& stop) {
  return [&cells, &session, &stop](const Json& task) -> Json {
    const auto name = task.get<std::string>();
    const auto found = cells.find(name);
    if (found == cells.end()) {
      throw Error(ErrorCode::kInput, name, "is no cell here, but at rank 0",
                  "all machines need the same folder of configs");
    }
    Progress silent;
    CellSession own = session;
    own.interrupted = &stop, own.progress = &silent;
    CellOutcome outcome = TryCell(*found->second, own);
    return {{"result", std::move(outcome.result)},
            {"failure", outcome.failure},
            {"seconds", outcome.seconds}};
  };
}

void MakeOverRanks(const std::vector<const ExperimentCell*>& cells, const CellSession& session,
                   const CellSink& sink) {
  std::map<std::string, const ExperimentCell*> by_name;
  TaskBatch batch;
  batch.count = static_cast<int>(cells.size());
  batch.task = [&](int index) -> Json { return cells[index]->name(); };
  batch.made_shares = [](const Json& answer) { return OutcomeOf(answer).failure.empty(); };
  for (const ExperimentCell* cell : cells) {
    by_name[cell->name()] = cell;
    batch.shares.push_back(SharedPartsOf(*cell, session));
  }
  std::atomic<bool> stop{false};
  TaskRunner own(CellWork(by_name, session, stop), stop);
  TaskPool pool(*session.ranks, own, nullptr, kNeverLate, session.interrupted);
  pool.Run(batch, [&](TaskAnswers answers) {
    for (const TaskAnswer& one : answers) sink(*cells[one.index], OutcomeOf(one.answer));
  });
}

}  // namespace

void MakeCells(const std::vector<const ExperimentCell*>& cells, const CellSession& session,
               const CellSink& sink) {
  if (session.ranks != nullptr) return MakeOverRanks(cells, session, sink);
  for (const ExperimentCell* cell : cells) sink(*cell, TryCell(*cell, session));
}

void ServeCells(const Experiment& experiment, const CellSession& session, RankServer& server) {
  std::map<std::string, const ExperimentCell*> by_name;
  for (const ExperimentCell& cell : experiment.cells) by_name[cell.name()] = &cell;
  server.Serve(
      [&](const Json&, std::atomic<bool>& stop) { return CellWork(by_name, session, stop); });
}

}  // namespace tmpq
