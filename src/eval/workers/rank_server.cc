#include "src/eval/workers/rank_server.h"

#include "src/eval/workers/pause.h"

namespace tmpq {

void RankServer::Serve(const OpenRankWork& open) {
  const auto check_interrupt = [this] {
    if (interrupted_ != nullptr && *interrupted_) {
      throw Error(ErrorCode::kInterrupted, "", "interrupted");
    }
  };
  std::optional<JobMessage> setup;
  for (; !setup.has_value(); setup = Next()) {
    check_interrupt();
    Pause();
  }
  if (stopped_) return;
  TMPQ_CHECK(setup->kind == MessageKind::kSetup, "rank 0 begins with the setup");
  TaskRunner runner(open(setup->content, stop_), stop_);
  ranks_.Send(kLeadRank, EncodeMessage({.kind = MessageKind::kReady}));
  while (!stopped_) {
    check_interrupt();
    const bool ended = Report(runner);
    const std::optional<JobMessage> message = Next();
    if (message.has_value()) {
      Handle(*message, runner);
    } else if (!ended) {
      Pause();
    }
  }
}

// Notes a stop.
std::optional<JobMessage> RankServer::Next() {
  const std::optional<Message> message = ranks_.Poll();
  if (!message.has_value()) return std::nullopt;
  JobMessage decoded = DecodeMessage(message->bytes);
  stopped_ = stopped_ || decoded.kind == MessageKind::kStop;
  return decoded;
}

void RankServer::Handle(const JobMessage& message, TaskRunner& runner) {
  if (message.kind == MessageKind::kTask) {
    runner.Start(message.task, message.content);
  } else if (message.kind == MessageKind::kCancel) {
    // Where the answer is under way already, that is the task's end.
    if (runner.busy() && runner.task() == message.task) runner.Stop();
  } else {
    TMPQ_CHECK(stopped_, "rank 0 says nothing else");
  }
}

// Says how the runner's task has ended; false when it has not.
bool RankServer::Report(TaskRunner& runner) {
  std::optional<TaskRunner::Outcome> outcome = runner.Poll();
  if (!outcome.has_value()) return false;
  if (outcome->error.has_value()) throw *outcome->error;
  ranks_.Send(kLeadRank, EncodeMessage({.kind = outcome->stopped ? MessageKind::kStopped
                                                                 : MessageKind::kAnswer,
                                        .task = outcome->task,
                                        .content = std::move(outcome->answer)}));
  return true;
}

void RankServer::Fail(ErrorCode code, const std::string& text) {
  ranks_.Send(kLeadRank, EncodeMessage({.kind = MessageKind::kFailed, .code = code, .text = text}));
}

void RankServer::Leave() {
  while (!stopped_) {
    if (!Next().has_value()) Pause();
  }
  ranks_.Send(kLeadRank, EncodeMessage({.kind = MessageKind::kBye}));
}

}  // namespace tmpq
