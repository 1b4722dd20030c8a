// NSGA-II over candidates: measurements against costs, a whole front at once.
#pragma once

#include <string>
#include <vector>

#include "src/search/evolution.h"
#include "src/search/nsga2.h"

namespace tmpq {

struct Nsga2Settings {
  int population = 50;
  double crossover_probability = 0.9;
  double mutation_probability = 0.05;     // of each gene
  std::vector<std::string> measurements;  // objectives; NaN counts as worst
  std::vector<std::string> costs;         // more objectives: names of CostByName
};

// Generation 0: the initial candidate, `seeds`, then random ones. Later ones: crossovers and
// mutants of tournament winners.
class Nsga2Search : public SearchAlgorithm {
 public:
  // `space` outlives it; its settings.fill_budget should be off where costs are objectives. Seeds
  // that are illegal or do not fit the budget are a bug of the caller.
  Nsga2Search(const SearchSpace& space, const Nsga2Settings& settings, uint64_t seed,
              std::vector<Candidate> seeds = {});

  std::vector<Candidate> Ask() override;
  void Tell(std::span<const Candidate> candidates, std::span<const Measurements> answers) override;

  const Nsga2Population<Candidate>& population() const { return population_; }

 private:
  Objectives ObjectivesOf(const Candidate& candidate, const Measurements& answer) const;

  const SearchSpace& space_;
  Nsga2Settings settings_;
  RandomStream random_;
  std::vector<Candidate> initial_;
  Nsga2Population<Candidate> population_;
};

}  // namespace tmpq
