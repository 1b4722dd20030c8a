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

class Maker {
 public:
  explicit Maker(const CellSession& session) : session_(session) {}

  // Finds what is there; what has to be made is kept for MakeAll.
  void Find(const ExperimentCell& cell, bool wanted) {
    try {
      Json found = FindResult(PathOf(cell), KeyOf(cell, session_));
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
