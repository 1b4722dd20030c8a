#include "src/schedule/hand_timesteps.h"

#include <algorithm>
#include <cmath>

#include "src/core/config.h"
#include "src/core/error.h"

namespace tmpq {
namespace {

// Of ten steps, sigma = sqrt((1 - alpha_bar) / alpha_bar).
constexpr double kAlignedSigmas[] = {14.615, 6.475, 3.861, 2.697, 1.886,
                                     1.396,  0.963, 0.652, 0.399, 0.152};

double LogSigma(const NoiseSchedule& schedule, int timestep) {
  const double alpha_bar = schedule.alpha_bar[timestep];
  return std::log((1 - alpha_bar) / alpha_bar) / 2;
}

// Place k of `steps` ones evenly over [0, 1].
double PlaceOf(int k, int steps) { return steps == 1 ? 0 : k / static_cast<double>(steps - 1); }

std::vector<double> AlignedLevels(int steps) {
  constexpr int kLast = static_cast<int>(std::size(kAlignedSigmas)) - 1;
  std::vector<double> levels;
  for (int k = 0; k < steps; ++k) {
    const double place = PlaceOf(k, steps) * kLast;
    const int before = std::min(static_cast<int>(place), kLast - 1);
    levels.push_back(std::lerp(std::log(kAlignedSigmas[before]),
                               std::log(kAlignedSigmas[before + 1]), place - before));
  }
  return levels;
}

// Decreasing logarithms of sigma.
std::vector<double> LevelsOf(const std::string& rule, int steps, double most, double least) {
  constexpr double kRho = 7;
  if (rule == "ays") return AlignedLevels(steps);
  std::vector<double> levels;
  for (int k = 0; k < steps; ++k) {
    const double place = PlaceOf(k, steps);
    if (rule == "karras") {
      levels.push_back(kRho *
                       std::log(std::lerp(std::exp(most / kRho), std::exp(least / kRho), place)));
    } else {
      levels.push_back(std::lerp(most, least, place));
    }
  }
  return levels;
}

// The nearest timesteps, moved apart where several levels have the same.
TimestepSequence NearestTimesteps(const std::vector<double>& levels,
                                  const NoiseSchedule& schedule) {
  const int count = static_cast<int>(levels.size()), all = schedule.training_steps();
  std::vector<double> known;
  for (int t = 0; t < all; ++t) known.push_back(LogSigma(schedule, t));
  std::vector<int> timesteps;
  for (const double level : levels) {
    const auto above = std::lower_bound(known.begin(), known.end(), level);
    auto t = static_cast<int>(above - known.begin());
    if (t == all || (t > 0 && level - known[t - 1] < known[t] - level)) --t;
    timesteps.push_back(t);
  }
  for (int k = count - 1; k >= 0; --k) {
    const int below = k == count - 1 ? -1 : timesteps[k + 1];
    timesteps[k] = std::max(timesteps[k], below + 1);
  }
  for (int k = 0; k < count; ++k) {
    const int above = k == 0 ? all : timesteps[k - 1];
    timesteps[k] = std::min(timesteps[k], above - 1);
  }
  return {std::move(timesteps), all};
}

}  // namespace

const std::vector<std::string>& HandTimestepRules() {
  static const std::vector<std::string> kRules = {"uniform", "quadratic", "log-snr", "karras",
                                                  "ays"};
  return kRules;
}

TimestepSequence HandTimesteps(const std::string& rule_or_list, int steps,
                               const NoiseSchedule& schedule) {
  const int all = schedule.training_steps();
  const std::string& rule = rule_or_list;
  if (!rule.empty() && rule.find_first_not_of("0123456789,") == std::string::npos) {
    std::vector<int> timesteps;
    internal::ParseValue("timesteps", rule, timesteps);
    return {std::move(timesteps), all};
  }
  const std::vector<std::string>& rules = HandTimestepRules();
  if (std::find(rules.begin(), rules.end(), rule) == rules.end()) {
    std::string list;
    for (const std::string& name : rules) list += (list.empty() ? "" : ", ") + name;
    throw Error(ErrorCode::kUsage, "timesteps \"" + rule + "\"", "are by no known rule", list);
  }
  CheckRange("steps", steps, 1, all);
  if (rule == "uniform") return UniformTimesteps(steps, all);
  if (rule == "quadratic") {
    return TimestepGroups::Make(Grouping::kQuadratic, steps, all).FirstOfEach();
  }
  return NearestTimesteps(LevelsOf(rule, steps, LogSigma(schedule, all - 1), LogSigma(schedule, 0)),
                          schedule);
}

}  // namespace tmpq
