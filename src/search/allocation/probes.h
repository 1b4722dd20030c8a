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
// At the timesteps of SearchSpace::NearUniform. `bits`: the only narrower widths that are probed;
// all where it is empty, and of a gene that has none of them. Probes may exceed the budget.
SensitivityProbes MakeProbes(const SearchSpace& space, std::span<const int> bits = {});

// The damage of each change: how much worse than `base` it made the measurement. Tied sites' damage
// is the first one's; the others have none, so that sums over sites are right.
using Sensitivities = std::map<std::pair<size_t, BitWidth>, double>;
// `answers` are the probes' candidates', in order.
Sensitivities SensitivitiesOf(const SensitivityProbes& probes,
                              std::span<const Measurements> answers,
                              const std::string& measurement);

// Adds the damages at widths that were not probed: between two probed ones by a power law of the
// variance of rounding, 4^-b - 4^-widest, else in proportion to it. A damage that noise made zero
// or negative is not read while a narrower width of the gene has a positive one.
void CompleteSensitivities(const SearchSpace& space, Sensitivities& damages);

}  // namespace tmpq
