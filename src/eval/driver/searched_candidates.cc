#include "src/eval/driver/searched_candidates.h"

#include <algorithm>
#include <cmath>

#include "src/eval/proxies/losses.h"
#include "src/search/nsga2.h"

namespace tmpq {

SearchedCandidates::SearchedCandidates(const SearchSpace& space, std::vector<std::string> minimized)
    : space_(space), minimized_(std::move(minimized)), front_({minimized_.front(), kBitOps}) {}

double SearchedCandidates::LossOf(const Measurements& answer) const {
  const double loss = answer.at(loss_name());
  return std::isnan(loss) ? std::numeric_limits<double>::infinity() : loss;
}

double SearchedCandidates::least_loss() const {
  return losses_.empty() ? std::numeric_limits<double>::infinity() : losses_.front();
}

SearchedCandidates::Effect SearchedCandidates::Add(const Candidate& candidate,
                                                   const Measurements& answer) {
  if (!known_.insert(candidate.hash()).second) return {};
  const double loss = LossOf(answer);
  const Costs costs = space_.CostsOf(candidate);
  const Effect effect{front_.Insert(candidate, {loss, costs.bitops}), loss < least_loss()};
  const auto at = std::upper_bound(losses_.begin(), losses_.end(), loss) - losses_.begin();
  losses_.insert(losses_.begin() + at, loss);
  ranked_.insert(ranked_.begin() + at, candidate);
  if (minimized_.size() > 1) points_.emplace_back(candidate, ValuesOf(minimized_, answer, costs));
  return effect;
}

std::vector<Candidate> SearchedCandidates::Promising(const MeasuredCandidates& measured,
                                                     int count) const {
  if (minimized_.size() == 1) return measured.FirstUnmeasured(ranked_, count);
  std::vector<Candidate> candidates, chosen;
  std::vector<Objectives> objectives;
  for (const auto& [candidate, point] : points_) {
    if (measured.Has(candidate)) continue;
    candidates.push_back(candidate), objectives.push_back(point);
  }
  for (const size_t i : SelectSurvivors(objectives, count).indices) chosen.push_back(candidates[i]);
  return chosen;
}

BatchLosses MeasureBatch(const std::vector<Candidate>& batch, const SearchedCandidates& searched,
                         double early_termination, Evaluator& evaluator) {
  BatchLosses result;
  result.is_measured.assign(batch.size(), true);
  if (early_termination == 0 || searched.ranked().empty()) {
    result.answers = evaluator.Evaluate(batch, Fidelity::kTrajectory);
    return result;
  }
  std::vector<Candidate> probed = {searched.ranked().front()};
  probed.insert(probed.end(), batch.begin(), batch.end());
  const auto probes = evaluator.Evaluate(probed, Fidelity::kProbe);
  const double best = searched.LossOf(probes[0]);
  std::vector<Candidate> promising;
  for (size_t i = 0; i < batch.size(); ++i) {
    result.is_measured[i] = searched.LossOf(probes[i + 1]) <= early_termination * best;
    if (result.is_measured[i]) promising.push_back(batch[i]);
  }
  const auto answers = evaluator.Evaluate(promising, Fidelity::kTrajectory);
  size_t next = 0;
  for (size_t i = 0; i < batch.size(); ++i) {
    if (result.is_measured[i]) {
      result.answers.push_back(answers[next++]);
      continue;
    }
    // The same samples say how the best one's loss grows from the first few to all.
    result.answers.push_back(probes[i + 1]);
    result.answers.back()[searched.loss_name()] =
        searched.LossOf(probes[i + 1]) / best * searched.least_loss();
  }
  return result;
}

}  // namespace tmpq
