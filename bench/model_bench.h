// tmpq-bench model: one call of a whole network on the runtime against LibTorch and OpenVINO.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "bench/contest.h"
#include "src/core/progress.h"

namespace tmpq {

struct ModelBenchSettings {
  std::string model = "fashion-dit";  // a name of LoadAnyModel, or of BuildNetwork: random weights
  std::filesystem::path bundled;
  int64_t batch = 32;
  std::vector<int> threads = {1};  // one contest each; samples are split over them
  std::string openvino;  // a Python with the package openvino, which then takes part; else empty
  std::filesystem::path scripts;  // where openvino_peer.py is
  ContestSettings contest;
};

// Rounded to nearest, per channel and token. Aborts where a result is wrong.
Json BenchModel(const ModelBenchSettings& settings, Progress& progress);

// The result for people.
std::string ModelBenchText(const Json& result);

}  // namespace tmpq
