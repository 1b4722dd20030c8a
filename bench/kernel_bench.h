// tmpq-bench kernels: linear layers on the kernels against peers.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "bench/contest.h"
#include "bench/linear_case.h"
#include "src/core/progress.h"

namespace tmpq {

struct KernelBenchSettings {
  std::string shapes = "table";  // "table": those of docs/benchmarks.md; "models": of the bundled
                                 // models' linears; or MxKxN, separated by commas
  std::filesystem::path bundled;
  int64_t batch = 8;               // samples, of "models"
  std::vector<int> threads = {1};  // one contest each
  ContestSettings contest;
};

// Throws kUsage for shapes that are none.
std::vector<LinearShape> ShapesOf(const KernelBenchSettings& settings);
Json BenchKernels(const KernelBenchSettings& settings, Progress& progress);

// The result for people.
std::string KernelBenchText(const Json& result);

}  // namespace tmpq
