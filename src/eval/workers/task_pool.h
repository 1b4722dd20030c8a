// Rank 0's end of a job: spreads the tasks of a batch over the ranks, itself included.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "src/eval/workers/dispatch_policy.h"
#include "src/eval/workers/protocol.h"
#include "src/eval/workers/task_runner.h"
#include "src/eval/workers/transport.h"

namespace tmpq {

struct TaskBatch {
  int count = 0;
  int kind = 0;  // tasks of a kind take alike
  std::function<Json(int index)> task = {};
  // DispatchPolicy::Begin, and which answers say that what their task shares was made; by default
  // all do.
  std::vector<std::vector<std::string>> shares = {};
  std::function<bool(const Json& answer)> made_shares = {};
};

struct TaskAnswer {
  int index = 0;
  Json answer = {};
};
using TaskAnswers = std::span<const TaskAnswer>;

// Not thread-safe; calls MPI (through `ranks`) from the calling thread alone.
class TaskPool {
 public:
  // Tells the other ranks that all is ready: `setup`, in words of the job. `own` runs rank 0's
  // share. A task is run twice where it is late by `late_factor` (DispatchPolicy). References and
  // pointer outlive the pool; `interrupted` may be null.
  TaskPool(Transport& ranks, TaskRunner& own, const Json& setup, double late_factor,
           const std::atomic<bool>* interrupted);

  // Gives each task's answer once, as they come in. Throws kInterrupted when the flag was raised;
  // an error of a rank under its code, naming the rank; kCorrupt when two ranks answer one task
  // differently; as Transport does.
  void Run(const TaskBatch& batch, const std::function<void(TaskAnswers)>& sink);

 private:
  double Now() const;
  void Dispatch(const TaskBatch& batch);
  // Handles what has come in; false when there was nothing.
  bool Receive(const TaskBatch& batch);
  void Handle(int rank, const JobMessage& message, const TaskBatch& batch);
  // `answer`: null where the task was stopped.
  void End(int rank, int64_t task, const Json* answer, const TaskBatch& batch);
  void Accept(const DispatchPolicy::Ended& ended, const Json& answer);

  Transport& ranks_;
  TaskRunner& own_;
  const std::atomic<bool>* interrupted_;
  DispatchPolicy policy_;
  std::chrono::steady_clock::time_point begin_;
  int64_t first_ = 0;                // number of the batch's first task
  std::vector<TaskAnswer> came_in_;  // not yet given
  // Answers of tasks of which copies still run: these must agree.
  std::map<int64_t, std::string> expected_;
};

// Ends the other ranks of a job, whatever they do, and waits for their last words: rank 0's last
// act, so that no rank leaves MPI while another still talks to it. What they say is not heard any
// more.
void StopRanks(Transport& ranks);

}  // namespace tmpq
