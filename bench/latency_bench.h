// tmpq-bench latency: how long the layers of a network take on this machine at every bit-width, as
// the table that budgets of latency and memory are counted with.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "kernels/include/kernels.h"
#include "src/core/progress.h"
#include "src/eval/latency/latency_table.h"

namespace tmpq {

struct LatencyBenchSettings {
  std::string model = "fashion-dit";  // a name of LoadAnyModel
  std::string recipe = "naive";
  std::filesystem::path bundled;
  std::vector<int> bits = {2, 3, 4, 5, 6, 8};  // of weights; 4 and 8 are always among them
  int threads = 1;
  int64_t batch = 8;  // samples of a thread
  int repetitions = 25;
  const kernels::KernelSet* kernels = nullptr;  // null: the fastest of this processor
};

// In processor time of each thread, with all threads at it: medians over the repetitions, which
// visit the bit-widths in turn. Throws what opening a model and making its supernet throw.
LatencyTable BenchLatency(const LatencyBenchSettings& settings, Progress& progress);

// The result for people: by group of layers and bit-width.
std::string LatencyBenchText(const LatencyTable& table);

}  // namespace tmpq
