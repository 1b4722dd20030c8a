// One task at a time on a thread of its own, so that its owner goes on reading messages.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "src/core/error.h"
#include "src/core/json.h"

namespace tmpq {

// What a rank can do: a task's answer, both in words of the job. Throws kInterrupted soon after the
// flag that it was opened with was raised, and what ends the job.
using TaskWork = std::function<Json(const Json& task)>;

// Used by one thread, its owner.
class TaskRunner {
 public:
  struct Outcome {
    int64_t task = 0;
    bool stopped = false;
    std::optional<Error> error;
    Json answer;  // where neither stopped nor failed
  };

  // `work` is called on the runner's thread alone and polls `stop`, which outlives the runner.
  TaskRunner(TaskWork work, std::atomic<bool>& stop);
  // Stops a task that still runs.
  ~TaskRunner();

  // Begins a task; the one before has been polled.
  void Start(int64_t task, Json content);
  bool busy() const { return busy_; }
  int64_t task() const { return outcome_.task; }  // while busy
  // The task ends as soon as the work sees it; its outcome has to be polled all the same.
  void Stop() { stop_ = true; }
  // The outcome of a task that has ended, once.
  std::optional<Outcome> Poll();

 private:
  void Work();
  void RunTask();

  TaskWork work_;
  std::atomic<bool>& stop_;
  bool busy_ = false;  // of the owner's thread
  std::mutex mutex_;
  std::condition_variable wake_;
  bool given_ = false, ended_ = false, quit_ = false;  // under the mutex
  Json content_;                                       // whoever has the task has these
  Outcome outcome_;
  std::thread thread_;
};

}  // namespace tmpq
