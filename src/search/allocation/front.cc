#include "src/search/allocation/front.h"

#include <algorithm>

#include "src/search/allocation/lagrangian.h"
#include "src/search/allocation/site_problem.h"
#include "src/search/allocation/solve.h"
#include "src/search/allocation/warm_start.h"

namespace tmpq {
namespace {

constexpr double kShares[] = {1.0, 0.97, 0.94, 0.91};

class Front {
 public:
  Front(const SearchSpace& space, const TimestepSequence& timesteps, const Sensitivities& damages)
      : space_(space), timesteps_(timesteps), damages_(damages) {}

  SiteProblem ProblemOf(const Budget& budget) const {
    return MakeSiteProblem(space_.table(), budget, SiteSettingsOf(space_, timesteps_), {damages_});
  }
  void Add(const SiteProblem& made, const Allocation& allocation) {
    Candidate candidate = Candidate::Uniform(timesteps_, made.PoliciesOf(allocation)[0]);
    if (!space_.Fits(candidate)) return;
    if (std::find(found_.begin(), found_.end(), candidate) == found_.end())
      found_.push_back(std::move(candidate));
  }
  void AddBest(const Budget& budget, AllocationSolver solver) {
    const SiteProblem made = ProblemOf(budget);
    if (Fits(made.problem, LeastCosts(made.problem)))
      Add(made, SolveAllocation(made.problem, solver));
  }
  void AddLevels(const std::string& cost, int levels, AllocationSolver solver) {
    if (cost.empty()) {
      for (const double share : kShares) AddBest(space_.settings().budget.Scaled(share), solver);
      return;
    }
    const double low = CostOf(space_.NarrowestRow(), cost), high = CostOf(space_.WidestRow(), cost);
    for (int level = 0; level <= levels; ++level) {
      AddBest(Budget::Of({{cost, low + (high - low) * level / levels}}), solver);
    }
  }
  double CostOf(const Policy& row, const std::string& cost) const {
    return CostByName(space_.CostsOf(Candidate::Uniform(timesteps_, row)), cost);
  }
  std::vector<Candidate> Found() { return std::move(found_); }

 private:
  const SearchSpace& space_;
  const TimestepSequence& timesteps_;
  const Sensitivities& damages_;
  std::vector<Candidate> found_;
};

// All costs at once, and each by far the most.
std::vector<std::vector<double>> SweepWeights(size_t costs) {
  std::vector<std::vector<double>> all = {std::vector<double>(costs, 1.0)};
  for (size_t k = 0; k < costs && costs > 1; ++k) {
    all.emplace_back(costs, 0.01)[k] = 1;
  }
  return all;
}

}  // namespace

std::vector<Candidate> AllocateLevels(const SearchSpace& space, const TimestepSequence& timesteps,
                                      const std::string& cost, const Sensitivities& damages,
                                      int levels, AllocationSolver solver) {
  Front front(space, timesteps, damages);
  front.AddLevels(cost, levels, solver);
  return front.Found();
}

std::vector<Candidate> AllocationFront(const SearchSpace& space, const TimestepSequence& timesteps,
                                       std::span<const std::string> costs,
                                       const Sensitivities& damages, int levels) {
  Front front(space, timesteps, damages);
  if (costs.size() < 2)
    front.AddLevels(costs.empty() ? "" : costs[0], levels, AllocationSolver::kExact);
  if (costs.empty()) return front.Found();
  std::map<std::string, double> limits;
  for (const std::string& cost : costs) limits[cost] = front.CostOf(space.WidestRow(), cost);
  const SiteProblem made = front.ProblemOf(Budget::Of(limits));
  for (const auto& weights : SweepWeights(limits.size())) {
    for (const Allocation& point : SweepPrices(made.problem, weights).points) {
      front.Add(made, point);
    }
  }
  std::vector<Candidate> found = front.Found();
  std::stable_sort(found.begin(), found.end(), [&](const Candidate& a, const Candidate& b) {
    return CostByName(space.CostsOf(a), costs[0]) < CostByName(space.CostsOf(b), costs[0]);
  });
  return found;
}

}  // namespace tmpq
