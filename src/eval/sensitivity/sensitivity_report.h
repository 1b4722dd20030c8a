// What a sensitivity table says, as text and JSON: the most sensitive sites, and which layer group
// moves which metric.
#pragma once

#include <string>
#include <vector>

#include "src/core/json.h"
#include "src/eval/sensitivity/measure_sensitivity.h"

namespace tmpq {

// Share of each layer group that the table has in the sum of all groups' changes of each metric, at
// `width` and over all timesteps: rows are groups in the enumeration's order. A group's change is
// the sum of its sites'; changes below 0 (noise) count 0. Where nothing changes: 0.
struct GroupInfluence {
  std::vector<LayerGroup> groups;
  std::vector<size_t> metrics;              // of the table: those that only grow with damage
  std::vector<std::vector<double>> shares;  // (groups, metrics)
};
GroupInfluence InfluenceOf(const SensitivityTable& table, BitWidth width);

// The tables that a run ends with.
std::string TextOf(const SensitivityRun& run);
Json ToJson(const SensitivityRun& run);

}  // namespace tmpq
