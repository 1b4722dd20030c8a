#include "src/eval/driver/planned_candidates.h"

#include <algorithm>

#include "src/search/allocation/warm_start.h"

namespace tmpq {

std::optional<TimestepGroups> GroupsOf(const SpaceSettings& settings) {
  if (settings.mode == SpaceMode::kFree || settings.mode == SpaceMode::kConsistent) return {};
  return TimestepGroups::Make(settings.grouping, settings.steps, settings.training_steps);
}

PlannedTimesteps PlanTimestepsOf(const SearchSpace& space, const JumpErrors& jumps) {
  const auto groups = GroupsOf(space.settings());
  return groups.has_value() ? PlanGroupedTimesteps(jumps, *groups)
                            : PlanTimesteps(jumps, space.settings().steps).back();
}

std::vector<Candidate> PlanCandidates(const SearchSpace& space, std::span<const double> shares,
                                      const Sensitivities& damages, const JumpErrors* jumps) {
  const std::vector<Candidate> near_uniform = AllocateShares(space, shares, damages);
  if (jumps == nullptr) return near_uniform;
  const TimestepSequence timesteps(PlanTimestepsOf(space, *jumps).timesteps,
                                   space.settings().training_steps);
  std::vector<Candidate> planned;
  for (const Candidate& candidate : near_uniform) {
    planned.push_back(Candidate::Uniform(timesteps, candidate.policy(0)));
  }
  planned.insert(planned.end(), near_uniform.begin(), near_uniform.end());
  return planned;
}

}  // namespace tmpq
