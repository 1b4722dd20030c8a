// Algorithms that measure one site at a time and then solve: ViDiT-Q's and MixDQ's; and the rows of
// uniform bit-widths that everybody compares with.
#pragma once

#include <string>
#include <vector>

#include "src/search/allocation/front.h"
#include "src/search/evolution.h"

namespace tmpq {

// First Ask: MakeProbes. Second: AllocateLevels at NearUniform from their damages; then nothing. By
// AllocationSolver::kGreedy it is ViDiT-Q's promotion, by kIntegerProgramme MixDQ's, both with the
// damage of the one measurement for all layers.
class AllocationSearch : public SearchAlgorithm {
 public:
  // `cost`: whose levels are solved for; "": shares of the budget.
  AllocationSearch(const SearchSpace& space, std::string measurement, std::string cost, int levels,
                   AllocationSolver solver);

  std::vector<Candidate> Ask() override;
  void Tell(std::span<const Candidate> candidates, std::span<const Measurements> answers) override;

 private:
  const SearchSpace& space_;
  std::string measurement_, cost_;
  int levels_;
  AllocationSolver solver_;
  SensitivityProbes probes_;
  Sensitivities damages_;
  int asked_ = 0;
};

// All uniform WbAb' that are in the space and fit, at NearUniform's timesteps, at once.
class UniformRows : public SearchAlgorithm {
 public:
  explicit UniformRows(const SearchSpace& space);
  std::vector<Candidate> Ask() override { return std::exchange(candidates_, {}); }
  void Tell(std::span<const Candidate>, std::span<const Measurements>) override {}

 private:
  std::vector<Candidate> candidates_;
};

}  // namespace tmpq
