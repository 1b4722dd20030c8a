// scheduler_config.json of diffusers' pipelines: noise schedule, sampler and spacing of timesteps.
#pragma once

#include <filesystem>
#include <string>

#include "src/core/json.h"
#include "src/plan/timesteps.h"
#include "src/schedule/noise_schedule.h"
#include "src/schedule/sampler.h"

namespace tmpq {

// How a number of steps becomes timesteps.
enum class Spacing {
  kLeading,      // multiples of floor(T / N) from 0 up, plus steps_offset
  kTrailing,     // multiples of T / N from T down, less 1
  kLinspace,     // N points from 0 to T - 1, both included
  kLeadingMore,  // as kLeading, kLinspace for N + 1 steps, without the cleanest: DPM-Solver, UniPC
  kLinspaceMore,
  kFlow,  // sigma from its largest to its smallest, shifted; to the nearest timestep below T
};

struct SchedulerConfig {
  std::string class_name;  // "DDIMScheduler"
  NoiseSchedule schedule;
  SamplerSettings settings;  // no guidance, eta 0
  Spacing spacing = Spacing::kLeading;
  int steps_offset = 0;
  double shift = 1;            // of a flow's sigmas: s' = shift s / (1 + (shift - 1) s)
  bool whole_spacing = false;  // a spacing that gives fractions is refused, not rounded

  // What the scheduler's set_timesteps(steps) gives; a flow's are fractions in diffusers, these
  // are the nearest timesteps. Steps lead from one of them to the next. Throws kUsage where there
  // are not that many, kUnsupported for fractions.
  TimestepSequence Timesteps(int steps) const;
};

// Classes: DDIM, DDPM, PNDM, DPMSolverMultistep, DPMSolverSinglestep, UniPCMultistep,
// EulerDiscrete (as DDIM, which it is in other variables) and FlowMatchEulerDiscrete. Throws kInput
// for what is malformed, kUnsupported naming a class, a field or a value that has no linear rule
// here (clipping, Karras sigmas, other orders, ..), and any field that none of the classes has.
SchedulerConfig ReadSchedulerConfig(const Json& json, const std::string& where);
// `path`: the file, or the folder that holds scheduler_config.json. Numbers may be -Infinity.
SchedulerConfig LoadSchedulerConfig(const std::filesystem::path& path);

}  // namespace tmpq
