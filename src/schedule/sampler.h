// Sampler settings.
#pragma once

#include <string>

#include "src/core/json.h"

namespace tmpq {

// What the network predicts: the noise, v = sqrt(alpha_bar) noise - sqrt(1 - alpha_bar) x_0, x_0,
// or a rectified flow's velocity noise - x_0.
enum class Prediction { kEpsilon, kV, kSample, kFlow };
Prediction ParsePrediction(const std::string& name);
const char* NameOf(Prediction prediction);
// Throws kUsage unless the method is known.
void CheckMethod(const std::string& method);

struct SamplerSettings {
  std::string method = "ddim";  // src/schedule/solver.h lists them
  Prediction prediction = Prediction::kEpsilon;
  double guidance_scale = 1;  // 1: no guidance, one network call a step
  double eta = 0;             // ddim: 0 deterministic .. 1 ancestral

  int calls_per_step() const { return guidance_scale == 1 ? 1 : 2; }
  Json ToJson() const;
  // Throws kInput for what is malformed, kUsage for a method that is unknown.
  static SamplerSettings FromJson(const Json& json, const std::string& where);
};

}  // namespace tmpq
