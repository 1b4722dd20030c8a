// Sampler settings, and DDIM as two coefficients a step.
#pragma once

#include <string>
#include <vector>

#include "src/plan/timesteps.h"
#include "src/schedule/noise_schedule.h"

namespace tmpq {

// What the network predicts: the noise, v = sqrt(alpha_bar) noise - sqrt(1 - alpha_bar) x_0, or
// x_0.
enum class Prediction { kEpsilon, kV, kSample };
Prediction ParsePrediction(const std::string& name);
const char* NameOf(Prediction prediction);

struct SamplerSettings {
  std::string method = "ddim";
  Prediction prediction = Prediction::kEpsilon;
  double guidance_scale = 1;  // 1: no guidance, one network call a step
  double eta = 0;

  int calls_per_step() const { return guidance_scale == 1 ? 1 : 2; }
  Json ToJson() const;
  // Throws kInput for what is malformed, kUnsupported for other methods than ddim and eta != 0.
  static SamplerSettings FromJson(const Json& json, const std::string& where);
};

// x_next = sample * x + output * network output.
struct StepCoefficients {
  float sample = 0;
  float output = 0;
};

// DDIM with eta = 0 (Song et al., arXiv 2010.02502), one pair per step, computed in double; the
// last step goes to alpha_bar = 1. Throws kUsage when a timestep is beyond the schedule.
std::vector<StepCoefficients> DdimCoefficients(const NoiseSchedule& schedule, Prediction prediction,
                                               const TimestepSequence& timesteps);

}  // namespace tmpq
