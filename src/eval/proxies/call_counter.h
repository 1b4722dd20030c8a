// How many network calls a search has paid for: what algorithms are compared at.
#pragma once

#include <cstdint>
#include <set>
#include <utility>

#include "src/core/hash.h"
#include "src/eval/proxies/runtime_evaluator.h"
#include "src/search/evaluator.h"

namespace tmpq {

// Passes everything on, and counts each candidate and fidelity once, whether `inner` measures it or
// remembers it: the count of a resumed run is that of an undisturbed one.
class CallCounter : public Evaluator {
 public:
  // `inner` outlives it.
  CallCounter(Evaluator& inner, const EvaluatorSettings& settings, int calls_per_step);

  std::vector<Measurements> Evaluate(std::span<const Candidate> candidates,
                                     Fidelity fidelity) override;

  void Add(int64_t calls) { calls_ += calls; }  // that were spent elsewhere
  int64_t calls() const { return calls_; }      // of one sample
  int64_t samples() const { return samples_; }  // drawn for candidates
  int64_t repeats() const { return repeats_; }  // that were asked for again
  int64_t candidates() const { return static_cast<int64_t>(seen_.size()); }

 private:
  Evaluator& inner_;
  EvaluatorSettings settings_;
  int calls_per_step_;
  std::set<std::pair<Hash128, Fidelity>> seen_;
  int64_t calls_ = 0, samples_ = 0, repeats_ = 0;
};

}  // namespace tmpq
