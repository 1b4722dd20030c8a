// A solver's rule on one number, for comparison with diffusers' schedulers.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <vector>

#include "src/schedule/solver.h"

namespace tmpq {

using Network = std::function<double(double x, int t)>;

// The rule of solver.h on one element, in double.
inline double RunSolver(const std::vector<SolverCall>& calls, const TimestepSequence& timesteps,
                        const Network& network, double x, const std::vector<double>& noise) {
  std::array<double, kSolverHistory> history = {};
  double y = 0;
  size_t drawn = 0;
  for (const SolverCall& call : calls) {
    const double out = network(x, timesteps[call.step]);
    std::rotate(history.begin(), history.end() - 1, history.end());
    history[0] = call.convert_sample * x + call.convert_output * out;
    y = call.keep * y + call.take * x;
    for (int j = 0; j < kSolverHistory; ++j) y += call.accept[j] * history[j];
    x = call.base * y;
    for (int j = 0; j < kSolverHistory; ++j) x += call.advance[j] * history[j];
    const double place = (std::cos(timesteps[call.step] / 70.0) + 1) / 2;  // a learned variance's
    if (call.noise != 0) x += call.noise * std::exp(place * call.noise_span) * noise.at(drawn++);
  }
  return x;
}

}  // namespace tmpq
