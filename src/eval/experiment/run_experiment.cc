#include "src/eval/experiment/run_experiment.h"

#include <chrono>

#include "src/core/file.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double Since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Null where there is no result, or one of another config.
Json FindResult(const fs::path& path, const std::string& key) {
  if (!fs::exists(path)) return nullptr;
  const Json result = ParseJson(ReadFile(path), path.string());
  return JsonGet<std::string>(result, "key", path.string()) == key ? result : Json(nullptr);
}

void Report(const CellSession& session, int done, int total, const ExperimentResult& result,
            const std::string& line) {
  const double left = result.made == 0 ? 0 : result.seconds / result.made * (total - done);
  session.progress->Log("cell " + std::to_string(done) + " of " + std::to_string(total) + ": " +
                        line + (left > 0 ? "; about " + FormatSeconds(left) + " left" : ""));
}

}  // namespace

ExperimentResult RunExperiment(const Experiment& experiment, const CellSession& session) {
  PrepareFolder(session.work);
  ExperimentResult result;
  const int total = static_cast<int>(experiment.cells.size());
  int done = 0;
  for (const ExperimentCell& cell : experiment.cells) {
    ++done;
    const fs::path path = session.work / (cell.name() + ".json");
    const auto begin = Clock::now();
    try {
      const std::string key = KeyOf(cell, session);
      Json found = FindResult(path, key);
      if (!found.is_null()) {
        result.cells[cell.name()] = std::move(found);
        continue;
      }
      Json made = RunCell(cell, session);
      WriteFileAtomically(path, std::string_view(made.dump(1) + "\n"));
      result.cells[cell.name()] = std::move(made);
      ++result.made, result.seconds += Since(begin);
      Report(session, done, total, result, cell.name() + ", " + FormatSeconds(Since(begin)));
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kInterrupted) throw;
      result.failures[cell.name()] = error.what();
      Report(session, done, total, result, cell.name() + " failed: " + error.what());
    }
  }
  return result;
}

}  // namespace tmpq
