#include "src/eval/workers/task_runner.h"

#include <exception>

namespace tmpq {

TaskRunner::TaskRunner(TaskWork work, std::atomic<bool>& stop)
    : work_(std::move(work)), stop_(stop), thread_([this] { Work(); }) {}

TaskRunner::~TaskRunner() {
  stop_ = true;
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void TaskRunner::Start(int64_t task, Json content) {
  TMPQ_CHECK(!busy_, "a runner has one task");
  busy_ = true;
  stop_ = false;
  content_ = std::move(content);
  outcome_ = {};
  outcome_.task = task;
  {
    const std::lock_guard lock(mutex_);
    given_ = true;
  }
  wake_.notify_one();
}

std::optional<TaskRunner::Outcome> TaskRunner::Poll() {
  if (!busy_) return std::nullopt;
  const std::lock_guard lock(mutex_);
  if (!ended_) return std::nullopt;
  ended_ = busy_ = false;
  return std::move(outcome_);
}

void TaskRunner::Work() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return given_ || quit_; });
    if (quit_) return;
    given_ = false;
    lock.unlock();
    RunTask();
    lock.lock();
    ended_ = true;
  }
}

void TaskRunner::RunTask() {
  try {
    outcome_.answer = work_(content_);
  } catch (const Error& error) {
    outcome_.stopped = error.code() == ErrorCode::kInterrupted && stop_;
    if (!outcome_.stopped) outcome_.error = error;
  } catch (const std::bad_alloc&) {
    outcome_.error = Error(ErrorCode::kIo, "a task", "ran out of memory");
  } catch (const std::exception& error) {
    outcome_.error =
        Error(ErrorCode::kInput, "a task", std::string("failed: internal: ") + error.what());
  }
}

}  // namespace tmpq
