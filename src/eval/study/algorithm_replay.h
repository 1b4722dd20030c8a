// Search algorithms replayed on a space whose every candidate is known: how much of the true front
// they have after how many evaluations.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "src/metrics/estimate.h"
#include "src/search/algorithms.h"
#include "src/search/dominance.h"

namespace tmpq {

// All candidates of a space with their two objectives: the measurement, positive, and a cost.
class ExhaustiveTruth {
 public:
  // Throws kInput for an error that is no positive number.
  ExhaustiveTruth(std::string measurement, const std::vector<Candidate>& candidates,
                  const std::vector<double>& errors, const std::vector<double>& costs);

  const std::string& measurement() const { return measurement_; }
  size_t size() const { return candidates_.size(); }
  const std::vector<Candidate>& candidates() const { return candidates_; }
  size_t IndexOf(const Candidate& candidate) const;  // aborts where it is not among them
  double error(size_t index) const { return errors_[index]; }
  double cost(size_t index) const { return costs_[index]; }
  // Indices of the true front, by cost.
  const std::vector<size_t>& front() const { return front_; }

  // Objectives as shares of the true front's range, 0 its best, 1 its worst value; of the error, or
  // of its logarithm.
  Objectives Scaled(size_t index, bool logarithmic) const;
  // Hypervolume of the front in these units, down to (1.1, 1.1).
  double FrontVolume(bool logarithmic) const { return volume_[logarithmic]; }

 private:
  std::string measurement_;
  std::vector<Candidate> candidates_;
  std::vector<double> errors_, costs_;
  std::map<Hash128, size_t> index_;
  std::vector<size_t> front_;
  double volume_[2] = {0, 0};
};

// The reference point of both objectives, in the front's range.
inline constexpr double kReferenceShare = 1.1;
// The share of the front's hypervolume that counts as having found it.
inline constexpr double kFound = 0.99;

// One algorithm with one seed.
struct AlgorithmRun {
  std::string algorithm;
  uint64_t seed = 0;
  // Element i: share of the true front's hypervolume after i + 1 evaluations.
  std::vector<double> share, log_share;
  // Of guided, when it had evaluated 5 % of all: rank correlation of predicted and true errors of
  // the candidates that it had not, by the tables alone and calibrated.
  Estimate tables_spearman, model_spearman;
};

// Asks and tells until both shares have reached kFound and `least` evaluations are done, nothing is
// left to ask, or `most` are done. Nothing is evaluated twice, nothing is measured.
AlgorithmRun Replay(const std::string& algorithm, const SearchSpace& space,
                    const AlgorithmSettings& settings, const ExhaustiveTruth& truth, uint64_t seed,
                    int64_t least, int64_t most);

// After `evaluations` of them; 0 before the first.
double ShareAfter(const std::vector<double>& shares, int64_t evaluations);
// The first number of evaluations with `share` or more; 0 where there is none.
int64_t EvaluationsFor(const std::vector<double>& shares, double share);

}  // namespace tmpq
