// Samplers as linear rules: what every network call does to the sample, as coefficients that are
// computed once, in double, for any strictly decreasing timesteps.
#pragma once

#include <array>
#include <vector>

#include "src/plan/timesteps.h"
#include "src/schedule/noise_schedule.h"
#include "src/schedule/sampler.h"

namespace tmpq {

// Network outputs that a rule may look back on, the newest first.
inline constexpr int kSolverHistory = 5;

// One network call. With x the sample that the network saw, `out` what it said, z normal noise:
//   m0 = convert_sample x + convert_output out      (older ones: m1, m2, ..)
//   y  = keep y' + take x + sum_j accept[j] m_j      (the accepted sample; y' is the call before's)
//   x' = base y + sum_j advance[j] m_j + noise z     (what the next call sees; at the end: the
//   result)
struct SolverCall {
  int step = 0;  // whose timestep and policy the call uses
  double convert_sample = 0, convert_output = 1;
  double keep = 0, take = 1;
  std::array<double, kSolverHistory> accept = {};
  double base = 1;
  std::array<double, kSolverHistory> advance = {};
  double noise = 0;
  // With a learned variance: z's deviation is noise exp(f noise_span), f in [0, 1] the output's
  // second half moved from [-1, 1].
  double noise_span = 0;

  // Whether x' = a x + b out, with no memory and no noise.
  bool IsSimple() const;
};

// The calls of settings.method over `timesteps`, as many as timesteps but for plms, which calls
// once more at its second timestep:
//   ddim          Song et al., arXiv 2010.02502, with settings.eta
//   ddpm          Ho et al., arXiv 2006.11239: ancestral, variance of the posterior
//   plms          Liu et al., arXiv 2202.09778, pseudo linear multistep
//   dpmpp-2m      Lu et al., arXiv 2211.01095, multistep of order 2, midpoint
//   dpmpp-2s      the same, singlestep of order 2: every other call is an inner one
//   unipc         Zhao et al., arXiv 2302.04867, order 2, B2(h)
//   euler-flow    Euler over sigma = t / T of a rectified flow
// The last call goes to schedule.final_alpha_bar, the clean end. Throws kUsage for timesteps beyond
// the schedule, kUnsupported for a method that cannot do the prediction.
std::vector<SolverCall> MakeSolver(const NoiseSchedule& schedule, const SamplerSettings& settings,
                                   const TimestepSequence& timesteps);

}  // namespace tmpq
