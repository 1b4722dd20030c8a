// Where a search begins: the best allocations by measured damages.
#pragma once

#include <span>
#include <vector>

#include "src/search/allocation/probes.h"

namespace tmpq {

// For each share of the space's budget the bit-widths with the least sum of damages, the same at
// all steps, at the timesteps of SearchSpace::NearUniform (AllocationSolver::kExact). Equal ones
// come once, and shares in which nothing fits give none.
std::vector<Candidate> AllocateShares(const SearchSpace& space, std::span<const double> shares,
                                      const Sensitivities& damages);

}  // namespace tmpq
