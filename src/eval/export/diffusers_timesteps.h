// A plan's timesteps as diffusers takes them.
#pragma once

#include "src/core/json.h"
#include "src/plan/timesteps.h"
#include "src/schedule/noise_schedule.h"
#include "src/schedule/sampler.h"

namespace tmpq {

// {"class", "config", "set_timesteps"}: the scheduler of diffusers that visits `timesteps` by the
// same rule, its constructor's arguments, and those of its set_timesteps. Where there is none,
// {"class": null, "reason"}. DDIMScheduler takes evenly spaced timesteps alone; DDIM without noise
// is EulerDiscreteScheduler's rule in other variables (Karras et al., arXiv 2206.00364, C.3.4).
Json DiffusersScheduler(const NoiseSchedule& schedule, const SamplerSettings& sampler,
                        const TimestepSequence& timesteps);

}  // namespace tmpq
