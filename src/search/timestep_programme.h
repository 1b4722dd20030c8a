// Timesteps by dynamic programming: the best sequence of every length over measured errors of
// single jumps.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/plan/timesteps.h"

namespace tmpq {

// What jumps add to the squared error of the final sample, taken as additive. Grid point G, one
// past the last timestep, is the clean end.
struct JumpErrors {
  std::vector<int> timesteps;  // the grid, strictly decreasing, G of them
  std::vector<double> start;   // of beginning at a grid point from pure noise
  // (G, G + 1): of one step from grid point i to j > i; others are not looked at.
  std::vector<double> jump;
  int64_t network_calls = 0;  // of one sample, that measuring them took

  size_t size() const { return timesteps.size(); }
  double Of(size_t from, size_t to) const { return jump[from * (size() + 1) + to]; }
  // Throws kInput naming `where` for sizes that do not fit, NaN, infinite or negative errors.
  void Check(const std::string& where) const;
};

struct PlannedTimesteps {
  std::vector<int> timesteps;
  double error = 0;  // predicted
};

// Element n - 1 has the least predicted error of all sequences of n timesteps of the grid, n = 1 ..
// most_steps; of equal ones the noisier. Throws kUsage where the grid has fewer timesteps.
std::vector<PlannedTimesteps> PlanTimesteps(const JumpErrors& errors, int most_steps);

// The best with exactly one timestep in each group (TMPQ-DM's grouped modes). Throws kUsage naming
// a group without a grid timestep.
PlannedTimesteps PlanGroupedTimesteps(const JumpErrors& errors, const TimestepGroups& groups);

}  // namespace tmpq
