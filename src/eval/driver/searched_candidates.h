// The candidates whose loss a search has measured by Fidelity::kTrajectory, and how it measures
// them.
#pragma once

#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "src/eval/driver/measured_candidates.h"
#include "src/search/archive.h"
#include "src/search/evaluator.h"
#include "src/search/space.h"

namespace tmpq {

// Those within the budget, each once.
class SearchedCandidates {
 public:
  // `minimized`: measurements and costs, the first one a measurement: the loss. `space` outlives
  // it.
  SearchedCandidates(const SearchSpace& space, std::vector<std::string> minimized);

  // Infinite for NaN.
  double LossOf(const Measurements& answer) const;
  const std::string& loss_name() const { return minimized_.front(); }

  // What a candidate was worth when it came.
  struct Effect {
    bool joined_front = false;  // of loss and BitOps
    bool improved = false;      // less loss than all before
  };
  Effect Add(const Candidate& candidate, const Measurements& answer);

  const std::vector<Candidate>& ranked() const {
    return ranked_;
  }                           // by loss, equal ones as they came
  double least_loss() const;  // infinite of none
  // The best `count` that `measured` lacks, where more than one thing is minimised by dominance and
  // crowding.
  std::vector<Candidate> Promising(const MeasuredCandidates& measured, int count) const;

 private:
  const SearchSpace& space_;
  std::vector<std::string> minimized_;
  std::vector<double> losses_;  // of ranked_
  std::vector<Candidate> ranked_;
  std::set<Hash128> known_;
  ParetoArchive front_;
  std::vector<std::pair<Candidate, Objectives>> points_;  // where more than one thing is minimised
};

// Losses of a batch, as answers to it.
struct BatchLosses {
  std::vector<Measurements> answers;
  std::vector<bool> is_measured;  // else given up, and the answer is what the probe makes likely
};

// `early_termination`: candidates of more than so many times the best one's loss, by
// Fidelity::kProbe, are given up; 0: none.
BatchLosses MeasureBatch(const std::vector<Candidate>& batch, const SearchedCandidates& searched,
                         double early_termination, Evaluator& evaluator);

}  // namespace tmpq
