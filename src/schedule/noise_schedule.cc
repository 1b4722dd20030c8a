#include "src/schedule/noise_schedule.h"

#include <algorithm>
#include <cmath>

#include "src/core/error.h"

namespace tmpq {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr int kMaxTrainingSteps = 100000;

double CosineAlphaBar(double fraction) {
  const double value = std::cos((fraction + 0.008) / 1.008 * kPi / 2);
  return value * value;
}

// Moves times towards noise, as video and large images need it (Esser et al., arXiv 2403.03206).
double Shifted(double fraction) {
  constexpr double kShift = 3;
  return kShift * fraction / (1 + (kShift - 1) * fraction);
}

double BetaOf(const std::string& kind, int t, int training_steps) {
  const double fraction = training_steps > 1 ? static_cast<double>(t) / (training_steps - 1) : 0;
  if (kind == "linear") return 1e-4 + fraction * (0.02 - 1e-4);
  if (kind == "scaled-linear") {
    const double root = std::sqrt(0.00085) + fraction * (std::sqrt(0.012) - std::sqrt(0.00085));
    return root * root;
  }
  if (kind == "cosine" || kind == "shifted-cosine") {
    const auto alpha_bar = [&](int step) {
      const double time = static_cast<double>(step) / training_steps;
      return CosineAlphaBar(kind == "cosine" ? time : Shifted(time));
    };
    return std::min(1 - alpha_bar(t + 1) / alpha_bar(t), 0.999);
  }
  throw Error(ErrorCode::kUsage, "noise schedule", "\"" + kind + "\" is unknown",
              "known are cosine, shifted-cosine, linear, scaled-linear and flow");
}

}  // namespace

NoiseSchedule NoiseSchedule::Make(const std::string& kind, int training_steps) {
  CheckRange("training_steps", training_steps, 1, kMaxTrainingSteps);
  NoiseSchedule schedule{kind, {}};
  if (kind == "flow") {
    for (int t = 0; t < training_steps; ++t) {
      const double noise = std::max(1e-6, static_cast<double>(t) / training_steps);
      const double signal = 1 - noise;
      schedule.alpha_bar.push_back(signal * signal / (signal * signal + noise * noise));
    }
    return schedule;
  }
  double alpha_bar = 1;
  for (int t = 0; t < training_steps; ++t) {
    alpha_bar *= 1 - BetaOf(kind, t, training_steps);
    schedule.alpha_bar.push_back(alpha_bar);
  }
  return schedule;
}

NoiseSchedule NoiseSchedule::FromTable(const std::string& kind, std::vector<double> alpha_bar,
                                       const std::string& where) {
  const bool legal = !alpha_bar.empty() && alpha_bar.front() < 1 && alpha_bar.back() > 0 &&
                     std::adjacent_find(alpha_bar.begin(), alpha_bar.end(), [](double a, double b) {
                       return !(a > b);
                     }) == alpha_bar.end();
  if (!legal)
    throw Error(ErrorCode::kInput, where, "alpha_bar has to decrease strictly within (0, 1)");
  return {kind, std::move(alpha_bar)};
}

NoiseSchedule NoiseSchedule::FromJson(const Json& json, const std::string& where) {
  const auto kind = JsonGet<std::string>(json, "kind", where);
  const auto training_steps = JsonGet<int>(json, "training_steps", where);
  NoiseSchedule schedule;
  if (json.contains("alpha_bar")) {
    schedule = FromTable(kind, JsonGet<std::vector<double>>(json, "alpha_bar", where), where);
    if (schedule.training_steps() != training_steps) {
      throw Error(ErrorCode::kInput, where, "alpha_bar has not training_steps numbers");
    }
  } else {
    schedule = Make(kind, training_steps);
  }
  if (json.contains("final_alpha_bar")) {
    schedule.final_alpha_bar = JsonGet<double>(json, "final_alpha_bar", where);
    if (!(schedule.final_alpha_bar > 0 && schedule.final_alpha_bar <= 1)) {
      throw Error(ErrorCode::kInput, where, "final_alpha_bar is not within 0 to 1");
    }
  }
  return schedule;
}

Json NoiseSchedule::ToJson(bool with_table) const {
  Json json = {{"kind", kind}, {"training_steps", training_steps()}};
  if (with_table) json["alpha_bar"] = alpha_bar;
  if (final_alpha_bar != 1) json["final_alpha_bar"] = final_alpha_bar;
  return json;
}

}  // namespace tmpq
