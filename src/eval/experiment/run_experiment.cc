#include "src/eval/experiment/run_experiment.h"

#include <chrono>
#include <sstream>

#include "src/core/file.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double Since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// The results of a cells.jsonl by cell name; none where there is no such file.
std::map<std::string, Json> ReadCells(const fs::path& path) {
  std::map<std::string, Json> cells;
  if (path.empty() || !fs::exists(path)) return cells;
  std::istringstream lines(ReadFile(path));
  for (std::string line; std::getline(lines, line);) {
    Json cell = ParseJson(line, path.string());
    const auto name = JsonGet<std::string>(cell, "cell", path.string());
    cells[name] = std::move(cell);
  }
  return cells;
}

class Maker {
 public:
  explicit Maker(const CellSession& session)
      : session_(session), before_(ReadCells(session.finished)) {}

  // Finds what is there; what has to be made is kept for MakeAll.
  void Find(const ExperimentCell& cell, bool wanted) {
    try {
      Json found = FindResult(cell);
      if (!found.is_null()) {
        result_.cells[cell.name()] = std::move(found);
      } else if (wanted) {
        missing_.push_back(&cell);
      }
    } catch (const Error& error) {
      Fail(cell, error);
    }
  }

  ExperimentResult MakeAll() {
    for (const ExperimentCell* cell : missing_) {
      const auto begin = Clock::now();
      try {
        Json made = RunCell(*cell, session_);
        WriteFileAtomically(PathOf(*cell), std::string_view(made.dump(1) + "\n"));
        result_.cells[cell->name()] = std::move(made);
        ++result_.made;
      } catch (const Error& error) {
        if (error.code() == ErrorCode::kInterrupted) throw;
        Fail(*cell, error);
      }
      seconds_ += Since(begin);
      Report(cell->name() + ", " + FormatSeconds(Since(begin)));
    }
    return std::move(result_);
  }

 private:
  // Null where there is no result, or one of another config.
  Json FindResult(const ExperimentCell& cell) const {
    const std::string key = KeyOf(cell, session_), path = PathOf(cell).string();
    const auto has_key = [&](const Json& result) {
      return JsonGet<std::string>(result, "key", path) == key;
    };
    if (fs::exists(path)) {
      Json result = ParseJson(ReadFile(path), path);
      if (has_key(result)) return result;
    }
    const auto found = before_.find(cell.name());
    return found != before_.end() && has_key(found->second) ? found->second : Json(nullptr);
  }

  fs::path PathOf(const ExperimentCell& cell) const {
    return session_.work / (cell.name() + ".json");
  }

  void Fail(const ExperimentCell& cell, const Error& error) {
    result_.failures[cell.name()] = error.what();
    session_.progress->Log(cell.name() + " failed: " + error.what());
  }

  void Report(const std::string& line) {
    ++done_;
    const size_t left = missing_.size() - done_;
    session_.progress->Log(
        "cell " + std::to_string(done_) + " of " + std::to_string(missing_.size()) + ": " + line +
        (left > 0 ? "; about " + FormatSeconds(seconds_ / done_ * left) + " left" : ""));
  }

  const CellSession& session_;
  std::map<std::string, Json> before_;
  std::vector<const ExperimentCell*> missing_;
  ExperimentResult result_;
  double seconds_ = 0;
  size_t done_ = 0;
};

}  // namespace

ExperimentResult RunExperiment(const Experiment& experiment, const CellSession& session,
                               const std::string& only) {
  PrepareFolder(session.work);
  Maker maker(session);
  for (const ExperimentCell& cell : experiment.cells) {
    maker.Find(cell, cell.name().find(only) != std::string::npos);
  }
  return maker.MakeAll();
}

}  // namespace tmpq
