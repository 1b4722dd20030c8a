// tmpq-bench workers: how a search spreads over up to a thousand workers, in simulated time. What
// rank 0 needs for a message and for the journal is measured here and now.
#pragma once

#include <string>
#include <vector>

#include "src/core/json.h"
#include "src/core/progress.h"

namespace tmpq {

struct WorkerBenchSettings {
  std::vector<int> workers = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000};
  double evaluation_seconds = 1;
  int seeds = 5;
};

// Throws kIo where the journal cannot be measured in the folder for temporary files.
Json BenchWorkers(const WorkerBenchSettings& settings, Progress& progress);

// The result for people.
std::string WorkerBenchText(const Json& result);

}  // namespace tmpq
