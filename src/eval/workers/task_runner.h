// One task at a time on a thread of its own, so that its owner goes on reading messages.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "src/core/error.h"
#include "src/plan/candidate.h"
#include "src/search/evaluator.h"

namespace tmpq {

// Used by one thread, its owner.
class TaskRunner {
 public:
  struct Outcome {
    int64_t task = 0;
    bool stopped = false;
    std::optional<Error> error;
    Measurements measurements;  // where neither stopped nor failed
  };

  // Both outlive it. The evaluator is called on the runner's thread alone, throws kInterrupted soon
  // after `stop` was raised, and is nobody else's.
  TaskRunner(Evaluator& evaluator, std::atomic<bool>& stop);
  // Stops a task that still runs.
  ~TaskRunner();

  // Begins a task; the one before has been polled.
  void Start(int64_t task, Candidate candidate, Fidelity fidelity);
  bool busy() const { return busy_; }
  int64_t task() const { return outcome_.task; }  // while busy
  // The task ends as soon as the evaluator sees it; its outcome has to be polled all the same.
  void Stop() { stop_ = true; }
  // The outcome of a task that has ended, once.
  std::optional<Outcome> Poll();

 private:
  void Work();
  void RunTask();

  Evaluator& evaluator_;
  std::atomic<bool>& stop_;
  bool busy_ = false;  // of the owner's thread
  std::mutex mutex_;
  std::condition_variable wake_;
  bool given_ = false, ended_ = false, quit_ = false;  // under the mutex
  std::optional<Candidate> candidate_;                 // whoever has the task has these
  Fidelity fidelity_ = Fidelity::kPredicted;
  Outcome outcome_;
  std::thread thread_;
};

}  // namespace tmpq
