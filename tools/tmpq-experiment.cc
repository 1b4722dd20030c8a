// tmpq-experiment experiments/TABLE: all rows of a table into results/TABLE/.
#include <cstdio>
#include <string>

#include "src/core/interrupt.h"
#include "src/eval/experiment/cell_job.h"
#include "src/eval/experiment/experiment_outputs.h"
#include "tools/common/backend.h"
#include "tools/common/config_flags.h"
#include "tools/job/job_program.h"

namespace tmpq {
namespace {

void DeclareFlags(cxxopts::Options& options) {
  const auto text = [] { return cxxopts::value<std::string>(); };
  options.add_options()("table", "folder of row configs", text())(
      "out",
      "folder of the table (default: results/TABLE, with a --model results/TABLE-MODEL; with "
      "--quick, in --work)",
      text())(
      "work", "folder of finished cells and of what is made on the way (default: runs/TABLE)",
      text())("quick", "with the [quick] values of the configs: small, for a look and for tests")(
      "list", "print the cells and end")("fresh",
                                         "make the cells again that --out has from before (with "
                                         "--only: of these); those in --work stand")(
      "only", "make the cells whose name holds this; others stand in the table where they are made",
      cxxopts::value<std::string>()->default_value(""))("threads",
                                                        "0: one per core; never changes the result",
                                                        cxxopts::value<int>()->default_value("0"))(
      "batch", "samples per network call; never changes the result",
      cxxopts::value<int>()->default_value("8"));
  DeclareBackend(options);
  DeclareConfigFlags(options, "Model", OwnModel());
  options.parse_positional({"table"});
}

std::string Given(const cxxopts::ParseResult& arguments, const char* flag,
                  const std::string& otherwise) {
  return arguments.count(flag) > 0 ? arguments[flag].as<std::string>() : otherwise;
}

void PrintCells(const Experiment& experiment, bool as_json) {
  Json names = Json::array();
  for (const ExperimentCell& cell : experiment.cells) {
    if (as_json) {
      names.push_back(cell.name());
    } else {
      std::printf("%s\n", cell.name().c_str());
    }
  }
  if (as_json) PrintJson(names);
}

bool IsQuick(const cxxopts::ParseResult& arguments) { return arguments.count("quick") > 0; }

Experiment ReadTable(const cxxopts::ParseResult& arguments) {
  if (arguments.count("table") == 0) {
    throw Error(ErrorCode::kUsage, "command line", "names no table", "experiments/TABLE");
  }
  OwnModel own;
  ApplyConfigFlags(arguments, own);
  return ReadExperiment(arguments["table"].as<std::string>(), IsQuick(arguments), own);
}

// `backend` outlives the session.
CellSession ReadCellSession(const cxxopts::ParseResult& arguments, const Experiment& experiment,
                            const Backend& backend, Progress& progress) {
  CellSession session;
  session.kernels = backend.kernels, session.device = backend.device.get();
  session.work =
      Given(arguments, "work", "runs/" + experiment.name + (experiment.quick ? "-quick" : ""));
  session.bundled = BundledCheckpoints();
  session.threads = arguments["threads"].as<int>();
  session.batch = arguments["batch"].as<int>();
  session.interrupted = &InstallInterruptHandler();
  session.progress = &progress;
  CheckThreads(session.threads);
  CheckBatch(session.batch);
  return session;
}

void Print(const cxxopts::ParseResult& arguments, const Experiment& experiment,
           const ExperimentResult& result, const std::filesystem::path& out) {
  if (WantsJson(arguments)) {
    return PrintJson({{"table", (out / "table.md").string()},
                      {"cells", result.cells.size()},
                      {"made", result.made},
                      {"failed", result.failures}});
  }
  std::printf("%zu of %zu cells, %d made now. Wrote %s/{table.md, table.csv, table.h5, %s, %s}.\n",
              result.cells.size(), experiment.cells.size(), result.made, out.c_str(), kManifestName,
              kCellsName);
}

ExperimentResult MakeCellsOf(const Experiment& experiment, const CellSession& session,
                             const std::string& only) {
  try {
    return RunExperiment(experiment, session, only);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInterrupted) throw;
    throw Error(ErrorCode::kInterrupted, session.work.string(), "the table was interrupted",
                "the same command makes the cells that are missing");
  }
}

// `ranks`: of an MPI job, which this process leads; null outside of one.
void Make(const cxxopts::ParseResult& arguments, Transport* ranks) {
  const Experiment experiment = ReadTable(arguments);
  if (arguments.count("list") > 0) return PrintCells(experiment, WantsJson(arguments));
  TerminalProgress progress = MakeProgress();
  const Backend backend = ReadBackend(arguments);
  CellSession session = ReadCellSession(arguments, experiment, backend, progress);
  session.ranks = ranks;
  const std::filesystem::path out =
      Given(arguments, "out",
            experiment.quick ? (session.work / "table").string() : "results/" + experiment.name);
  session.finished = out / kCellsName, session.fresh = arguments.count("fresh") > 0;
  const ExperimentResult result =
      MakeCellsOf(experiment, session, arguments["only"].as<std::string>());
  WriteExperiment(experiment, result, out);
  Print(arguments, experiment, result, out);
  if (result.failures.empty()) return;
  throw Error(ErrorCode::kInput, result.failures.begin()->first,
              "failed, as " + std::to_string(result.failures.size() - 1) +
                  " other cells: " + result.failures.begin()->second,
              "the same command tries them again");
}

// Another rank's part.
void Serve(const cxxopts::ParseResult& arguments, RankServer& server) {
  const Experiment experiment = ReadTable(arguments);
  const Backend backend = ReadBackend(arguments);
  Progress silent;
  ServeCells(experiment, ReadCellSession(arguments, experiment, backend, silent), server);
}

}  // namespace
}  // namespace tmpq

int main(int argc, char** argv) {
  return tmpq::RunJobProgram(argc, argv,
                             {{"tmpq-experiment",
                               "Makes every row of a table, a folder of configs, and writes the "
                               "table; what is finished is not made again.",
                               "experiments/TABLE"},
                              tmpq::DeclareFlags,
                              tmpq::Make,
                              tmpq::Serve});
}
