// Bit-widths from measured sensitivities: a warm start for evolution.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "src/search/evaluator.h"
#include "src/search/space.h"

namespace tmpq {

// What is measured: `base`, every site at its widest candidate bit-width, and each site alone at
// each narrower one.
struct SensitivityProbes {
  Candidate base;
  std::vector<std::pair<size_t, BitWidth>> changes;  // (site, width)
  std::vector<Candidate> candidates;                 // base, then one per change
};
// At the timesteps of SearchSpace::NearUniform. Probes may exceed the budget.
SensitivityProbes MakeProbes(const SearchSpace& space);

// The damage of each change: how much worse than `base` it made the measurement.
using Sensitivities = std::map<std::pair<size_t, BitWidth>, double>;
// `answers` are the probes' candidates', in order.
Sensitivities SensitivitiesOf(const SensitivityProbes& probes,
                              std::span<const Measurements> answers,
                              const std::string& measurement);

// Damages taken as additive: from `base` downwards, always the narrowing with the least damage per
// share of the excess that it saves, until the budget fits; then whatever still fits is widened
// again, most relief first.
// Nothing when even the lowest bit-widths do not fit.
std::optional<Candidate> AllocateGreedily(const SearchSpace& space, const Budget& budget,
                                          const SensitivityProbes& probes,
                                          const Sensitivities& damages);

}  // namespace tmpq
