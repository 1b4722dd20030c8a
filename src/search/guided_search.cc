#include "src/search/guided_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "src/core/error.h"
#include "src/search/allocation/front.h"
#include "src/search/moves.h"
#include "src/search/proposals.h"

namespace tmpq {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr size_t kAttemptsPerProposal = 3;  // a pool may stay smaller than asked for
constexpr int kGenerations = 3;             // of offspring between two measurements
constexpr double kMargin = 0.05;            // of the reference point beyond the front, by its range
constexpr double kLeastError = 1e-300;

// Where planning by jump errors can be used: timesteps that the space allows.
std::optional<TimestepSequence> Planned(const SearchSpace& space, const JumpErrors& jumps) {
  const SpaceSettings& settings = space.settings();
  if (!settings.fixed_timesteps.empty()) return std::nullopt;
  const bool grouped =
      settings.mode == SpaceMode::kGroupwise || settings.mode == SpaceMode::kGroupwiseConsistent;
  const PlannedTimesteps planned =
      grouped ? PlanGroupedTimesteps(jumps, TimestepGroups::Make(settings.grouping, settings.steps,
                                                                 settings.training_steps))
              : PlanTimesteps(jumps, settings.steps).back();
  if (static_cast<int>(planned.timesteps.size()) != settings.steps) return std::nullopt;
  return TimestepSequence(planned.timesteps, settings.training_steps);
}

}  // namespace

GuidedSearch::GuidedSearch(const SearchSpace& space, const GuidedSettings& settings, uint64_t seed,
                           GuidedKnowledge knowledge)
    : space_(space),
      settings_(settings),
      knowledge_(std::move(knowledge)),
      random_(seed, RandomPurpose::kProposal),
      probes_(MakeProbes(space)) {
  CheckRange("front", settings_.front, 1, 1e6);
  CheckRange("batch", settings_.batch, 1, 1e6);
  CheckRange("proposals", settings_.proposals, settings_.batch, 1e7);
  CheckRange("random_share", settings_.random_share, 0, 1);
  timesteps_ = {probes_.base.timesteps()};
  const auto add = [&](const TimestepSequence& timesteps) {
    if (std::find(timesteps_.begin(), timesteps_.end(), timesteps) == timesteps_.end())
      timesteps_.push_back(timesteps);
  };
  for (const TimestepSequence& timesteps : space_.settings().fixed_timesteps) add(timesteps);
  if (knowledge_.jumps.has_value()) {
    const auto planned = Planned(space_, *knowledge_.jumps);
    if (planned.has_value()) add(*planned);
  }
  for (const TimestepSequence& timesteps : timesteps_) {
    const Costs costs = space_.CostsOf(Candidate::Uniform(timesteps, space_.WidestRow()));
    if (costs.bitops > most_.bitops) most_ = costs;
  }
}

std::vector<Candidate> GuidedSearch::Ask() {
  ++asked_;
  if (asked_ == 1) return Propose(Probes(), Move::kProbe);
  TMPQ_CHECK(model_.has_value(), "answers are told before the next batch is asked for");
  if (asked_ == 2) {
    std::vector<Candidate> batch = Propose(PredictedFront(), Move::kAllocation);
    if (!batch.empty()) return batch;
  }
  return Refinement();
}

std::vector<Candidate> GuidedSearch::Propose(std::vector<Candidate> wanted, Move move) {
  std::erase_if(wanted, [&](const Candidate& candidate) {
    return !proposed_.emplace(candidate.hash(), move).second;
  });
  return wanted;
}

std::vector<Candidate> GuidedSearch::Probes() {
  std::vector<Candidate> wanted = {probes_.base};
  for (const TimestepSequence& timesteps : timesteps_) {
    wanted.push_back(Candidate::Uniform(timesteps, space_.WidestRow()));
  }
  if (knowledge_.damages.has_value()) return wanted;
  wanted.insert(wanted.end(), probes_.candidates.begin() + 1, probes_.candidates.end());
  return wanted;
}

double GuidedSearch::ErrorOf(const Measurements& answer) const {
  const auto found = answer.find(settings_.measurement);
  TMPQ_CHECK(found != answer.end(), "answers lack the objective " + settings_.measurement);
  return std::isnan(found->second) ? kInfinity : found->second;
}

void GuidedSearch::MakeModel(std::span<const Candidate> candidates,
                             std::span<const Measurements> answers) {
  std::map<Candidate, double> errors;
  double largest = 0;  // what an infinite one counts as, ten times over
  for (size_t i = 0; i < candidates.size(); ++i) {
    errors[candidates[i]] = ErrorOf(answers[i]);
    if (std::isfinite(errors[candidates[i]])) largest = std::max(largest, errors[candidates[i]]);
  }
  const auto error_of = [&](const Candidate& candidate) {
    const double error = errors.at(candidate);
    return std::isfinite(error) ? error : 10 * largest;
  };
  AdditiveTables tables;
  tables.reference = probes_.base.timesteps();
  tables.base = std::max(0.0, error_of(probes_.base));
  if (knowledge_.jumps_predict) tables.jumps = knowledge_.jumps;
  for (const TimestepSequence& timesteps : timesteps_) {
    tables.base_of_timesteps[timesteps.values()] =
        error_of(Candidate::Uniform(timesteps, space_.WidestRow()));
  }
  if (knowledge_.damages.has_value()) {
    tables.damages = *knowledge_.damages;
  } else {
    for (size_t i = 0; i < probes_.changes.size(); ++i) {
      tables.damages[probes_.changes[i]] = error_of(probes_.candidates[i + 1]) - tables.base;
    }
  }
  model_.emplace(space_, std::move(tables));
}

Objectives GuidedSearch::ObjectivesOf(const Candidate& candidate, double error) const {
  Objectives objectives = {std::log(std::max(error, kLeastError))};
  const Costs costs = space_.CostsOf(candidate);
  for (const std::string& name : settings_.costs) {
    objectives.push_back(CostByName(costs, name) / CostByName(most_, name));
  }
  return objectives;
}

void GuidedSearch::Tell(std::span<const Candidate> candidates,
                        std::span<const Measurements> answers) {
  TMPQ_CHECK(candidates.size() == answers.size(), "every candidate has an answer");
  if (!model_.has_value()) MakeModel(candidates, answers);
  for (size_t i = 0; i < candidates.size(); ++i) {
    const double error = ErrorOf(answers[i]);
    const bool counts = space_.IsLegal(candidates[i]) && space_.Fits(candidates[i]);
    known_.push_back({candidates[i], error,
                      counts ? ObjectivesOf(candidates[i], error)
                             : Objectives(1 + settings_.costs.size(), kInfinity)});
  }
  std::vector<Candidate> all;
  std::vector<double> errors;
  for (const Known& known : known_) {
    all.push_back(known.candidate), errors.push_back(known.error);
  }
  model_->Calibrate(all, errors);
}

std::vector<Objectives> GuidedSearch::Measured() const {
  std::vector<Objectives> points;
  for (const Known& known : known_) points.push_back(known.objectives);
  return points;
}

std::vector<Candidate> GuidedSearch::FrontCandidates() const {
  const std::vector<Objectives> points = Measured();
  std::vector<Candidate> candidates;
  const auto fronts = NonDominatedFronts(points);
  for (size_t f = 0; f < fronts.size() && candidates.size() < 4; ++f) {
    for (const size_t i : fronts[f]) {
      if (std::isfinite(points[i][0])) candidates.push_back(known_[i].candidate);
    }
  }
  return candidates;
}

// Beyond the worst of the measured front, so that its ends count too.
Objectives GuidedSearch::Reference() const {
  const size_t dimensions = 1 + settings_.costs.size();
  Objectives low(dimensions, kInfinity), high(dimensions, -kInfinity);
  const std::vector<Objectives> points = Measured();
  const auto fronts = NonDominatedFronts(points);
  for (const size_t i : fronts[0]) {
    for (size_t k = 0; k < dimensions && std::isfinite(points[i][0]); ++k) {
      low[k] = std::min(low[k], points[i][k]), high[k] = std::max(high[k], points[i][k]);
    }
  }
  for (size_t k = 0; k < dimensions; ++k) {
    if (high[k] < low[k]) return Objectives(dimensions, kInfinity);  // nothing is measured
    high[k] += std::max(kMargin * (high[k] - low[k]), 1e-9);
  }
  return high;
}

std::vector<Candidate> GuidedSearch::Chosen(std::span<const Candidate> from, size_t count) const {
  std::vector<PredictedPoint> points;
  for (const Candidate& candidate : from) {
    const AdditiveModel::Prediction predicted = model_->Predict(candidate);
    points.push_back({ObjectivesOf(candidate, predicted.error), predicted.log_deviation});
  }
  Objectives reference = Reference();
  for (const PredictedPoint& point : points) {  // where the first front is wider than the probes
    for (size_t k = 0; k < reference.size() && asked_ == 2; ++k) {
      const double value = point.objectives[k];
      if (!std::isfinite(reference[k]) || value > reference[k]) reference[k] = value + 1e-9;
    }
  }
  std::vector<Candidate> chosen;
  for (const size_t i : ChooseByGain(points, Measured(), reference, count)) {
    chosen.push_back(from[i]);
  }
  return chosen;
}

std::vector<Candidate> GuidedSearch::PredictedFront() {
  std::vector<Candidate> pool;
  for (const TimestepSequence& timesteps : timesteps_) {
    std::vector<Candidate> front = AllocationFront(space_, timesteps, settings_.costs,
                                                   model_->tables().damages, 2 * settings_.front);
    for (Candidate& candidate : front) {
      if (space_.IsLegal(candidate) && proposed_.count(candidate.hash()) == 0)
        pool.push_back(std::move(candidate));
    }
  }
  std::vector<Candidate> chosen = Chosen(pool, settings_.front);
  if (settings_.costs.empty()) return chosen;
  // The cheapest end, whatever is predicted of it: the reference point is read off it.
  const auto cheapest = std::min_element(pool.begin(), pool.end(), [&](auto& a, auto& b) {
    return CostByName(space_.CostsOf(a), settings_.costs[0]) <
           CostByName(space_.CostsOf(b), settings_.costs[0]);
  });
  if (cheapest != pool.end() && std::find(chosen.begin(), chosen.end(), *cheapest) == chosen.end())
    chosen.push_back(*cheapest);
  return chosen;
}

std::vector<Candidate> GuidedSearch::Offspring(Proposed& drawn) {
  std::vector<Candidate> pool, parents = FrontCandidates();
  if (parents.empty()) parents = {space_.NearUniform()};
  for (int generation = 0; generation < kGenerations; ++generation) {
    AddNew(
        pool, pool.size() + settings_.proposals / kGenerations, drawn,
        [&] { return Vary(space_, parents, random_); }, kAttemptsPerProposal);
    if (generation + 1 == kGenerations) break;
    std::vector<Candidate> promising = Chosen(pool, 2 * static_cast<size_t>(settings_.batch));
    parents = FrontCandidates();
    parents.insert(parents.end(), promising.begin(), promising.end());
    if (parents.empty()) parents = {space_.NearUniform()};
  }
  return pool;
}

std::vector<Candidate> GuidedSearch::Refinement() {
  const auto random_count =
      static_cast<size_t>(std::lround(settings_.random_share * settings_.batch));
  Proposed drawn = proposed_;
  const std::vector<Candidate> pool = Offspring(drawn);
  std::vector<Candidate> wanted = Chosen(pool, static_cast<size_t>(settings_.batch) - random_count);
  for (const Candidate& candidate : wanted) {
    proposed_.emplace(candidate.hash(), drawn.at(candidate.hash()));
  }
  AddNew(wanted, settings_.batch, proposed_, [&] {
    return Proposal{space_.Random(random_), Move::kRandom};
  });
  return wanted;
}

}  // namespace tmpq
