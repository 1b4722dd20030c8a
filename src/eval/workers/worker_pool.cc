#include "src/eval/workers/worker_pool.h"

#include "src/eval/journal/record_text.h"
#include "src/eval/workers/pause.h"

namespace tmpq {
namespace {

std::string AnswerText(const Measurements& answer) { return MeasurementsToJson(answer).dump(); }

}  // namespace

WorkerPool::WorkerPool(Transport& ranks, TaskRunner& own, std::map<std::string, std::string> hashes,
                       std::vector<std::string> files, WorkerPoolSettings settings)
    : ranks_(ranks),
      own_(own),
      settings_(std::move(settings)),
      policy_(ranks.size(), settings_.late_factor),
      begin_(std::chrono::steady_clock::now()) {
  TMPQ_CHECK(ranks.rank() == kLeadRank, "rank 0 leads");
  const std::string setup = EncodeMessage(
      {.kind = MessageKind::kSetup, .hashes = std::move(hashes), .files = std::move(files)});
  for (int rank = 1; rank < ranks.size(); ++rank) ranks_.Send(rank, setup);
  policy_.Join(kLeadRank);
}

double WorkerPool::Now() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
}

std::vector<Measurements> WorkerPool::Evaluate(std::span<const Candidate> candidates,
                                               Fidelity fidelity) {
  std::vector<Measurements> all;
  EvaluateInOrder(candidates, fidelity, [&](std::span<const Measurements> answers) {
    all.insert(all.end(), answers.begin(), answers.end());
  });
  return all;
}

void WorkerPool::EvaluateInOrder(std::span<const Candidate> candidates, Fidelity fidelity,
                                 const AnswerSink& sink) {
  Batch batch{candidates,
              fidelity,
              policy_.Begin(static_cast<int>(candidates.size()), static_cast<int>(fidelity)),
              {}};
  batch.answers.resize(candidates.size());
  while (!policy_.done()) {
    if (settings_.interrupted != nullptr && *settings_.interrupted) {
      throw Error(ErrorCode::kInterrupted, "", "interrupted");
    }
    Dispatch(batch);
    if (!Receive(batch)) Pause();
    GiveAnswers(batch, sink);
  }
}

void WorkerPool::Dispatch(const Batch& batch) {
  while (const auto next = policy_.Next(Now())) {
    const Candidate& candidate = batch.candidates[next->task - batch.first];
    if (next->worker == kLeadRank) {
      own_.Start(next->task, candidate, batch.fidelity);
      continue;
    }
    ranks_.Send(next->worker, EncodeMessage({.kind = MessageKind::kTask,
                                             .task = next->task,
                                             .fidelity = batch.fidelity,
                                             .candidate = CandidateToJson(candidate)}));
  }
}

bool WorkerPool::Receive(Batch& batch) {
  bool any = false;
  if (const auto outcome = own_.Poll()) {
    if (outcome->error.has_value()) throw *outcome->error;
    End(kLeadRank, outcome->task, outcome->stopped ? nullptr : &outcome->measurements, batch);
    any = true;
  }
  while (const auto message = ranks_.Poll()) {
    Handle(message->from, DecodeMessage(message->bytes), batch);
    any = true;
  }
  return any;
}

void WorkerPool::Handle(int rank, const JobMessage& message, Batch& batch) {
  switch (message.kind) {
    case MessageKind::kReady:
      return policy_.Join(rank);
    case MessageKind::kAnswer:
      return End(rank, message.task, &message.measurements, batch);
    case MessageKind::kStopped:
      return End(rank, message.task, nullptr, batch);
    case MessageKind::kFailed:
      throw Error(message.code, "rank " + std::to_string(rank), message.text);
    default:
      TMPQ_CHECK(false, "ranks say nothing else to rank 0");
  }
}

void WorkerPool::End(int rank, int64_t task, const Measurements* answer, Batch& batch) {
  const DispatchPolicy::Ended ended = policy_.End(rank, answer != nullptr, Now());
  TMPQ_CHECK(ended.task == task, "a rank ends the task that it was given");
  const auto expected = expected_.find(task);
  if (answer != nullptr && expected != expected_.end() && AnswerText(*answer) != expected->second) {
    throw Error(
        ErrorCode::kCorrupt, "rank " + std::to_string(rank),
        "measured " + AnswerText(*answer) + " where another rank measured " + expected->second,
        "the machines do not compute alike: compare tmpq-run's samples of one plan on them");
  }
  if (ended.is_first) {
    for (const int other : ended.in_vain) {
      if (other == kLeadRank) {
        own_.Stop();
      } else {
        ranks_.Send(other, EncodeMessage({.kind = MessageKind::kCancel, .task = task}));
      }
    }
    if (!ended.in_vain.empty()) expected_[task] = AnswerText(*answer);
    batch.answers[task - batch.first] = *answer;
    if (settings_.on_answer) settings_.on_answer(batch.fidelity);
  } else if (expected != expected_.end() && policy_.CopiesOf(task) == 0) {
    expected_.erase(expected);
  }
}

void WorkerPool::GiveAnswers(Batch& batch, const AnswerSink& sink) {
  std::vector<Measurements> next;
  while (batch.given < batch.answers.size() && batch.answers[batch.given].has_value()) {
    next.push_back(*batch.answers[batch.given++]);
  }
  if (!next.empty()) sink(next);
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
