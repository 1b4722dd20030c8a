// tmpq-bench search: what a supernet costs. Its bytes by part against the float model and against a
// float copy a bit-width, and the time of switching candidates against a network call.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "bench/contest.h"
#include "src/core/progress.h"

namespace tmpq {

struct SupernetBenchSettings {
  std::string model = "fashion-dit";  // a name of LoadAnyModel
  std::string recipe = "naive";
  std::filesystem::path bundled;
  std::vector<int> bits = {2, 3, 4, 5, 6, 8};  // of weights and activations
  int64_t batch = 8;                           // samples of the network call
  ContestSettings contest;
};

// Throws what opening a model and making its supernet throw.
Json BenchSupernet(const SupernetBenchSettings& settings, Progress& progress);

// The result for people.
std::string SupernetBenchText(const Json& result);

}  // namespace tmpq
