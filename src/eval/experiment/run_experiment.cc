#include "src/eval/experiment/run_experiment.h"

#include <algorithm>
#include <sstream>

#include "src/core/file.h"
#include "src/eval/experiment/cell_job.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

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
      keys_[cell.name()] = KeyOf(cell, session_);
      Json found = FindResult(cell, /*before=*/!wanted || !session_.fresh);
      if (!found.is_null()) {
        result_.cells[cell.name()] = std::move(found);
      } else if (wanted) {
        missing_.push_back(&cell);
      }
    } catch (const Error& error) {
      Fail(cell, error.what());
    }
  }

  ExperimentResult MakeAll() {
    MakeCells(missing_, session_, [&](const ExperimentCell& cell, CellOutcome outcome) {
      Take(cell, std::move(outcome));
      seconds_ += outcome.seconds;
      Report(cell.name() + ", " + FormatSeconds(outcome.seconds));
    });
    return std::move(result_);
  }

 private:
  // Null where there is no result, or one of another config; `before`: one of the table before will
  // do.
  Json FindResult(const ExperimentCell& cell, bool before) const {
    const std::string &key = keys_.at(cell.name()), path = PathOf(cell).string();
    const auto has_key = [&](const Json& result) {
      return JsonGet<std::string>(result, "key", path) == key;
    };
    if (fs::exists(path)) {
      Json result = ParseJson(ReadFile(path), path);
      if (has_key(result)) return result;
    }
    if (!before) return nullptr;
    const auto found = before_.find(cell.name());
    return found != before_.end() && has_key(found->second) ? found->second : Json(nullptr);
  }

  fs::path PathOf(const ExperimentCell& cell) const {
    return session_.work / (cell.name() + ".json");
  }

  void Take(const ExperimentCell& cell, CellOutcome outcome) {
    if (!outcome.failure.empty()) return Fail(cell, outcome.failure);
    try {
      Keep(cell, std::move(outcome.result));
    } catch (const Error& error) {
      Fail(cell, error.what());
    }
  }

  void Keep(const ExperimentCell& cell, Json made) {
    if (JsonGet<std::string>(made, "key", cell.name()) != keys_.at(cell.name())) {
      throw Error(ErrorCode::kInput, cell.name(), "was made from another config, recipe or model",
                  "all machines need the same files");
    }
    WriteFileAtomically(PathOf(cell), std::string_view(made.dump(1) + "\n"));
    result_.cells[cell.name()] = std::move(made);
    ++result_.made;
  }

  void Fail(const ExperimentCell& cell, const std::string& reason) {
    result_.failures[cell.name()] = reason;
    session_.progress->Log(cell.name() + " failed: " + reason);
  }

  void Report(const std::string& line) {
    ++done_;
    const size_t left = missing_.size() - done_;
    const double makers = session_.ranks == nullptr ? 1 : session_.ranks->size();
    session_.progress->Log(
        "cell " + std::to_string(done_) + " of " + std::to_string(missing_.size()) + ": " + line +
        (left > 0 ? "; about " + FormatSeconds(seconds_ / done_ * left / makers) + " left" : ""));
  }

  const CellSession& session_;
  std::map<std::string, Json> before_;
  std::map<std::string, std::string> keys_;  // by cell name, as this process's files say
  std::vector<const ExperimentCell*> missing_;
  ExperimentResult result_;
  double seconds_ = 0;
  size_t done_ = 0;
};

}  // namespace

ExperimentResult RunExperiment(const Experiment& experiment, const CellSession& session,
                               const std::string& only) {
  const auto is_asked = [&](const ExperimentCell& cell) {
    return cell.name().find(only) != std::string::npos;
  };
  if (std::none_of(experiment.cells.begin(), experiment.cells.end(), is_asked)) {
    throw Error(ErrorCode::kUsage, "only", "no cell's name holds \"" + only + "\"",
                "--list prints the cells");
  }
  CheckMetrics(experiment, session);
  PrepareFolder(session.work);
  Maker maker(session);
  for (const ExperimentCell& cell : experiment.cells) maker.Find(cell, is_asked(cell));
  return maker.MakeAll();
}

}  // namespace tmpq
