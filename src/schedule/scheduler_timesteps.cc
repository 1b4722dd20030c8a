// How many steps become which timesteps, as diffusers' set_timesteps does it.
#include <algorithm>
#include <cmath>

#include "src/core/error.h"
#include "src/schedule/scheduler_config.h"

namespace tmpq {

TimestepSequence SchedulerConfig::Timesteps(int steps) const {
  const int training_steps = schedule.training_steps();
  CheckRange("steps", steps, 1, training_steps);
  const bool more = spacing == Spacing::kLeadingMore || spacing == Spacing::kLinspaceMore;
  const int count = more ? steps + 1 : steps;
  const double total = training_steps;
  std::vector<int> timesteps;
  for (int k = 0; k < steps; ++k) {
    const int i = count - 1 - k;  // from the clean end
    double t = 0;
    if (spacing == Spacing::kLeading || spacing == Spacing::kLeadingMore) {
      t = static_cast<double>(i) * (training_steps / count) + steps_offset;
    } else if (spacing == Spacing::kTrailing) {
      // The step as numpy's arange has it: its rounding decides which way a half goes.
      const double step = (total - total / steps) - total;
      t = std::nearbyint(total + k * step) - 1;
    } else if (spacing == Spacing::kFlow) {
      const auto shifted = [&](double sigma) { return shift * sigma / (1 + (shift - 1) * sigma); };
      const double least = shifted(1 / total);
      const double place = steps > 1 ? static_cast<double>(k) / (steps - 1) : 0;
      t = std::min(std::nearbyint(total * shifted(1 + (least - 1) * place)), total - 1);
    } else {
      t = count > 1 ? i * ((total - 1) / (count - 1)) : 0;
      if (whole_spacing && std::fabs(t - std::nearbyint(t)) > 1e-6) {
        throw Error(
            ErrorCode::kUnsupported, class_name,
            "timestep_spacing = linspace gives fractions at " + std::to_string(steps) + " steps",
            "leading and trailing give whole timesteps");
      }
      t = std::nearbyint(t);
    }
    timesteps.push_back(static_cast<int>(t));
  }
  return {std::move(timesteps), training_steps};
}

}  // namespace tmpq
