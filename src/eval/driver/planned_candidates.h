// What measured damages and jump errors plan at once, before any candidate is measured.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "src/plan/timesteps.h"
#include "src/search/allocation/probes.h"
#include "src/search/space.h"
#include "src/search/timestep_programme.h"

namespace tmpq {

// The partition that the space takes one timestep of each part of; nothing in ungrouped modes.
std::optional<TimestepGroups> GroupsOf(const SpaceSettings& settings);

// The legal timesteps of the space with the least predicted error.
PlannedTimesteps PlanTimestepsOf(const SearchSpace& space, const JumpErrors& jumps);

// The exact allocations within each share of the space's budget (AllocateShares), at the timesteps
// of the dynamic programme where there are jump errors, then at those nearest to uniform ones.
std::vector<Candidate> PlanCandidates(const SearchSpace& space, std::span<const double> shares,
                                      const Sensitivities& damages, const JumpErrors* jumps);

}  // namespace tmpq
