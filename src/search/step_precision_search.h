// One precision a timestep for the whole network, from errors that are taken to add up over steps
// (TMPDiff, arXiv 2603.14062).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "src/search/allocation/problem.h"
#include "src/search/evolution.h"
#include "src/search/space.h"

namespace tmpq {

// Precisions are UniformRow of the i-th candidate bit-width of weights and of activations, i = 0,
// 1, ..., and the widest row. First Ask: the widest at every step of NearUniform, and each step
// alone at each narrower one, which is linear in steps. Second: below `levels` + 1 evenly spaced
// values of BitOps the step precisions of the least sum of damages; where TMPDiff bisects for the
// price of a bit operation, the Lagrangian sweep knows all prices. Then nothing. In a space with
// one policy for all steps there is nothing to divide: it asks for the precisions that fit.
class StepPrecisionSearch : public SearchAlgorithm {
 public:
  StepPrecisionSearch(const SearchSpace& space, std::string measurement, int levels);

  std::vector<Candidate> Ask() override;
  void Tell(std::span<const Candidate> candidates, std::span<const Measurements> answers) override;

 private:
  std::vector<Candidate> Probes() const;
  std::vector<Candidate> Allocated() const;
  // Row index of each step.
  Candidate CandidateOf(const std::vector<int>& rows) const;
  double BitOpsOf(const std::vector<int>& rows) const;
  int steps() const { return timesteps_.size(); }
  int widest() const { return static_cast<int>(rows_.size()) - 1; }

  const SearchSpace& space_;
  std::string measurement_;
  int levels_;
  TimestepSequence timesteps_;
  std::vector<Policy> rows_;                 // narrowest first
  std::vector<std::vector<double>> damage_;  // by step and row
  int asked_ = 0;
};

}  // namespace tmpq
