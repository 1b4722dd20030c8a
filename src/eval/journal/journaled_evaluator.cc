#include "src/eval/journal/journaled_evaluator.h"

#include <algorithm>
#include <set>

#include "src/core/error.h"

namespace tmpq {

JournaledEvaluator::JournaledEvaluator(Evaluator& inner, Journal& journal, int chunk)
    : inner_(inner), journal_(journal), chunk_(chunk) {
  TMPQ_CHECK(chunk >= 0, "a chunk is a number of candidates");
}

std::vector<Measurements> JournaledEvaluator::Evaluate(std::span<const Candidate> candidates,
                                                       Fidelity fidelity) {
  std::vector<Candidate> missing;
  std::set<Hash128> asked;
  for (const Candidate& candidate : candidates) {
    const Hash128 hash = candidate.hash();
    if (journal_.Find(hash, fidelity) != nullptr || !asked.insert(hash).second) continue;
    missing.push_back(candidate);
  }
  hits_ += static_cast<int64_t>(candidates.size() - missing.size());
  const size_t chunk = chunk_ == 0 ? std::max<size_t>(missing.size(), 1) : chunk_;
  for (size_t begin = 0; begin < missing.size(); begin += chunk) {
    const size_t size = std::min(chunk, missing.size() - begin);
    MeasureAndAppend(std::span(missing).subspan(begin, size), fidelity);
  }
  std::vector<Measurements> results;
  for (const Candidate& candidate : candidates) {
    const Measurements* found = journal_.Find(candidate.hash(), fidelity);
    TMPQ_CHECK(found != nullptr, "a measured candidate is not in the journal");
    results.push_back(*found);
  }
  return results;
}

void JournaledEvaluator::MeasureAndAppend(std::span<const Candidate> missing, Fidelity fidelity) {
  size_t next = 0;
  inner_.EvaluateInOrder(missing, fidelity, [&](std::span<const Measurements> answers) {
    TMPQ_CHECK(answers.size() <= missing.size() - next,
               "an evaluator answers every candidate once");
    std::vector<JournalRecord> records;
    for (const Measurements& answer : answers) {
      const Candidate& candidate = missing[next++];
      records.push_back({fidelity, candidate.hash(), CandidateToJson(candidate), answer});
    }
    journal_.Append(records);
    evaluations_ += static_cast<int64_t>(records.size());
  });
  TMPQ_CHECK(next == missing.size(), "an evaluator answers every candidate");
}

}  // namespace tmpq
