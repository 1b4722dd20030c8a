// What a search measures to allocate bit-widths: every site narrowed alone.
#pragma once

#include <map>
#include <span>
#include <utility>
#include <vector>

#include "src/search/evaluator.h"
#include "src/search/space.h"

namespace tmpq {

// What is measured: `base`, every site at its widest candidate bit-width, and each site (tied ones
// together) alone at each narrower one.
struct SensitivityProbes {
  Candidate base;
  std::vector<std::pair<size_t, BitWidth>> changes;  // (site, width); of tied sites the first
  std::vector<Candidate> candidates;                 // base, then one per change
};
// At the timesteps of SearchSpace::NearUniform. Probes may exceed the budget.
SensitivityProbes MakeProbes(const SearchSpace& space);

// The damage of each change: how much worse than `base` it made the measurement. Tied sites' damage
// is the first one's; the others have none, so that sums over sites are right.
using Sensitivities = std::map<std::pair<size_t, BitWidth>, double>;
// `answers` are the probes' candidates', in order.
Sensitivities SensitivitiesOf(const SensitivityProbes& probes,
                              std::span<const Measurements> answers,
                              const std::string& measurement);

}  // namespace tmpq
