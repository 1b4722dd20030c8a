#include "src/eval/workers/worker_pool.h"

#include <optional>

#include "src/eval/journal/record_text.h"

namespace tmpq {
namespace {

constexpr const char* kWhere = "a candidate of rank 0";

Fidelity FidelityOf(const Json& task) {
  const int fidelity = JsonGet<int>(task, "fidelity", kWhere);
  CheckRange("fidelity of a candidate of rank 0", fidelity, 0, static_cast<int>(kLastFidelity));
  return static_cast<Fidelity>(fidelity);
}

}  // namespace

TaskWork EvaluationWork(std::shared_ptr<Evaluator> evaluator, int training_steps, size_t sites) {
  return [evaluator = std::move(evaluator), training_steps, sites](const Json& task) {
    const Candidate candidate =
        CandidateFromJson(JsonGet<Json>(task, "candidate", kWhere), training_steps, sites, kWhere);
    return MeasurementsToJson(evaluator->Evaluate({&candidate, 1}, FidelityOf(task)).at(0));
  };
}

WorkerPool::WorkerPool(Transport& ranks, TaskRunner& own, const Json& setup,
                       const WorkerPoolSettings& settings)
    : pool_(ranks, own, setup, settings.late_factor, settings.interrupted),
      on_answer_(settings.on_answer) {}

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
  TaskBatch batch;
  batch.count = static_cast<int>(candidates.size()), batch.kind = static_cast<int>(fidelity);
  batch.task = [&](int index) -> Json {
    return {{"candidate", CandidateToJson(candidates[index])},
            {"fidelity", static_cast<int>(fidelity)}};
  };
  std::vector<std::optional<Measurements>> answers(candidates.size());
  size_t given = 0;
  pool_.Run(batch, [&](TaskAnswers came_in) {
    for (const TaskAnswer& one : came_in) {
      answers[one.index] = MeasurementsFromJson(one.answer, "an answer of a rank");
      if (on_answer_) on_answer_(fidelity);
    }
    std::vector<Measurements> next;
    while (given < answers.size() && answers[given].has_value()) next.push_back(*answers[given++]);
    if (!next.empty()) sink(next);
  });
}

}  // namespace tmpq
