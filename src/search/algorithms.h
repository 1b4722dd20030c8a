// All search algorithms by name, for the same question: measurement against costs, or the least
// measurement within the space's budget.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "src/search/guided_search.h"

namespace tmpq {

struct AlgorithmSettings {
  std::string measurement;         // minimised; NaN counts as worst
  std::vector<std::string> costs;  // more objectives, names of CostByName; none: one objective
  std::vector<std::string> more_measurements = {};  // more objectives, of nsga2 alone
  int population = 50;                              // of evolution and random batches
  int levels = 40;  // of the first cost, that greedy and integer-programme solve for
  int budgets = 5;  // of the first cost, at which tmpq-dm evolves in turns
  size_t most_candidates = 100'000;  // that exhaustive enumerates
  GuidedKnowledge knowledge = {};    // of guided
};

// "guided", "tmpq-dm", ...; what they do is in docs/search.md.
const std::vector<std::string>& AlgorithmNames();
// Throws kUsage naming all where `name` is none of them.
void CheckAlgorithm(const std::string& name);

// Throws kUsage for an unknown name, and as the algorithms do. `space` outlives the result; its
// settings.fill_budget should be off where there are costs.
std::unique_ptr<SearchAlgorithm> MakeAlgorithm(const std::string& name, const SearchSpace& space,
                                               const AlgorithmSettings& settings, uint64_t seed);

}  // namespace tmpq
