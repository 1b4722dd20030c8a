// tmpq-bench networks: networks of real sizes, with random weights, quantized, packed and called.
//
// Everything runs in a process of its own (bench/child_process.h), one after the other: LibTorch's
// float32 call, which says what the outputs should be; quantizing and packing plans; the call of
// each plan on the integer runtime.
#pragma once

#include <string>
#include <vector>

#include "src/core/json.h"
#include "src/core/progress.h"

namespace tmpq {

struct NetworkBenchSettings {
  std::vector<std::string> networks;  // names of BuildNetwork
  int64_t batch = 2;                  // with guidance, a sample's call: split over threads
  int threads = 2;
  int calls = 3;
};

// Rounded to nearest, W8A8 and W4A8, per channel and token. Throws kUsage for an unknown network,
// kIo where memory or disk does not suffice; aborts where an output is wrong.
Json BenchNetworks(const NetworkBenchSettings& settings, Progress& progress);

// The result for people.
std::string NetworkBenchText(const Json& result);

}  // namespace tmpq
