// tmpq-search --budget 4bit --steps 20: finds the front and a plan for a model.
#include <algorithm>
#include <cstdio>
#include <string>

#include "src/core/config.h"
#include "src/core/interrupt.h"
#include "src/eval/driver/search_driver.h"
#include "src/eval/driver/search_outputs.h"
#include "tools/common/program.h"

namespace tmpq {
namespace {

constexpr int kMaxBatch = 1024;

// "trajectory_samples" -> "trajectory-samples".
std::string FlagOf(std::string field) {
  std::replace(field.begin(), field.end(), '_', '-');
  return field;
}

void DeclareFlags(cxxopts::Options& options) {
  SearchConfig defaults;
  defaults.ForEachField([&](const char* name, auto& field, const char* help) {
    options.add_options("Search")(
        FlagOf(name), std::string(help) + " (default: " + internal::FormatValue(field) + ")",
        cxxopts::value<std::string>());
  });
  options.add_options()("out", "folder of run.h5, plan.safetensors, summary.json, samples.png",
                        cxxopts::value<std::string>()->default_value("runs/demo"))(
      "config", "INI file with the fields below, underscores for hyphens; flags come on top",
      cxxopts::value<std::string>())("resume", "go on with the run in --out")(
      "overwrite", "replace the run in --out")("threads",
                                               "0: one per core; never changes the result",
                                               cxxopts::value<int>()->default_value("0"))(
      "batch", "images per network call of a thread; never changes the result",
      cxxopts::value<int>()->default_value("8"));
}

SearchConfig ReadConfig(const cxxopts::ParseResult& arguments) {
  SearchConfig config;
  if (arguments.count("config") > 0)
    config = LoadConfig<SearchConfig>(arguments["config"].as<std::string>());
  std::map<std::string, std::string> given;
  config.ForEachField([&](const char* name, auto&, const char*) {
    if (arguments.count(FlagOf(name)) > 0) given[name] = arguments[FlagOf(name)].as<std::string>();
  });
  ApplyValues(config, given, "command line");
  return config;
}

void Search(const cxxopts::ParseResult& arguments) {
  const SearchConfig config = ReadConfig(arguments);
  TerminalProgress progress = MakeProgress();
  SearchSession session;
  session.out = arguments["out"].as<std::string>();
  session.bundled = BundledCheckpoints();
  session.resume = arguments.count("resume") > 0;
  session.overwrite = arguments.count("overwrite") > 0;
  session.threads = arguments["threads"].as<int>();
  session.batch = arguments["batch"].as<int>();
  session.interrupted = &InstallInterruptHandler();
  session.progress = &progress;
  CheckThreads(session.threads);
  CheckRange("--batch", static_cast<double>(session.batch), 1, kMaxBatch);
  if (session.resume && session.overwrite) {
    throw Error(ErrorCode::kUsage, "--resume and --overwrite", "contradict each other",
                "give one of them");
  }
  try {
    const SearchResult result = RunSearch(config, session);
    if (WantsJson(arguments)) {
      PrintJson(SummaryOf(result));
    } else {
      std::printf("%s", TableOf(result).c_str());
      std::printf("Wrote %s/{run.h5, plan.safetensors, summary.json, samples.png}.\n",
                  session.out.c_str());
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInterrupted) throw;
    throw Error(ErrorCode::kInterrupted, session.out.string(), "the search was interrupted",
                "the same command with --resume goes on");
  }
}

}  // namespace
}  // namespace tmpq

int main(int argc, char** argv) {
  return tmpq::RunProgram(
      argc, argv,
      {"tmpq-search",
       "Finds timesteps and bit-widths of a diffusion model under a budget, and a plan to run.",
       ""},
      tmpq::DeclareFlags, tmpq::Search);
}
