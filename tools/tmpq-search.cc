// tmpq-search --budget 4bit --steps 20: finds the front and a plan for a model.
#include <cstdio>
#include <memory>
#include <string>

#include "src/eval/driver/front_query.h"
#include "src/eval/driver/job_evaluator.h"
#include "src/eval/driver/search_driver.h"
#include "src/eval/driver/search_outputs.h"
#include "src/eval/driver/search_table.h"
#include "src/runtime/device/device.h"
#include "tools/common/backend.h"
#include "tools/common/config_flags.h"
#include "tools/common/program.h"
#include "tools/common/session.h"
#include "tools/job/job_program.h"

namespace tmpq {
namespace {

void DeclareFlags(cxxopts::Options& options) {
  DeclareConfigFlags(options, "Search", SearchConfig());
  DeclareBackend(options);
  options.add_options()("out", "folder of run.h5, plan.safetensors, summary.json, samples.png",
                        cxxopts::value<std::string>()->default_value("runs/demo"))(
      "config", "INI file with the fields below, underscores for hyphens; flags come on top",
      cxxopts::value<std::string>())("resume", "go on with the run in --out")(
      "overwrite", "replace the run in --out")("threads",
                                               "0: one per core; never changes the result",
                                               cxxopts::value<int>()->default_value("0"))(
      "batch", "images per network call; never changes the result",
      cxxopts::value<int>()->default_value("8"))(
      "trajectory-cache",
      "MiB for the beginnings of trajectories that candidates share; never changes the result",
      cxxopts::value<int>()->default_value("256"))(
      "front-query",
      "no search: of the finished run in --out, the plan of least distance on search noise, or of "
      "what --objectives named first, that satisfies this: \"bitops<=0.2x\", "
      "\"bytes<=1.2MB,steps<=10\"",
      cxxopts::value<std::string>())(
      "predicted",
      "that plan is the one of least predicted error, or of what "
      "--minimize named first, on the front that the search's tables predict "
      "for all budgets; nothing is measured")(
      "plan-out", "where that plan goes (default: plan-query.safetensors in --out)",
      cxxopts::value<std::string>());
}

SearchConfig ReadConfig(const cxxopts::ParseResult& arguments) {
  SearchConfig config;
  if (arguments.count("config") > 0)
    config = LoadConfig<SearchConfig>(arguments["config"].as<std::string>());
  ApplyConfigFlags(arguments, config);
  return config;
}

// `backend` outlives the session.
SearchSession ReadSearchSession(const cxxopts::ParseResult& arguments, Progress& progress,
                                const Backend& backend) {
  constexpr int kMostMebibytes = 1 << 20;
  SearchSession session = ReadSession(arguments, progress);
  session.kernels = backend.kernels, session.device = backend.device.get();
  const int mebibytes = arguments["trajectory-cache"].as<int>();
  CheckRange("--trajectory-cache", mebibytes, 0, kMostMebibytes);
  session.trajectory_cache_bytes = static_cast<int64_t>(mebibytes) << 20;
  return session;
}

// Another plan of a finished run, which has its config.
void AnswerQuery(const cxxopts::ParseResult& arguments) {
  SearchConfig unused;
  unused.ForEachField([&](const char* name, auto&, const char*) {
    if (arguments.count(FlagOf(name)) == 0) return;
    throw Error(ErrorCode::kUsage, "--" + FlagOf(name), "does not go with --front-query",
                "the run's own config is used");
  });
  TerminalProgress progress = MakeProgress();
  const SearchSession session = ReadSession(arguments, progress);
  std::filesystem::path plan = session.out / "plan-query.safetensors";
  if (arguments.count("plan-out") > 0) plan = arguments["plan-out"].as<std::string>();
  const Json answer = AnswerFrontQuery(
      session, arguments["front-query"].as<std::string>(),
      arguments.count("predicted") > 0 ? Fidelity::kPredicted : Fidelity::kMetrics, plan);
  if (WantsJson(arguments)) return PrintJson(answer);
  std::printf("%s", FrontAnswerText(answer).c_str());
}

// `ranks`: of an MPI job, which this process leads; null outside of one.
void Search(const cxxopts::ParseResult& arguments, Transport* ranks) {
  if (arguments.count("front-query") > 0) return AnswerQuery(arguments);
  if (arguments.count("predicted") > 0) {
    throw Error(ErrorCode::kUsage, "--predicted", "is of a finished run", "with --front-query");
  }
  const SearchConfig config = ReadConfig(arguments);
  TerminalProgress progress = MakeProgress();
  const Backend backend = ReadBackend(arguments);
  SearchSession session = ReadSearchSession(arguments, progress, backend);
  session.ranks = ranks;
  RunResumable(session, "search", [&] {
    const SearchResult result = RunSearch(config, session);
    if (WantsJson(arguments)) {
      PrintJson(SummaryOf(result));
    } else {
      std::printf("%s", TableOf(result).c_str());
      std::printf("Wrote %s/{run.h5, plan.safetensors, summary.json, samples.png}.\n",
                  session.out.c_str());
    }
  });
}

// Another rank's part.
void Serve(const cxxopts::ParseResult& arguments, RankServer& server) {
  Progress silent;
  const Backend backend = ReadBackend(arguments);
  ServeSearch(ReadConfig(arguments), ReadSearchSession(arguments, silent, backend), server);
}

}  // namespace
}  // namespace tmpq

int main(int argc, char** argv) {
  return tmpq::RunJobProgram(
      argc, argv,
      {{"tmpq-search",
        "Finds timesteps and bit-widths of a diffusion model under a budget, and a plan to run.",
        ""},
       tmpq::DeclareFlags,
       tmpq::Search,
       tmpq::Serve});
}
