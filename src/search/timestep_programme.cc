#include "src/search/timestep_programme.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "src/core/error.h"

namespace tmpq {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

// The best ways from any grid point to the clean end, by the number of timesteps visited.
class BackwardPlans {
 public:
  // `may_be`: whether grid point i may be the n-th timestep from the end, n = 1 the last.
  BackwardPlans(const JumpErrors& errors, int most_steps,
                const std::function<bool(size_t i, int n)>& may_be)
      : errors_(errors) {
    const size_t size = errors.size();
    cost_.assign(most_steps + 1, std::vector<double>(size, kNever));
    next_.assign(most_steps + 1, std::vector<size_t>(size, size));
    for (size_t i = 0; i < size; ++i) {
      if (may_be(i, 1)) cost_[1][i] = errors.Of(i, size);
    }
    for (int n = 2; n <= most_steps; ++n) {
      for (size_t i = 0; i < size; ++i) {
        if (may_be(i, n)) Extend(n, i);
      }
    }
  }

  PlannedTimesteps Best(int steps) const {
    PlannedTimesteps best;
    best.error = kNever;
    size_t first = 0;
    for (size_t i = 0; i < errors_.size(); ++i) {
      const double error = errors_.start[i] + cost_[steps][i];
      if (error < best.error) best.error = error, first = i;
    }
    if (best.error == kNever) return best;
    for (int n = steps; n >= 1; --n) {
      best.timesteps.push_back(errors_.timesteps[first]);
      first = next_[n][first];
    }
    return best;
  }

 private:
  void Extend(int n, size_t i) {
    for (size_t j = i + 1; j < errors_.size(); ++j) {
      const double cost = errors_.Of(i, j) + cost_[n - 1][j];
      if (cost < cost_[n][i]) cost_[n][i] = cost, next_[n][i] = j;
    }
  }

  const JumpErrors& errors_;
  std::vector<std::vector<double>> cost_;  // [steps][grid point]
  std::vector<std::vector<size_t>> next_;
};

}  // namespace

void JumpErrors::Check(const std::string& where) const {
  const size_t grid = timesteps.size();
  if (grid == 0 || start.size() != grid || jump.size() != grid * (grid + 1)) {
    throw Error(ErrorCode::kInput, where, "has jump errors of another size than its grid");
  }
  const auto check = [&](double error, const std::string& what) {
    if (std::isfinite(error) && error >= 0) return;
    throw Error(ErrorCode::kInput, where, what + " has the error " + std::to_string(error),
                "errors are finite and not negative");
  };
  for (size_t i = 0; i < grid; ++i) {
    if (i > 0 && timesteps[i] >= timesteps[i - 1]) {
      throw Error(ErrorCode::kInput, where, "has a grid of timesteps that does not fall");
    }
    const std::string from = "timestep " + std::to_string(timesteps[i]);
    check(start[i], "beginning at " + from);
    for (size_t j = i + 1; j <= grid; ++j) check(Of(i, j), "a jump from " + from);
  }
}

std::vector<PlannedTimesteps> PlanTimesteps(const JumpErrors& errors, int most_steps) {
  errors.Check("timesteps");
  CheckRange("steps", most_steps, 1, static_cast<double>(errors.size()));
  const BackwardPlans plans(errors, most_steps, [](size_t, int) { return true; });
  std::vector<PlannedTimesteps> planned;
  for (int n = 1; n <= most_steps; ++n) planned.push_back(plans.Best(n));
  return planned;
}

PlannedTimesteps PlanGroupedTimesteps(const JumpErrors& errors, const TimestepGroups& groups) {
  errors.Check("timesteps");
  const auto in_group = [&](size_t i, int n) {  // group 0 is the clean end's
    return groups.Contains(n - 1, errors.timesteps[i]);
  };
  for (int group = 0; group < groups.count(); ++group) {
    bool any = false;
    for (size_t i = 0; i < errors.size(); ++i) any = any || in_group(i, group + 1);
    if (!any) {
      throw Error(ErrorCode::kUsage, "timesteps",
                  "group " + std::to_string(group) + " holds no timestep of the grid",
                  "a finer grid, or fewer groups");
    }
  }
  return BackwardPlans(errors, groups.count(), in_group).Best(groups.count());
}

}  // namespace tmpq
