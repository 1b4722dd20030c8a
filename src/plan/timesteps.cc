#include "src/plan/timesteps.h"

#include <algorithm>

#include "src/core/error.h"

namespace tmpq {

TimestepSequence::TimestepSequence(std::vector<int> timesteps, int training_steps)
    : timesteps_(std::move(timesteps)) {
  const bool decreasing =
      std::adjacent_find(timesteps_.begin(), timesteps_.end(),
                         [](int a, int b) { return a <= b; }) == timesteps_.end();
  if (timesteps_.empty() || !decreasing || timesteps_.front() >= training_steps ||
      timesteps_.back() < 0) {
    throw Error(
        ErrorCode::kUsage, "timesteps", "are not a legal sequence",
        "they have to decrease strictly within [0, " + std::to_string(training_steps) + ")");
  }
}

Grouping ParseGrouping(const std::string& name) {
  if (name == "quadratic") return Grouping::kQuadratic;
  if (name == "uniform") return Grouping::kUniform;
  throw Error(ErrorCode::kUsage, "grouping", "\"" + name + "\" is unknown",
              "known are quadratic and uniform");
}

const char* NameOf(Grouping grouping) {
  return grouping == Grouping::kQuadratic ? "quadratic" : "uniform";
}

TimestepGroups TimestepGroups::Make(Grouping grouping, int count, int training_steps) {
  CheckRange("number of timestep groups", count, 1, training_steps);
  TimestepGroups groups;
  groups.training_steps_ = training_steps;
  groups.begins_.push_back(0);
  for (int64_t i = 1; i < count; ++i) {
    const int64_t last = count - 1;
    const int64_t begin = grouping == Grouping::kQuadratic
                              ? i * i * 4 * training_steps / (5 * last * last)
                              : i * training_steps / count;
    if (begin <= groups.begins_.back()) {
      throw Error(ErrorCode::kUsage, "timestep groups",
                  std::string(NameOf(grouping)) + " grouping of " + std::to_string(training_steps) +
                      " timesteps has empty groups at " + std::to_string(count) + " steps",
                  "use fewer steps (at most 29 for 1000 timesteps), --grouping uniform, or a mode "
                  "without groups");
    }
    groups.begins_.push_back(static_cast<int>(begin));
  }
  return groups;
}

TimestepSequence TimestepGroups::FirstOfEach() const {
  return TimestepSequence({begins_.rbegin(), begins_.rend()}, training_steps_);
}

TimestepSequence UniformTimesteps(int steps, int training_steps) {
  CheckRange("number of steps", steps, 1, training_steps);
  std::vector<int> timesteps;
  for (int64_t k = steps; k-- > 0;) {
    timesteps.push_back(static_cast<int>((k + 1) * training_steps / steps) - 1);
  }
  return TimestepSequence(std::move(timesteps), training_steps);
}

}  // namespace tmpq
