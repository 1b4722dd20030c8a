// Rank 0's evaluator: spreads the candidates of a batch over the ranks of a job, itself included.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "src/eval/workers/dispatch_policy.h"
#include "src/eval/workers/protocol.h"
#include "src/eval/workers/task_runner.h"
#include "src/eval/workers/transport.h"

namespace tmpq {

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
  // Tells the other ranks that the run's folder is ready: `hashes` of its artefacts, which theirs
  // must equal, and the names of the `files` that they open. `own` runs rank 0's share. Both
  // references outlive the pool.
  WorkerPool(Transport& ranks, TaskRunner& own, std::map<std::string, std::string> hashes,
             std::vector<std::string> files, WorkerPoolSettings settings);

  std::vector<Measurements> Evaluate(std::span<const Candidate> candidates,
                                     Fidelity fidelity) override;
  // Throws kInterrupted when the flag was raised; an error of a rank under its code, naming the
  // rank; kCorrupt when two ranks measure different numbers of one candidate; as Transport does.
  void EvaluateInOrder(std::span<const Candidate> candidates, Fidelity fidelity,
                       const AnswerSink& sink) override;

 private:
  struct Batch {
    std::span<const Candidate> candidates;
    Fidelity fidelity;
    int64_t first;  // number of its first task
    std::vector<std::optional<Measurements>> answers;
    size_t given = 0;  // to the sink
  };

  double Now() const;
  void Dispatch(const Batch& batch);
  // Handles what has come in; false when there was nothing.
  bool Receive(Batch& batch);
  void Handle(int rank, const JobMessage& message, Batch& batch);
  void End(int rank, int64_t task, const Measurements* answer, Batch& batch);
  void GiveAnswers(Batch& batch, const AnswerSink& sink);

  Transport& ranks_;
  TaskRunner& own_;
  WorkerPoolSettings settings_;
  DispatchPolicy policy_;
  std::chrono::steady_clock::time_point begin_;
  // Answers of tasks of which copies still run: these must agree.
  std::map<int64_t, std::string> expected_;
};

// Ends the other ranks of a job, whatever they do, and waits for their last words: rank 0's last
// act, so that no rank leaves MPI while another still talks to it. What they say is not heard any
// more.
void StopRanks(Transport& ranks);

}  // namespace tmpq
