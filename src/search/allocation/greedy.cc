#include "src/search/allocation/greedy.h"

#include <limits>

#include "src/core/error.h"

namespace tmpq {
namespace {

class Promotion {
 public:
  Promotion(const AllocationProblem& problem, PromotionRule rule,
            const std::vector<double>& weights)
      : problem_(problem), rule_(rule), weights_(weights), present_(Cheapest()) {}

  Allocation Run() {
    for (size_t k = 0; k < present_.costs.size(); ++k) {
      if (present_.costs[k] <= problem_.limits[k].limit) continue;
      ThrowInfeasible(problem_.limits[k], present_.costs[k],
                      problem_.limits.size() > 1 ? " by the items that are cheapest in all" : "");
    }
    while (PromoteOne()) {
    }
    return present_;
  }

 private:
  double Share(const AllocationItem& item) const {
    double share = 0;
    for (size_t k = 0; k < item.costs.size(); ++k) {
      const double limit = problem_.limits[k].limit;
      share += (weights_.empty() ? 1 : weights_[k]) * item.costs[k] / (limit > 0 ? limit : 1);
    }
    return share;
  }

  Allocation Cheapest() const {
    std::vector<int> items;
    for (const auto& group : problem_.groups) {
      int best = 0;
      for (int i = 1; i < static_cast<int>(group.size()); ++i) {
        const double share = Share(group[i]), least = Share(group[best]);
        if (share < least || (share == least && group[i].error < group[best].error)) best = i;
      }
      items.push_back(best);
    }
    return AllocationOf(problem_, std::move(items));
  }

  bool FitsWith(size_t group, const AllocationItem& item) const {
    const AllocationItem& now = problem_.groups[group][present_.items[group]];
    for (size_t k = 0; k < item.costs.size(); ++k) {
      if (present_.costs[k] - now.costs[k] + item.costs[k] > problem_.limits[k].limit) return false;
    }
    return true;
  }

  double Merit(const AllocationItem& from, const AllocationItem& to) const {
    const double relief = from.error - to.error;
    if (rule_ == PromotionRule::kLargestRelief) return relief;
    const double share = Share(to) - Share(from);
    return share > 0 ? relief / share : std::numeric_limits<double>::infinity();
  }

  bool PromoteOne() {
    double best = 0;
    std::vector<int> promoted;
    for (size_t g = 0; g < problem_.groups.size(); ++g) {
      const auto& group = problem_.groups[g];
      const AllocationItem& now = group[present_.items[g]];
      for (int i = 0; i < static_cast<int>(group.size()); ++i) {
        if (group[i].error >= now.error || !FitsWith(g, group[i])) continue;
        const double merit = Merit(now, group[i]);
        if (merit <= best) continue;
        std::vector<int> items = present_.items;
        items[g] = i;
        // The sums anew: a difference may round the other way.
        if (!Fits(problem_, AllocationOf(problem_, items).costs)) continue;
        best = merit;
        promoted = std::move(items);
      }
    }
    if (promoted.empty()) return false;
    present_ = AllocationOf(problem_, std::move(promoted));
    return true;
  }

  const AllocationProblem& problem_;
  PromotionRule rule_;
  const std::vector<double>& weights_;
  Allocation present_;
};

}  // namespace

Allocation PromoteGreedily(const AllocationProblem& problem, PromotionRule rule,
                           const std::vector<double>& weights) {
  CheckFeasible(problem);
  TMPQ_CHECK(weights.empty() || weights.size() == problem.limits.size(), "a weight for each limit");
  return Promotion(problem, rule, weights).Run();
}

}  // namespace tmpq
