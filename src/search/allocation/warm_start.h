// Where a search begins: the best allocations by measured damages.
#pragma once

#include <span>
#include <vector>

#include "src/search/allocation/probes.h"
#include "src/search/allocation/site_problem.h"

namespace tmpq {

// A space's sites as an allocation problem, the same bit-widths at all of `timesteps`.
SiteProblemSettings SiteSettingsOf(const SearchSpace& space, const TimestepSequence& timesteps);

// For each share of the space's budget the bit-widths with the least sum of damages, the same at
// all steps, at the timesteps of SearchSpace::NearUniform (AllocationSolver::kExact). Equal ones
// come once, and shares in which nothing fits give none.
std::vector<Candidate> AllocateShares(const SearchSpace& space, std::span<const double> shares,
                                      const Sensitivities& damages);

}  // namespace tmpq
