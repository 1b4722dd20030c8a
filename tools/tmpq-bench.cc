// tmpq-bench search: what is measured is in bench/.
#include <cstdio>
#include <string>

#include "bench/supernet_bench.h"
#include "src/core/config.h"
#include "src/core/file.h"
#include "tools/common/program.h"

namespace tmpq {
namespace {

constexpr int kMaxRepetitions = 10'000;
constexpr double kMaxSeconds = 60;

ContestSettings ReadContest(const cxxopts::ParseResult& arguments) {
  ContestSettings contest;
  contest.repetitions = arguments["repetitions"].as<int>();
  contest.seconds = arguments["seconds"].as<double>();
  CheckRange("--repetitions", contest.repetitions, 1, kMaxRepetitions);
  CheckRange("--seconds", contest.seconds, 1e-6, kMaxSeconds);
  return contest;
}

Json BenchSearch(const cxxopts::ParseResult& arguments, Progress& progress) {
  SupernetBenchSettings settings;
  settings.model = arguments["model"].as<std::string>();
  settings.recipe = arguments["recipe"].as<std::string>();
  settings.bundled = BundledCheckpoints();
  settings.batch = arguments["batch"].as<int>();
  settings.contest = ReadContest(arguments);
  CheckBatch(settings.batch);
  return BenchSupernet(settings, progress);
}

void Bench(const cxxopts::ParseResult& arguments) {
  const std::string what = Required(arguments, "what");
  if (what != "search") {
    throw Error(ErrorCode::kUsage, "\"" + what + "\"", "is nothing to measure", "search");
  }
  std::filesystem::path out;
  if (arguments.count("out") > 0) {
    out = arguments["out"].as<std::string>();
    RefuseToOverwrite(out, arguments.count("overwrite") > 0);
    if (out.has_parent_path()) PrepareFolder(out.parent_path());
  }
  TerminalProgress progress = MakeProgress();
  const Json result = BenchSearch(arguments, progress);
  if (!out.empty()) WriteFileAtomically(out, result.dump(2) + "\n");
  if (WantsJson(arguments)) {
    PrintJson(result);
  } else {
    std::fputs(SupernetBenchText(result).c_str(), stdout);
  }
}

}  // namespace
}  // namespace tmpq

int main(int argc, char** argv) {
  return tmpq::RunProgram(
      argc, argv,
      {"tmpq-bench",
       "Measures times and sizes; what is compared is interleaved in one process.\n"
       "search: a supernet's bytes, and the time of switching candidates.",
       "search"},
      [](cxxopts::Options& options) {
        const auto text = [](const char* value) {
          return cxxopts::value<std::string>()->default_value(value);
        };
        options.add_options()("what", "search", cxxopts::value<std::string>())(
            "model", "bundled model's name, weights file, or folder", text("fashion-dit"))(
            "recipe", "named recipe (tmpq-calibrate --list), or a file .ini of its keys",
            text("naive"))("batch", "samples of a network call",
                           cxxopts::value<int>()->default_value("8"))(
            "repetitions", "of each thing that is timed",
            cxxopts::value<int>()->default_value("25"))(
            "seconds", "that a repetition takes at least",
            cxxopts::value<double>()->default_value("0.005"))("out", "file for the result as JSON",
                                                              cxxopts::value<std::string>())(
            "overwrite", "replace an existing file");
        options.parse_positional({"what"});
      },
      tmpq::Bench);
}
