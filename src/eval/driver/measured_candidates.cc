#include "src/eval/driver/measured_candidates.h"

#include <algorithm>

#include "src/eval/proxies/losses.h"
#include "src/eval/proxies/measurement_names.h"
#include "src/search/hypervolume.h"

namespace tmpq {
namespace {

bool IsNearer(const MeasuredCandidates::Measured& a, const MeasuredCandidates::Measured& b) {
  return a.loss < b.loss;
}

// What is traded where nothing else is asked for.
std::vector<std::string> DefaultObjectives(const SearchSpace& space) {
  std::vector<std::string> objectives = {kDistance, kBitOps, kStoredBytes};
  if (space.CostsOf(space.Naive()).latency_ns > 0) objectives.emplace_back(kLatency);
  return objectives;
}

}  // namespace

MeasuredCandidates::MeasuredCandidates(const SearchSpace& space, Evaluator& evaluator,
                                       std::vector<std::string> objectives, std::string ranked_by)
    : space_(space),
      evaluator_(evaluator),
      archive_(objectives.empty() ? DefaultObjectives(space) : std::move(objectives)),
      ranked_by_(std::move(ranked_by)) {}

void MeasuredCandidates::Measure(std::vector<Candidate> candidates) {
  std::erase_if(candidates, [&](const Candidate& candidate) { return Has(candidate); });
  const std::vector<Measurements> answers = evaluator_.Evaluate(candidates, Fidelity::kMetrics);
  for (size_t i = 0; i < candidates.size(); ++i) {
    Objectives objectives =
        ValuesOf(archive_.objectives(), answers[i], space_.CostsOf(candidates[i]));
    archive_.Insert(candidates[i], objectives);
    measured_.push_back({answers[i].at(ranked_by_), candidates[i], std::move(objectives)});
  }
}

bool MeasuredCandidates::Has(const Candidate& candidate) const {
  return std::any_of(measured_.begin(), measured_.end(),
                     [&](const Measured& m) { return m.candidate == candidate; });
}

const MeasuredCandidates::Measured& MeasuredCandidates::Best() const {
  return *std::min_element(measured_.begin(), measured_.end(), IsNearer);
}

std::vector<Candidate> MeasuredCandidates::FirstUnmeasured(const std::vector<Candidate>& candidates,
                                                           int count) const {
  std::vector<Candidate> first;
  for (const Candidate& candidate : candidates) {
    if (static_cast<int>(first.size()) == count) break;
    if (!Has(candidate)) first.push_back(candidate);
  }
  return first;
}

std::vector<Candidate> MeasuredCandidates::BestFew(int count) const {
  std::vector<Measured> sorted = measured_;
  std::stable_sort(sorted.begin(), sorted.end(), IsNearer);
  std::vector<Candidate> best;
  for (const Measured& measured : sorted) {
    if (static_cast<int>(best.size()) < count) best.push_back(measured.candidate);
  }
  return best;
}

void MeasuredCandidates::Record(int generation, const CallCounter& counter,
                                RunHistory& history) const {
  std::vector<std::vector<double>> points;
  for (const ArchiveEntry& entry : archive_.Entries()) {
    points.push_back(entry.objectives);
    for (size_t k = 0; k < points.back().size(); ++k) {
      points.back()[k] /= history.reference_point[k];
    }
  }
  history.generations.push_back(generation);
  history.evaluations.push_back(counter.candidates());
  history.network_calls.push_back(counter.calls());
  history.hypervolume.push_back(
      Hypervolume(points, std::vector<double>(archive_.objectives().size(), 1.0)));
}

}  // namespace tmpq
