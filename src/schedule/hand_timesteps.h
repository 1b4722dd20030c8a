// Timesteps that people choose by rule: what searched ones are compared with.
#pragma once

#include <string>
#include <vector>

#include "src/plan/timesteps.h"
#include "src/schedule/noise_schedule.h"

namespace tmpq {

// Rules by name:
//   uniform    UniformTimesteps
//   quadratic  DDIM's "quad" (Song et al., arXiv 2010.02502)
//   log-snr    uniform in the logarithm of the ratio of signal to noise (DPM-Solver, Lu et al.,
//              arXiv 2206.00927)
//   karras     uniform in sigma^(1/7) (Karras et al., arXiv 2206.00364)
//   ays        the noise levels that Align Your Steps (Sabour et al., arXiv 2404.14507) found for
//              Stable Diffusion 1.5, interpolated in their logarithm for other numbers of steps
// The last three are levels of noise; a level is visited at the training timestep nearest to it.
const std::vector<std::string>& HandTimestepRules();

// `steps` timesteps by a rule; or those of a list such as "999,600,0", however many. Throws kUsage
// for an unknown rule, for more steps than the rule or the schedule has, and for a list that is not
// strictly decreasing within the schedule.
TimestepSequence HandTimesteps(const std::string& rule_or_list, int steps,
                               const NoiseSchedule& schedule);

}  // namespace tmpq
