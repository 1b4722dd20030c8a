// Sampler settings.
#pragma once

#include <string>
#include <vector>

#include "src/core/json.h"

namespace tmpq {

// What the network predicts: the noise, v = sqrt(alpha_bar) noise - sqrt(1 - alpha_bar) x_0, x_0,
// or a rectified flow's velocity noise - x_0.
enum class Prediction { kEpsilon, kV, kSample, kFlow };
Prediction ParsePrediction(const std::string& name);
const char* NameOf(Prediction prediction);
// Throws kUsage unless the method is known.
void CheckMethod(const std::string& method);

// Within [from, to) the guidance scale is `scale` (interval guidance, Kynkaanniemi et al., arXiv
// 2404.07724, and schedules of scales are lists of these).
struct GuidanceRange {
  int from = 0, to = 0;  // training timesteps
  double scale = 1;
};

struct SamplerSettings {
  std::string method = "ddim";  // src/schedule/solver.h lists them
  Prediction prediction = Prediction::kEpsilon;
  double guidance_scale = 1;                   // 1: no guidance, one network call a step
  double eta = 0;                              // ddim: 0 deterministic .. 1 ancestral
  std::vector<GuidanceRange> guidance_ranges;  // the first that holds a timestep has its scale
  // Of outputs with twice the sample's channels: ddpm takes the second half as the place of the
  // log variance between its bounds (Nichol & Dhariwal, arXiv 2102.09672). Others ignore it.
  bool learned_variance = false;

  double GuidanceAt(int timestep) const;
  // Of every step, once any has guidance: costs do not depend on the timesteps.
  int calls_per_step() const;
  Json ToJson() const;
  // Throws kInput for what is malformed, kUsage for a method that is unknown.
  static SamplerSettings FromJson(const Json& json, const std::string& where);
};

}  // namespace tmpq
