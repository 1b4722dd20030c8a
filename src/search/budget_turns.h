// A front from an algorithm that knows one budget at a time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "src/search/evolution.h"

namespace tmpq {

// One Evolution for each of `budgets` evenly spaced limits of a cost, asked in turns: what a user
// of a single-objective search has to do for a front. The last limit is the widest candidate's
// cost, the first is one of `budgets` parts above the narrowest's.
class BudgetTurns : public SearchAlgorithm {
 public:
  // `space`'s table outlives it.
  BudgetTurns(const SearchSpace& space, const std::string& cost, int budgets,
              const EvolutionSettings& settings, uint64_t seed);

  // Without what another evolution had measured: that is told to this one at once.
  std::vector<Candidate> Ask() override;
  void Tell(std::span<const Candidate> candidates, std::span<const Measurements> answers) override;

 private:
  std::vector<std::unique_ptr<SearchSpace>> spaces_;
  std::vector<std::unique_ptr<Evolution>> evolutions_;
  std::map<Candidate, Measurements> answered_;
  std::vector<Candidate> wanted_;  // of the evolution whose turn it is
  size_t turn_ = 0;
};

}  // namespace tmpq
