// Networks of real sizes, with random weights: what running them costs, nobody's samples.
#pragma once

#include <string>
#include <vector>

#include "src/graph/graph.h"
#include "src/graph/parameters.h"

namespace tmpq {

// Those that a benchmark measures unless it is told which.
std::vector<std::string> UsualNetworks();
bool IsNetwork(const std::string& name);
// Throws kUsage listing the names.
Graph BuildNetwork(const std::string& name);

// Normal, of a size that keeps a signal's through every layer; norms begin as they do in training.
// The same for any number of threads.
ParameterSet RandomWeights(const Graph& graph);

}  // namespace tmpq
