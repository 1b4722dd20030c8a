// An evaluator that never measures the same thing twice, across the lives of a run.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/eval/journal/journal.h"
#include "src/plan/candidate.h"
#include "src/search/evaluator.h"

namespace tmpq {

// Answers from the journal; what it lacks is asked of `inner` once, in proposal order, and is in
// the journal before it is returned: each answer as soon as `inner` gives it and all before it.
// Thread contract of `inner` and the journal.
class JournaledEvaluator : public Evaluator {
 public:
  // Both outlive this object. `chunk`: candidates per call of `inner` (0: the whole batch); a
  // killed run loses at most what `inner` had not given of these. Results do not depend on it.
  JournaledEvaluator(Evaluator& inner, Journal& journal, int chunk = 0);

  std::vector<Measurements> Evaluate(std::span<const Candidate> candidates,
                                     Fidelity fidelity) override;

  // Answers that needed no measurement (repetitions within a batch included), and those that did.
  int64_t hits() const { return hits_; }
  int64_t evaluations() const { return evaluations_; }

 private:
  void MeasureAndAppend(std::span<const Candidate> missing, Fidelity fidelity);

  Evaluator& inner_;
  Journal& journal_;
  int chunk_;
  int64_t hits_ = 0;
  int64_t evaluations_ = 0;
};

}  // namespace tmpq
