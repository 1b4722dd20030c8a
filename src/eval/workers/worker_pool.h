// Candidates as tasks of a job: rank 0's evaluator, and what the others evaluate with.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "src/eval/workers/task_pool.h"
#include "src/search/evaluator.h"

namespace tmpq {

// Evaluates what a WorkerPool sends. The evaluator polls the flag of the rank's tasks; candidates
// are checked against its number of training steps and of sites.
TaskWork EvaluationWork(std::shared_ptr<Evaluator> evaluator, int training_steps, size_t sites);

struct WorkerPoolSettings {
  // When a slow rank's candidate is given to an idle one too (DispatchPolicy).
  double late_factor = 2;
  const std::atomic<bool>* interrupted = nullptr;
  // Called with each answer's fidelity, as answers come in: what a progress bar counts.
  std::function<void(Fidelity)> on_answer;
};

// Answers are returned in proposal order and do not depend on ranks, their speed or their number.
// Not thread-safe; calls MPI (through `ranks`) from the calling thread alone.
class WorkerPool : public Evaluator {
 public:
  // As TaskPool; ranks evaluate with EvaluationWork.
  WorkerPool(Transport& ranks, TaskRunner& own, const Json& setup,
             const WorkerPoolSettings& settings);

  // Both throw as TaskPool::Run does.
  std::vector<Measurements> Evaluate(std::span<const Candidate> candidates,
                                     Fidelity fidelity) override;
  void EvaluateInOrder(std::span<const Candidate> candidates, Fidelity fidelity,
                       const AnswerSink& sink) override;

 private:
  TaskPool pool_;
  std::function<void(Fidelity)> on_answer_;
};

}  // namespace tmpq
