#include "src/eval/workers/task_pool.h"

#include "src/eval/workers/pause.h"

namespace tmpq {

TaskPool::TaskPool(Transport& ranks, TaskRunner& own, const Json& setup, double late_factor,
                   const std::atomic<bool>* interrupted)
    : ranks_(ranks),
      own_(own),
      interrupted_(interrupted),
      policy_(ranks.size(), late_factor),
      begin_(std::chrono::steady_clock::now()) {
  TMPQ_CHECK(ranks.rank() == kLeadRank, "rank 0 leads");
  const std::string message = EncodeMessage({.kind = MessageKind::kSetup, .content = setup});
  for (int rank = 1; rank < ranks.size(); ++rank) ranks_.Send(rank, message);
  policy_.Join(kLeadRank);
}

double TaskPool::Now() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
}

void TaskPool::Run(const TaskBatch& batch, const std::function<void(TaskAnswers)>& sink) {
  first_ = policy_.Begin(batch.count, batch.kind, batch.shares);
  while (!policy_.done()) {
    if (interrupted_ != nullptr && *interrupted_) {
      throw Error(ErrorCode::kInterrupted, "", "interrupted");
    }
    Dispatch(batch);
    if (!Receive(batch)) Pause();
    if (came_in_.empty()) continue;
    sink(came_in_);
    came_in_.clear();
  }
}

void TaskPool::Dispatch(const TaskBatch& batch) {
  while (const auto next = policy_.Next(Now())) {
    Json content = batch.task(static_cast<int>(next->task - first_));
    if (next->worker == kLeadRank) {
      own_.Start(next->task, std::move(content));
      continue;
    }
    ranks_.Send(next->worker, EncodeMessage({.kind = MessageKind::kTask,
                                             .task = next->task,
                                             .content = std::move(content)}));
  }
}

bool TaskPool::Receive(const TaskBatch& batch) {
  bool any = false;
  if (const auto outcome = own_.Poll()) {
    if (outcome->error.has_value()) throw *outcome->error;
    End(kLeadRank, outcome->task, outcome->stopped ? nullptr : &outcome->answer, batch);
    any = true;
  }
  while (const auto message = ranks_.Poll()) {
    Handle(message->from, DecodeMessage(message->bytes), batch);
    any = true;
  }
  return any;
}

void TaskPool::Handle(int rank, const JobMessage& message, const TaskBatch& batch) {
  switch (message.kind) {
    case MessageKind::kReady:
      return policy_.Join(rank);
    case MessageKind::kAnswer:
      return End(rank, message.task, &message.content, batch);
    case MessageKind::kStopped:
      return End(rank, message.task, nullptr, batch);
    case MessageKind::kFailed:
      throw Error(message.code, "rank " + std::to_string(rank), message.text);
    default:
      TMPQ_CHECK(false, "ranks say nothing else to rank 0");
  }
}

void TaskPool::End(int rank, int64_t task, const Json* answer, const TaskBatch& batch) {
  const bool made = answer != nullptr && (!batch.made_shares || batch.made_shares(*answer));
  const DispatchPolicy::Ended ended = policy_.End(rank, answer != nullptr, Now(), made);
  TMPQ_CHECK(ended.task == task, "a rank ends the task that it was given");
  const auto expected = expected_.find(task);
  if (answer != nullptr && expected != expected_.end() && answer->dump() != expected->second) {
    throw Error(
        ErrorCode::kCorrupt, "rank " + std::to_string(rank),
        "measured " + answer->dump() + " where another rank measured " + expected->second,
        "the machines do not compute alike: compare tmpq-run's samples of one plan on them");
  }
  if (ended.is_first) {
    Accept(ended, *answer);
  } else if (expected != expected_.end() && policy_.CopiesOf(task) == 0) {
    expected_.erase(expected);
  }
}

// A task's first answer; other copies run in vain.
void TaskPool::Accept(const DispatchPolicy::Ended& ended, const Json& answer) {
  for (const int other : ended.in_vain) {
    if (other == kLeadRank) {
      own_.Stop();
    } else {
      ranks_.Send(other, EncodeMessage({.kind = MessageKind::kCancel, .task = ended.task}));
    }
  }
  if (!ended.in_vain.empty()) expected_[ended.task] = answer.dump();
  came_in_.push_back({static_cast<int>(ended.task - first_), answer});
}

void StopRanks(Transport& ranks) {
  const std::string stop = EncodeMessage({.kind = MessageKind::kStop});
  for (int rank = 1; rank < ranks.size(); ++rank) ranks.Send(rank, stop);
  for (int missing = ranks.size() - 1; missing > 0;) {
    const auto message = ranks.Poll();
    if (!message.has_value()) {
      Pause();
    } else if (DecodeMessage(message->bytes).kind == MessageKind::kBye) {
      --missing;
    }
  }
}

}  // namespace tmpq
