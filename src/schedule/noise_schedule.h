// Noise schedules: how much of the signal is left at each training timestep.
#pragma once

#include <string>
#include <vector>

#include "src/core/json.h"

namespace tmpq {

// x_t = sqrt(alpha_bar[t]) x_0 + sqrt(1 - alpha_bar[t]) noise, t in [0, training_steps).
struct NoiseSchedule {
  std::string kind;
  std::vector<double> alpha_bar;  // strictly decreasing, in (0, 1)

  // Where a sampler's last step goes; 1 is the clean end. Of methods that step to it exactly: ddim,
  // plms.
  double final_alpha_bar = 1;

  int training_steps() const { return static_cast<int>(alpha_bar.size()); }

  // "cosine" (Nichol & Dhariwal, arXiv 2102.09672; betas clipped at 0.999), "shifted-cosine"
  // (the same at times 3u/(1 + 2u), nearer to noise), "linear" (betas 1e-4 to
  // 0.02; Ho et al., arXiv 2006.11239), "scaled-linear" (square roots of betas 0.00085 to 0.012;
  // latent diffusion), "flow" (rectified flow, x_t = (1 - t/T) x_0 + t/T noise; the table holds
  // what has the same ratio of signal to noise). Throws kUsage.
  static NoiseSchedule Make(const std::string& kind, int training_steps);
  // A table of any origin. Throws kInput unless it decreases strictly within (0, 1).
  static NoiseSchedule FromTable(const std::string& kind, std::vector<double> alpha_bar,
                                 const std::string& where);
  // {"kind": ..., "training_steps": ...[, "final_alpha_bar": ...]}, and with a table {"alpha_bar":
  // [...]}, which then decides.
  static NoiseSchedule FromJson(const Json& json, const std::string& where);
  Json ToJson(bool with_table = false) const;
};

}  // namespace tmpq
