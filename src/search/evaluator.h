// The one interface between search and measurement: the search sees numbers only.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "src/plan/candidate.h"

namespace tmpq {

// How a candidate is measured. Measurements of different fidelities are never compared. Values are
// part of file formats: never renumber.
enum class Fidelity {
  kPredicted = 0,   // from tables, without running the network
  kTrajectory = 1,  // trajectory error on a few dozen samples
  kMetrics = 2,     // decoupled metrics on hundreds of samples
  kSelection = 3,   // the same on more samples and on selection noise
  kReport = 4,      // with intervals, on report noise: never seen by the search
  kProbe = 5,       // kTrajectory's error on the first few of its samples
};
inline constexpr Fidelity kLastFidelity = Fidelity::kProbe;
const char* NameOf(Fidelity fidelity);

// Named numbers; all that the search minimises is minimised.
using Measurements = std::map<std::string, double>;

// Gets the answers of the next candidates, in the order of the candidates.
using AnswerSink = std::function<void(std::span<const Measurements>)>;

class Evaluator {
 public:
  virtual ~Evaluator() = default;
  // One answer per candidate, in order. The same candidate and fidelity always give the same
  // numbers.
  virtual std::vector<Measurements> Evaluate(std::span<const Candidate> candidates,
                                             Fidelity fidelity) = 0;
  // The same, but hands each answer to `sink` as soon as it and all before it are known. Here: all
  // of them at the end.
  virtual void EvaluateInOrder(std::span<const Candidate> candidates, Fidelity fidelity,
                               const AnswerSink& sink) {
    sink(Evaluate(candidates, fidelity));
  }
};

}  // namespace tmpq
