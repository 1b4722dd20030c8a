#include "src/schedule/sampler.h"

#include <cmath>

#include "src/core/error.h"

namespace tmpq {

Prediction ParsePrediction(const std::string& name) {
  if (name == "epsilon") return Prediction::kEpsilon;
  if (name == "v") return Prediction::kV;
  if (name == "sample") return Prediction::kSample;
  throw Error(ErrorCode::kUsage, "prediction", "\"" + name + "\" is unknown",
              "known are epsilon, v and sample");
}

const char* NameOf(Prediction prediction) {
  static constexpr const char* kNames[] = {"epsilon", "v", "sample"};
  return kNames[static_cast<int>(prediction)];
}

Json SamplerSettings::ToJson() const {
  return {{"method", method},
          {"prediction", NameOf(prediction)},
          {"guidance_scale", guidance_scale},
          {"eta", eta}};
}

SamplerSettings SamplerSettings::FromJson(const Json& json, const std::string& where) {
  SamplerSettings settings;
  settings.method = JsonGet<std::string>(json, "method", where);
  settings.prediction = ParsePrediction(JsonGet<std::string>(json, "prediction", where));
  settings.guidance_scale = JsonGet<double>(json, "guidance_scale", where);
  settings.eta = JsonGet<double>(json, "eta", where);
  if (settings.method != "ddim" || settings.eta != 0) {
    throw Error(ErrorCode::kUnsupported, where,
                "sampler " + settings.method + " with eta " + std::to_string(settings.eta) +
                    " is not supported",
                "use ddim with eta 0");
  }
  if (!(settings.guidance_scale >= 0 && settings.guidance_scale <= 100)) {
    throw Error(ErrorCode::kInput, where, "guidance_scale is not within 0 to 100");
  }
  return settings;
}

std::vector<StepCoefficients> DdimCoefficients(const NoiseSchedule& schedule, Prediction prediction,
                                               const TimestepSequence& timesteps) {
  std::vector<StepCoefficients> coefficients;
  for (int k = 0; k < timesteps.size(); ++k) {
    CheckRange("timestep", timesteps[k], 0, schedule.training_steps() - 1);
    const double now = schedule.alpha_bar[timesteps[k]];
    const double next = k + 1 < timesteps.size() ? schedule.alpha_bar[timesteps[k + 1]] : 1.0;
    const double signal = std::sqrt(now), noise = std::sqrt(1 - now);
    const double next_signal = std::sqrt(next), next_noise = std::sqrt(1 - next);
    // x_0 and epsilon as linear functions of (x, output), then x_next = next_signal x_0 +
    // next_noise epsilon.
    double x0_x = 0, x0_out = 0, eps_x = 0, eps_out = 0;
    switch (prediction) {
      case Prediction::kEpsilon:
        x0_x = 1 / signal, x0_out = -noise / signal, eps_out = 1;
        break;
      case Prediction::kV:
        x0_x = signal, x0_out = -noise, eps_x = noise, eps_out = signal;
        break;
      case Prediction::kSample:
        x0_out = 1, eps_x = 1 / noise, eps_out = -signal / noise;
        break;
    }
    coefficients.push_back({static_cast<float>(next_signal * x0_x + next_noise * eps_x),
                            static_cast<float>(next_signal * x0_out + next_noise * eps_out)});
  }
  return coefficients;
}

}  // namespace tmpq
