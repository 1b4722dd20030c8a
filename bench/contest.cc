#include "bench/contest.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <thread>

#include "kernels/include/kernels.h"
#include "src/core/version.h"

namespace tmpq {
namespace {

// Keeps the seconds of every repetition instead of printing them.
class Collector : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration) continue;
      seconds[static_cast<size_t>(run.family_index)].push_back(run.real_accumulated_time /
                                                               static_cast<double>(run.iterations));
    }
  }

  std::map<size_t, std::vector<double>> seconds;  // by contestant
};

Timing Summarize(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  const auto at = [&](double share) {
    return seconds[static_cast<size_t>(share * static_cast<double>(seconds.size() - 1) + 0.5)];
  };
  return {at(0.5), at(0.25), at(0.75), seconds.front()};
}

// Google Benchmark takes its settings from a command line.
void InitializeOnce() {
  static const bool done = [] {
    char name[] = "tmpq-bench", interleave[] = "--benchmark_enable_random_interleaving=true";
    char* arguments[] = {name, interleave, nullptr};
    int count = 2;
    benchmark::Initialize(&count, arguments);
    return true;
  }();
  static_cast<void>(done);
}

std::string ProcessorName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

}  // namespace

std::vector<Timing> RunContest(const std::vector<Contestant>& contestants,
                               const ContestSettings& settings) {
  InitializeOnce();
  benchmark::ClearRegisteredBenchmarks();
  for (const Contestant& contestant : contestants) {
    contestant.run();
    benchmark::RegisterBenchmark(contestant.name.c_str(),
                                 [&contestant](benchmark::State& state) {
                                   for (auto _ : state) contestant.run();
                                 })
        ->Repetitions(settings.repetitions)
        ->MinTime(settings.seconds)
        ->UseRealTime();
  }
  Collector collector;
  benchmark::RunSpecifiedBenchmarks(&collector, "all");
  std::vector<Timing> timings;
  for (size_t i = 0; i < contestants.size(); ++i) {
    timings.push_back(Summarize(collector.seconds.at(i)));
  }
  return timings;
}

Json ToJson(const Timing& timing) {
  const auto microseconds = [](double seconds) { return std::round(seconds * 1e8) / 100; };
  return {{"median", microseconds(timing.median)},
          {"low", microseconds(timing.low)},
          {"high", microseconds(timing.high)},
          {"least", microseconds(timing.least)}};
}

Json MachineToJson() {
  double load = 0;
  if (getloadavg(&load, 1) != 1) load = -1;
  return {{"processor", ProcessorName()},
          {"cores", std::thread::hardware_concurrency()},
          {"kernels", kernels::BestKernels().name},
          {"load", load},
          {"git_revision", GitRevision()}};
}

}  // namespace tmpq
