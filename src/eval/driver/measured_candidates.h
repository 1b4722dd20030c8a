// The candidates whose distance a search has measured: list, archive and history.
#pragma once

#include <vector>

#include "src/eval/proxies/call_counter.h"
#include "src/eval/results/run_file.h"
#include "src/search/archive.h"
#include "src/search/evaluator.h"
#include "src/search/space.h"

namespace tmpq {

class MeasuredCandidates {
 public:
  struct Measured {
    double distance;
    Candidate candidate;
  };

  // Both outlive it.
  MeasuredCandidates(const SearchSpace& space, Evaluator& evaluator);

  // Distances by Fidelity::kMetrics, of each candidate once.
  void Measure(std::vector<Candidate> candidates);
  bool Has(const Candidate& candidate) const;
  const std::vector<Measured>& all() const { return measured_; }  // in the order of measuring
  const Measured& Best() const;
  // The first `count` of `candidates` that have no distance yet.
  std::vector<Candidate> FirstUnmeasured(const std::vector<Candidate>& candidates, int count) const;
  // The `count` of the least distances.
  std::vector<Candidate> BestFew(int count) const;

  const ParetoArchive& archive() const { return archive_; }
  // Appends the front's hypervolume after a generation, as share of the box to the history's
  // reference point.
  void Record(int generation, const CallCounter& counter, RunHistory& history) const;

 private:
  const SearchSpace& space_;
  Evaluator& evaluator_;
  ParetoArchive archive_;
  std::vector<Measured> measured_;
};

}  // namespace tmpq
