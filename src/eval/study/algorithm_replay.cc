#include "src/eval/study/algorithm_replay.h"

#include <algorithm>
#include <cmath>

#include "src/core/error.h"
#include "src/metrics/rank_correlation.h"
#include "src/search/hypervolume.h"

namespace tmpq {
namespace {

constexpr double kModelShare = 0.05;  // of the evaluations, where the model's predictions are read

// Volume of a growing set of points.
class GrowingVolume {
 public:
  double Add(const Objectives& point) {
    for (const Objectives& other : front_) {
      if (other == point || Dominates(other, point)) return volume_;
    }
    std::erase_if(front_, [&](const Objectives& other) { return Dominates(point, other); });
    front_.push_back(point);
    const double reference[] = {kReferenceShare, kReferenceShare};
    return volume_ = Hypervolume(front_, reference);
  }

 private:
  std::vector<Objectives> front_;
  double volume_ = 0;
};

void CorrelateModel(const AdditiveModel& model, const ExhaustiveTruth& truth,
                    const std::vector<bool>& evaluated, AlgorithmRun& run) {
  std::vector<double> tables, calibrated, errors;
  for (size_t i = 0; i < truth.size(); ++i) {
    if (evaluated[i]) continue;
    tables.push_back(model.Sum(truth.candidates()[i]));
    calibrated.push_back(model.Predict(truth.candidates()[i]).error);
    errors.push_back(truth.error(i));
  }
  if (errors.size() < 5) return;
  run.tables_spearman = EstimateSpearman(tables, errors);
  run.model_spearman = EstimateSpearman(calibrated, errors);
}

}  // namespace

ExhaustiveTruth::ExhaustiveTruth(std::string measurement, const std::vector<Candidate>& candidates,
                                 const std::vector<double>& errors,
                                 const std::vector<double>& costs)
    : measurement_(std::move(measurement)),
      candidates_(candidates),
      errors_(errors),
      costs_(costs) {
  TMPQ_CHECK(errors.size() == candidates.size() && costs.size() == candidates.size() &&
                 !candidates.empty(),
             "every candidate has an error and a cost");
  std::vector<Objectives> points;
  for (size_t i = 0; i < candidates_.size(); ++i) {
    if (!std::isfinite(errors_[i]) || !(errors_[i] > 0)) {
      throw Error(ErrorCode::kInput, "candidate " + candidates_[i].hash().Hex(),
                  "has the " + measurement_ + " " + std::to_string(errors_[i]),
                  "positive numbers are expected");
    }
    index_[candidates_[i].hash()] = i;
    points.push_back({errors_[i], costs_[i]});
  }
  front_ = NonDominatedFronts(points)[0];
  std::stable_sort(front_.begin(), front_.end(),
                   [&](size_t a, size_t b) { return costs_[a] < costs_[b]; });
  for (const bool logarithmic : {false, true}) {
    GrowingVolume volume;
    for (const size_t i : front_) volume_[logarithmic] = volume.Add(Scaled(i, logarithmic));
  }
}

size_t ExhaustiveTruth::IndexOf(const Candidate& candidate) const {
  const auto found = index_.find(candidate.hash());
  TMPQ_CHECK(found != index_.end(), "an algorithm proposed a candidate outside the space");
  return found->second;
}

Objectives ExhaustiveTruth::Scaled(size_t index, bool logarithmic) const {
  const auto value = [&](size_t i) { return logarithmic ? std::log(errors_[i]) : errors_[i]; };
  const auto share = [](double at, double best, double worst) {
    return worst > best ? (at - best) / (worst - best) : 0;
  };
  // Sorted by cost, so errors fall.
  const size_t cheapest = front_.front(), dearest = front_.back();
  return {share(value(index), value(dearest), value(cheapest)),
          share(costs_[index], costs_[cheapest], costs_[dearest])};
}

AlgorithmRun Replay(const std::string& algorithm, const SearchSpace& space,
                    const AlgorithmSettings& settings, const ExhaustiveTruth& truth, uint64_t seed,
                    int64_t least, int64_t most) {
  AlgorithmRun run{algorithm, seed, {}, {}, {}, {}};
  const auto search = MakeAlgorithm(algorithm, space, settings, seed);
  const auto* guided = dynamic_cast<const GuidedSearch*>(search.get());
  GrowingVolume volumes[2];
  std::vector<bool> evaluated(truth.size(), false);
  const auto done = [&] { return static_cast<int64_t>(run.share.size()); };
  const auto found = [&] {
    return done() >= least && run.share.back() >= kFound && run.log_share.back() >= kFound;
  };
  while (done() < most && !(done() > 0 && found())) {
    const std::vector<Candidate> batch = search->Ask();
    if (batch.empty()) break;
    std::vector<Measurements> answers;
    for (const Candidate& candidate : batch) {
      const size_t index = truth.IndexOf(candidate);
      answers.push_back({{truth.measurement(), truth.error(index)}});
      if (evaluated[index]) continue;
      evaluated[index] = true;
      for (const bool logarithmic : {false, true}) {
        const double volume = volumes[logarithmic].Add(truth.Scaled(index, logarithmic));
        (logarithmic ? run.log_share : run.share)
            .push_back(volume / truth.FrontVolume(logarithmic));
      }
    }
    search->Tell(batch, answers);
    const auto few = static_cast<int64_t>(kModelShare * static_cast<double>(truth.size()));
    if (guided != nullptr && run.model_spearman.n == 0 && done() >= few)
      CorrelateModel(guided->model(), truth, evaluated, run);
  }
  return run;
}

double ShareAfter(const std::vector<double>& shares, int64_t evaluations) {
  if (evaluations <= 0 || shares.empty()) return 0;
  return shares[std::min<size_t>(shares.size(), evaluations) - 1];
}

int64_t EvaluationsFor(const std::vector<double>& shares, double share) {
  const auto found =
      std::find_if(shares.begin(), shares.end(), [&](double s) { return s >= share; });
  return found == shares.end() ? 0 : found - shares.begin() + 1;
}

}  // namespace tmpq
