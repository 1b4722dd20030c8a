// The candidates that a search has measured by Fidelity::kMetrics: list, archive and history.
#pragma once

#include <string>
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
    double loss;  // what they are ranked by
    Candidate candidate;
    std::vector<double> objectives;
  };

  // `objectives`: measurements and costs, all minimised; empty: distance, BitOps and bytes, and of
  // networks that have been timed latency. `ranked_by`: a measurement. References outlive it.
  MeasuredCandidates(const SearchSpace& space, Evaluator& evaluator,
                     std::vector<std::string> objectives, std::string ranked_by);

  // Each candidate once.
  void Measure(std::vector<Candidate> candidates);
  bool Has(const Candidate& candidate) const;
  const std::vector<Measured>& all() const { return measured_; }  // in the order of measuring
  const Measured& Best() const;
  const std::string& ranked_by() const { return ranked_by_; }
  // The first `count` of `candidates` that are not measured yet.
  std::vector<Candidate> FirstUnmeasured(const std::vector<Candidate>& candidates, int count) const;
  // The `count` of the least losses.
  std::vector<Candidate> BestFew(int count) const;

  const ParetoArchive& archive() const { return archive_; }
  // Appends the front's hypervolume after a generation, as share of the box to the history's
  // reference point.
  void Record(int generation, const CallCounter& counter, RunHistory& history) const;

 private:
  const SearchSpace& space_;
  Evaluator& evaluator_;
  ParetoArchive archive_;
  std::string ranked_by_;
  std::vector<Measured> measured_;
};

}  // namespace tmpq
