// A whole front of bit-widths from additive damages: error against costs.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "src/search/allocation/probes.h"
#include "src/search/allocation/solve.h"

namespace tmpq {

// Candidates at `timesteps`, the same bit-widths at all steps, that fit the space's budget, each
// the solver's best below one of `levels` + 1 evenly spaced values of `cost`, cheapest first;
// without a cost ("") below 1, .97, .94, .91 of the budget. Equal ones come once. Throws as the
// solver does.
std::vector<Candidate> AllocateLevels(const SearchSpace& space, const TimestepSequence& timesteps,
                                      const std::string& cost, const Sensitivities& damages,
                                      int levels, AllocationSolver solver);

// The same by AllocationSolver::kExact where there is one cost or none, and the points of the
// Lagrangian sweep over each cost and over all together. Cheapest of the first cost first; equal
// ones come once.
std::vector<Candidate> AllocationFront(const SearchSpace& space, const TimestepSequence& timesteps,
                                       std::span<const std::string> costs,
                                       const Sensitivities& damages, int levels);

}  // namespace tmpq
