// tmpq-bench kernels --roofline: what a linear layer would take at least on a GPU, from what the
// emulated device counts of the launches that the executor makes. Predictions, not measurements.
#pragma once

#include "bench/kernel_bench.h"
#include "src/core/json.h"
#include "src/core/progress.h"

namespace tmpq {

// Every shape of the settings at W8A8, W4A8 and W4A4; results are checked against the CPU's bytes.
// Throws as BenchKernels.
Json PredictKernels(const KernelBenchSettings& settings, Progress& progress);

// The result for people.
std::string RooflineText(const Json& result);

}  // namespace tmpq
