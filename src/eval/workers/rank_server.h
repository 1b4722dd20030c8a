// A rank's work for rank 0.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include "src/core/error.h"
#include "src/eval/workers/protocol.h"
#include "src/eval/workers/task_runner.h"
#include "src/eval/workers/transport.h"

namespace tmpq {

// Opens what a rank works with when rank 0 has said that all is ready, and how (`setup`); the work
// polls `stop`, which outlives it.
using OpenRankWork = std::function<TaskWork(const Json& setup, std::atomic<bool>& stop)>;

class RankServer {
 public:
  // Both outlive it; `interrupted` may be null.
  RankServer(Transport& ranks, const std::atomic<bool>* interrupted)
      : ranks_(ranks), interrupted_(interrupted) {}

  // Waits for rank 0's setup, opens the work and does what rank 0 sends, until it says stop. Throws
  // what opening and working throw, and kInterrupted when the flag was raised.
  void Serve(const OpenRankWork& open);
  // Tells rank 0 about an error that ended the service.
  void Fail(ErrorCode code, const std::string& text);
  // The last act: waits until rank 0 says stop, and says goodbye.
  void Leave();

 private:
  std::optional<JobMessage> Next();
  void Handle(const JobMessage& message, TaskRunner& runner);
  bool Report(TaskRunner& runner);

  Transport& ranks_;
  const std::atomic<bool>* interrupted_;
  std::atomic<bool> stop_{false};
  bool stopped_ = false;  // rank 0 has said so
};

}  // namespace tmpq
