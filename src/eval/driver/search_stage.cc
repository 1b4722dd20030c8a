#include "src/eval/driver/search_stage.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "src/core/error.h"
#include "src/eval/driver/bench_settings.h"
#include "src/eval/driver/planned_candidates.h"
#include "src/eval/driver/search_table.h"
#include "src/eval/proxies/losses.h"
#include "src/eval/sensitivity/sensitivity_file.h"
#include "src/metrics/rank_correlation.h"
#include "src/search/algorithms.h"
#include "src/search/allocation_search.h"
#include "src/search/predicted_front.h"

namespace tmpq {
namespace {

// Of the budget: allocations that are measured beside the algorithm's, and span the front.
constexpr double kBudgetShares[] = {1.0, 0.9, 0.8, 0.7};

constexpr size_t kLeastForCorrelation = 5;

// What candidates measured by kMetrics are ranked by.
std::string RankedBy(const SearchConfig& config) {
  return config.selects_what_it_minimizes() ? kDistance : config.SelectedBy();
}

}  // namespace

SearchStage::SearchStage(const SearchBench& bench, CallCounter& evaluator, ImageProgress& images,
                         Progress& progress, const SensitivityTable* table)
    : bench_(bench),
      evaluator_(evaluator),
      images_(images),
      progress_(progress),
      table_(table),
      minimized_(bench.config().Minimized()),
      measured_(bench.space(), evaluator, ObjectivesOf(bench.config()), RankedBy(bench.config())),
      searched_(bench.space(), minimized_) {
  history_.minimized = minimized_.front();
}

void SearchStage::Run() {
  if (config().warm_start && config().optimize != kOptimizeBits) {
    jumps_ = bench_.OpenJumpErrors();
    evaluator_.Add(jumps_->network_calls);
  }
  progress_.Begin("searching", MostImages(), "images");
  images_.Set(0);
  MeasureUniform();
  if (config().selects_what_it_minimizes()) RankUniformRows();
  const std::map<int, std::vector<Candidate>> planned = Plan();
  MeasurePlanned(planned);
  const int steps = measured_.Best().candidate.steps();
  const auto found = planned.find(steps);
  Refine(bench_.SpaceOf(steps), found == planned.end() ? std::vector<Candidate>() : found->second);
  progress_.Update(MostImages());  // what was measured before, or not worth it, is done too
  progress_.End();
}

int64_t SearchStage::MostImages() const {
  const int64_t lengths = config().steps.most - config().steps.least + 1;
  const int64_t shares = SharesOfBudget().size();
  int64_t planned = 0, probes = 0;
  if (config().warm_start) planned = lengths * shares;
  if (!config().warm_start && lengths > 1) planned = lengths;
  if (config().warm_start && table_ == nullptr && config().optimize != kOptimizeTimesteps) {
    probes = static_cast<int64_t>(MakeProbes(space(), config().probe_bits).candidates.size());
  }
  const int64_t batch =
      config().algorithm == "guided" ? GuidedSettings().batch : config().population;
  const int64_t per_generation =
      batch * config().trajectory_samples + config().metric_candidates * config().metric_samples;
  const int64_t uniform = bench_.UniformCandidates().size();
  int64_t images = (uniform + planned) * config().metric_samples +
                   2 * planned * config().trajectory_samples +
                   probes * SamplesOf(bench_.evaluator_settings(), config().probe_fidelity()) +
                   config().generations * per_generation;
  if (config().selects_what_it_minimizes())
    images += std::ssize(UniformRows(space()).Ask()) * config().trajectory_samples;
  return images;
}

// The corners that every front should be compared with.
void SearchStage::MeasureUniform() {
  measured_.Measure(bench_.UniformCandidates());
  const Costs w8a8 = space().CostsOf(bench_.UniformCandidate(8));
  history_.fidelity = Fidelity::kMetrics;
  history_.objectives = measured_.archive().objectives();
  for (size_t k = 0; k < history_.objectives.size(); ++k) {
    const std::string& name = history_.objectives[k];
    history_.reference_point.push_back(FindCostKind(name) != nullptr
                                           ? CostByName(w8a8, name)
                                           : 2 * measured_.all().front().objectives[k]);
  }
  if (!config().selection_test) return;
  double least = std::numeric_limits<double>::infinity();
  for (const MeasuredCandidates::Measured& row : measured_.all()) {
    if (!space().Fits(row.candidate) || !(row.loss < least)) continue;
    least = row.loss, best_row_ = row.candidate;
  }
}

// Every pair of bit-widths that fits.
void SearchStage::RankUniformRows() {
  const std::vector<Candidate> rows = UniformRows(space()).Ask();
  const auto answers = evaluator_.Evaluate(rows, Fidelity::kTrajectory);
  double least = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < rows.size(); ++i) {
    searched_.Add(rows[i], answers[i]);
    const double loss = searched_.LossOf(answers[i]);
    if (loss < least) least = loss, best_row_ = rows[i];
  }
}

// One share of the budget is enough where numbers of steps span the front.
std::span<const double> SearchStage::SharesOfBudget() const {
  const std::span<const double> all(kBudgetShares);
  return config().steps.single() ? all : all.first(1);
}

// By number of steps, what may be a good beginning.
std::map<int, std::vector<Candidate>> SearchStage::Plan() {
  std::map<int, std::vector<Candidate>> planned;
  if (config().warm_start) {
    damages_ = config().optimize == kOptimizeTimesteps ? Sensitivities() : Damages();
  }
  for (int steps = config().steps.least; steps <= config().steps.most; ++steps) {
    const SearchSpace& space = bench_.SpaceOf(steps);
    if (config().warm_start) {
      planned[steps] = PlanCandidates(space, SharesOfBudget(), *damages_,
                                      jumps_.has_value() ? &*jumps_ : nullptr);
      TMPQ_CHECK(!planned[steps].empty(), "the space has a candidate that fits");
    } else if (!config().steps.single()) {
      planned[steps] = {space.NearUniform()};
    }
  }
  return planned;
}

// Distances of the planned candidates; of those with the same policy and number of steps only
// the one whose samples are nearest to the float model's.
void SearchStage::MeasurePlanned(const std::map<int, std::vector<Candidate>>& planned) {
  std::vector<Candidate> all;
  for (const auto& [steps, candidates] : planned) {
    all.insert(all.end(), candidates.begin(), candidates.end());
  }
  const auto answers = evaluator_.Evaluate(all, Fidelity::kTrajectory);
  std::map<std::pair<int, Policy>, std::pair<double, size_t>> nearest;
  for (size_t i = 0; i < all.size(); ++i) {
    const std::pair entry(answers[i].at(minimized_.front()), i);
    searched_.Add(all[i], answers[i]);  // planned ones fit the budget
    const auto [at, is_new] = nearest.emplace(std::pair(all[i].steps(), all[i].policy(0)), entry);
    if (!is_new) at->second = std::min(at->second, entry);
  }
  std::vector<size_t> chosen;
  for (const auto& [key, entry] : nearest) chosen.push_back(entry.second);
  std::sort(chosen.begin(), chosen.end());
  std::vector<Candidate> candidates;
  for (const size_t i : chosen) candidates.push_back(all[i]);
  measured_.Measure(candidates);
}

std::unique_ptr<SearchAlgorithm> SearchStage::MakeAlgorithmOf(
    const SearchSpace& space, const std::vector<Candidate>& planned) {
  const std::vector<std::string> costs = CostsAmong(minimized_);
  if (config().algorithm == "tmpq-dm" && costs.empty()) {
    std::vector<Candidate> seeds = {space.NearUniform()};
    seeds.insert(seeds.end(), planned.begin(), planned.end());
    return std::make_unique<Evolution>(
        space,
        EvolutionSettings{config().population, config().parents, config().mutants,
                          config().crossovers, config().mutation_probability,
                          config().initial_mutation_probability, minimized_.front()},
        config().seed, std::move(seeds));
  }
  AlgorithmSettings settings;
  settings.measurement = minimized_.front(), settings.population = config().population;
  settings.more_measurements = MeasurementsAmong(minimized_), settings.costs = costs;
  settings.more_measurements.erase(settings.more_measurements.begin());
  settings.knowledge = {damages_, jumps_, minimized_.front() == kTrajectoryError};
  return MakeAlgorithm(config().algorithm, space, settings, config().seed);
}

void SearchStage::Refine(const SearchSpace& space, const std::vector<Candidate>& planned) {
  const auto algorithm = MakeAlgorithmOf(space, planned);
  const auto* guided = dynamic_cast<const GuidedSearch*>(algorithm.get());
  std::vector<double> predicted, losses;
  SearchedCandidates own(space, minimized_);  // of the algorithm
  for (int generation = 0; generation < config().generations; ++generation) {
    const std::vector<Candidate> batch = algorithm->Ask();
    if (batch.empty()) break;
    if (guided != nullptr && generation > 0) {  // before that, it measures what it predicts from
      for (const Candidate& candidate : batch) {
        predicted.push_back(guided->model().Predict(candidate).error);
      }
    }
    const BatchLosses measured =
        MeasureBatch(batch, searched_, config().early_termination, evaluator_);
    algorithm->Tell(batch, measured.answers);
    std::map<Move, MoveSuccess> moves;
    for (size_t i = 0; i < batch.size(); ++i) {
      if (losses.size() < predicted.size()) losses.push_back(searched_.LossOf(measured.answers[i]));
      MoveSuccess& success = moves[algorithm->MoveOf(batch[i])];
      ++success.proposed;
      given_up_ += !measured.is_measured[i];
      if (!measured.is_measured[i] || !space.Fits(batch[i])) continue;
      own.Add(batch[i], measured.answers[i]);
      const SearchedCandidates::Effect effect = searched_.Add(batch[i], measured.answers[i]);
      success.joined_front += effect.joined_front, success.improved += effect.improved;
    }
    measured_.Measure(own.Promising(measured_, config().metric_candidates));
    measured_.Record(generation, evaluator_, history_);
    history_.least_loss.push_back(searched_.least_loss());
    history_.moves.push_back(std::move(moves));
    images_.Set(evaluator_.samples());  // what was remembered moves no bar
    progress_.Log(GenerationText(generation));
  }
  if (losses.size() >= kLeastForCorrelation) prediction_ = EstimateSpearman(predicted, losses);
  if (guided == nullptr) return;
  const Candidate& best = measured_.Best().candidate;
  predicted_front_ = PredictFront(
      space, guided->model(),
      best.steps() == space.settings().steps ? best.timesteps() : space.NearUniform().timesteps(),
      minimized_.front());
}

std::vector<Candidate> SearchStage::Finalists() const {
  const int count = config().selection_candidates;
  std::vector<Candidate> best =
      config().selects_what_it_minimizes() ? searched_.ranked() : measured_.BestFew(count);
  if (static_cast<int>(best.size()) > count) best.resize(count);
  const bool has_row =
      !best_row_.has_value() || std::find(best.begin(), best.end(), *best_row_) != best.end();
  if (!has_row) best.push_back(*best_row_);
  return best;
}

std::string SearchStage::GenerationText(int generation) const {
  const RunHistory& history = history_;
  return "generation " + std::to_string(generation + 1) + " of " +
         std::to_string(config().generations) + ": " + std::to_string(history.evaluations.back()) +
         " evaluations (" + std::to_string(evaluator_.repeats()) + " remembered" +
         (given_up_ > 0 ? ", " + std::to_string(given_up_) + " given up" : "") + "), least " +
         InWords(minimized_.front()) + " " + Rounded(history.least_loss.back()) + ", hypervolume " +
         Rounded(history.hypervolume.back()) + ", best " + InWords(measured_.ranked_by()) + " " +
         Rounded(measured_.Best().loss) + " at " +
         std::to_string(measured_.Best().candidate.steps()) + " steps";
}

// Of each site narrowed alone: read from a table, or measured now.
Sensitivities SearchStage::Damages() {
  if (table_ != nullptr) {
    std::vector<std::vector<BitWidth>> choices;
    for (size_t s = 0; s < space().table().sites.size(); ++s) {
      choices.push_back(space().ChoicesOf(s));
    }
    const std::vector<size_t> error(choices.size(), table_->MetricIndex(kSquaredError));
    return DamagesOf(*table_, error, SensitivityRow::kAllRanges, choices, config().sensitivity);
  }
  const SensitivityProbes probes = MakeProbes(space(), config().probe_bits);
  Sensitivities damages =
      SensitivitiesOf(probes, evaluator_.Evaluate(probes.candidates, config().probe_fidelity()),
                      minimized_.front());
  CompleteSensitivities(space(), damages);
  return damages;
}

}  // namespace tmpq
