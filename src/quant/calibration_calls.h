// Network calls along float trajectories: what reconstruction learns from.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tmpq {

// Inputs by the names of the graph's input nodes, each (count, input's shape).
struct CalibrationCalls {
  int64_t count = 0;
  std::map<std::string, std::vector<float>> floats;
  std::map<std::string, std::vector<int32_t>> integers;  // what embeddings read
  std::vector<int> timesteps;  // (count): training timesteps, which static scales may depend on
  std::vector<int> branches;   // (count): 1: guidance's unconditional branch
};

}  // namespace tmpq
