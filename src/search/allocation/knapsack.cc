#include "src/search/allocation/knapsack.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "src/core/error.h"
#include "src/search/allocation/greedy.h"
#include "src/search/allocation/lagrangian.h"

namespace tmpq {
namespace {

constexpr double kTolerance = 1e-9;  // of bounds: nothing that may be optimal is dropped

struct State {
  double cost = 0, error = 0;
  uint32_t parent = 0, item = 0;  // among the states of the group before
};
struct Step {
  uint32_t parent = 0, item = 0;
};

class Knapsack {
 public:
  Knapsack(const AllocationProblem& problem, const KnapsackOptions& options)
      : problem_(problem), options_(options), limit_(problem.limits[0].limit) {
    MakeBounds();
  }

  Allocation Run() {
    std::vector<State> states(1);
    std::vector<std::vector<Step>> steps;
    size_t kept = 0;
    for (size_t g = 0; g < problem_.groups.size(); ++g) {
      states = Extended(states, g);
      kept += states.size();
      if (kept > options_.most_states) {
        throw Error(ErrorCode::kUnsupported, "knapsack",
                    "has more than " + std::to_string(options_.most_states) + " states",
                    "an integer programme, or a Lagrangian sweep, needs none");
      }
      auto& trace = steps.emplace_back();
      for (const State& state : states) trace.push_back({state.parent, state.item});
    }
    // Costs rise and errors fall: the last one that fits is the best.
    size_t at = states.size();
    while (at > 0 && states[at - 1].cost > limit_) --at;
    if (at == 0) return incumbent_;  // what the bounds were made of
    std::vector<int> items(steps.size());
    auto index = static_cast<uint32_t>(at - 1);
    for (size_t g = steps.size(); g-- > 0;) {
      items[g] = static_cast<int>(steps[g][index].item);
      index = steps[g][index].parent;
    }
    const Allocation found = AllocationOf(problem_, std::move(items));
    return IsBetter(incumbent_, found) ? incumbent_ : found;
  }

 private:
  // An allocation that fits, the price at which the bound is tight, and what the groups from g on
  // cost at least, in all and at that price.
  void MakeBounds() {
    const LagrangianFront front = SweepPrices(problem_);
    const Allocation greedy = PromoteGreedily(problem_, PromotionRule::kReliefPerCost);
    incumbent_ = SolveByPrices(problem_);
    if (IsBetter(greedy, incumbent_)) incumbent_ = greedy;
    for (size_t i = 0; i < front.prices.size() && price_ == 0; ++i) {
      if (front.points[i + 1].costs[0] > limit_) price_ = front.prices[i] / Unit();
    }
    const size_t groups = problem_.groups.size();
    least_cost_.assign(groups + 1, 0), least_priced_.assign(groups + 1, 0);
    for (size_t g = groups; g-- > 0;) {
      double cost = std::numeric_limits<double>::infinity(), priced = cost, largest = 0;
      for (const AllocationItem& item : problem_.groups[g]) {
        cost = std::min(cost, item.costs[0]);
        priced = std::min(priced, item.error + price_ * item.costs[0]);
        largest = std::max(largest, std::fabs(item.error) + price_ * item.costs[0]);
      }
      least_cost_[g] = least_cost_[g + 1] + cost;
      least_priced_[g] = least_priced_[g + 1] + priced;
      error_scale_ += largest;
    }
  }

  double Unit() const { return limit_ > 0 ? limit_ : 1; }

  bool IsHopeless(const State& state, size_t next) const {
    if (state.cost + least_cost_[next] > limit_ + kTolerance * Unit()) return true;
    const double bound = state.error + least_priced_[next] - price_ * (limit_ - state.cost);
    return bound > incumbent_.error + kTolerance * error_scale_;
  }

  std::vector<State> Extended(const std::vector<State>& states, size_t g) const {
    std::vector<State> all;
    const auto& group = problem_.groups[g];
    for (uint32_t i = 0; i < group.size(); ++i) {
      for (uint32_t s = 0; s < states.size(); ++s) {
        const State next = {states[s].cost + group[i].costs[0], states[s].error + group[i].error, s,
                            i};
        if (!IsHopeless(next, g + 1)) all.push_back(next);
      }
    }
    std::sort(all.begin(), all.end(), [](const State& a, const State& b) {
      if (a.cost != b.cost) return a.cost < b.cost;
      if (a.error != b.error) return a.error < b.error;
      return a.item != b.item ? a.item < b.item : a.parent < b.parent;
    });
    std::vector<State> kept;
    for (const State& state : all) {
      if (kept.empty() || state.error < kept.back().error) kept.push_back(state);
    }
    return kept;
  }

  const AllocationProblem& problem_;
  KnapsackOptions options_;
  double limit_, price_ = 0, error_scale_ = 0;
  Allocation incumbent_;
  std::vector<double> least_cost_, least_priced_;  // of groups g, g + 1, ..
};

}  // namespace

Allocation SolveKnapsack(const AllocationProblem& problem, const KnapsackOptions& options) {
  if (problem.limits.size() != 1) {
    throw Error(ErrorCode::kUsage, "knapsack",
                "knows one limit, not " + std::to_string(problem.limits.size()),
                "several are an integer programme's");
  }
  CheckFeasible(problem);
  return Knapsack(problem, options).Run();
}

}  // namespace tmpq
