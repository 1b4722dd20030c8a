#include "src/search/allocation/warm_start.h"

#include <algorithm>

#include "src/search/allocation/solve.h"

namespace tmpq {
namespace {

bool CanFit(const AllocationProblem& problem) { return Fits(problem, LeastCosts(problem)); }

}  // namespace

SiteProblemSettings SiteSettingsOf(const SearchSpace& space, const TimestepSequence& timesteps) {
  SiteProblemSettings settings;
  for (size_t s = 0; s < space.table().sites.size(); ++s) {
    settings.choices.push_back(space.ChoicesOf(s));
  }
  settings.timesteps = timesteps;
  settings.steps_of_range = {timesteps.size()};
  settings.calls_per_step = space.settings().calls_per_step;
  settings.ties = space.genes();
  return settings;
}

std::vector<Candidate> AllocateShares(const SearchSpace& space, std::span<const double> shares,
                                      const Sensitivities& damages) {
  const SiteProblemSettings settings = SiteSettingsOf(space, space.NearUniform().timesteps());
  std::vector<Candidate> allocations;
  for (const double share : shares) {
    const Budget budget = space.settings().budget.Scaled(share);
    const SiteProblem made = MakeSiteProblem(space.table(), budget, settings, {damages});
    if (!CanFit(made.problem)) continue;
    const std::vector<Policy> policies =
        made.PoliciesOf(SolveAllocation(made.problem, AllocationSolver::kExact));
    Candidate candidate = Candidate::Uniform(settings.timesteps, policies[0]);
    if (std::find(allocations.begin(), allocations.end(), candidate) == allocations.end()) {
      allocations.push_back(std::move(candidate));
    }
  }
  return allocations;
}

}  // namespace tmpq
