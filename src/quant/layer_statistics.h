// What calibration remembers of the inputs of each layer, over timesteps and conditions.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "src/graph/graph.h"
#include "src/plan/quant_scheme.h"

namespace tmpq {

// Of one layer in one timestep range and branch of guidance.
struct InputStatistics {
  std::vector<float> absmax;     // (channels)
  std::vector<float> low, high;  // (tokens): extremes at each position; convolutions: (1)
  std::vector<float> rows;       // (n, K): inputs of single outputs, chosen at random
};

// Where an observed input belongs.
struct ObservedCall {
  int64_t sample = 0;  // of the calibration
  int step = 0;
  int range = 0;
  int branch = 0;  // 1: guidance's unconditional one, where it is kept apart
};

// Merging is in the order of the calls: the caller's order, whatever the threads.
class CalibrationStatistics {
 public:
  CalibrationStatistics() = default;
  // `rows_per_call`: chosen rows of each layer and call.
  CalibrationStatistics(int ranges, int branches, int rows_per_call);

  // `x`: the input of node `id` of `graph` for one sample.
  void Observe(const Graph& graph, NodeId id, const float* x, const ObservedCall& call);
  // Appends what `later` has seen.
  void Merge(const CalibrationStatistics& later);

  int ranges() const { return ranges_; }
  int branches() const { return branches_; }
  // Throws kInput when the layer was not observed there.
  const InputStatistics& Of(const std::string& layer, int range, int branch) const;
  // Over all ranges and branches: largest magnitudes by channel, extremes by position, all rows.
  InputStatistics Whole(const std::string& layer) const;
  // The first row of a layer's inputs where it was the same in every call, else empty.
  std::vector<float> FirstRow(const std::string& layer) const;

  void Save(const std::filesystem::path& path, Hash128 model_hash) const;
  // Throws kIo, kCorrupt; kInput when it was made for another model.
  static CalibrationStatistics Load(const std::filesystem::path& path, Hash128 model_hash);

 private:
  struct Layer {
    std::vector<InputStatistics> parts;  // [range][branch]
    std::vector<float> first_row;        // empty once it varied
  };

  int ranges_ = 1, branches_ = 1, rows_per_call_ = 1;
  std::map<std::string, Layer> layers_;
};

// The inputs that output `row` of a linear or convolution reads: (K), zeros outside the image.
std::vector<float> GatherInputs(const Node& node, const Shape& input, const float* x, int64_t row);

}  // namespace tmpq
