// The search proper: from an opened bench to measured candidates, their front and its history.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "src/eval/driver/measured_candidates.h"
#include "src/eval/driver/search_bench.h"
#include "src/eval/driver/searched_candidates.h"
#include "src/eval/proxies/call_counter.h"
#include "src/eval/proxies/runtime_evaluator.h"
#include "src/eval/sensitivity/sensitivity_table.h"
#include "src/metrics/estimate.h"
#include "src/search/evolution.h"

namespace tmpq {

// Uniform candidates; what measured damages and jump errors plan for every number of steps; then
// the algorithm at the number whose planned candidate is nearest. What finalists are chosen by is
// measured of the few candidates that are the best by what the algorithm minimises.
class SearchStage {
 public:
  // All outlive it. `table`: of damages measured before; null: they are measured now.
  SearchStage(const SearchBench& bench, CallCounter& evaluator, ImageProgress& images,
              Progress& progress, const SensitivityTable* table);

  // Images that it draws of candidates; fewer where there is less to ask for.
  int64_t MostImages() const;
  // Throws as the evaluator does.
  void Run();
  // The best of the search by config().select_by, of which one is to be the plan. The best uniform
  // row is among those by what the algorithm minimises: a search that fits its few samples is to
  // lose against it; and among all where it is to be beaten beyond noise.
  std::vector<Candidate> Finalists() const;
  // The best uniform row that fits, by what finalists are chosen by; nothing: none fits, or none
  // was ranked.
  const std::optional<Candidate>& best_row() const { return best_row_; }

  const MeasuredCandidates& measured() const { return measured_; }
  const RunHistory& history() const { return history_; }
  // How the guided algorithm's predictions ordered the candidates that it chose by them; NaN
  // where there are none.
  const Estimate& prediction() const { return prediction_; }
  // What its tables say of every budget, at the nearest measured candidate's timesteps; empty of
  // other algorithms.
  const std::vector<ArchiveEntry>& predicted_front() const { return predicted_front_; }

 private:
  const SearchConfig& config() const { return bench_.config(); }
  const SearchSpace& space() const { return bench_.space(); }
  std::span<const double> SharesOfBudget() const;
  void MeasureUniform();
  void RankUniformRows();
  Sensitivities Damages();
  std::map<int, std::vector<Candidate>> Plan();
  void MeasurePlanned(const std::map<int, std::vector<Candidate>>& planned);
  std::unique_ptr<SearchAlgorithm> MakeAlgorithmOf(const SearchSpace& space,
                                                   const std::vector<Candidate>& planned);
  void Refine(const SearchSpace& space, const std::vector<Candidate>& planned);
  std::string GenerationText(int generation) const;

  const SearchBench& bench_;
  CallCounter& evaluator_;
  ImageProgress& images_;
  Progress& progress_;
  const SensitivityTable* table_;
  std::vector<std::string> minimized_;  // of the algorithm, the first one a measurement
  MeasuredCandidates measured_;
  RunHistory history_;
  SearchedCandidates searched_;
  std::optional<Candidate> best_row_;
  int64_t given_up_ = 0;
  std::optional<Sensitivities> damages_;  // nothing: not measured
  std::optional<JumpErrors> jumps_;
  Estimate prediction_;
  std::vector<ArchiveEntry> predicted_front_;
};

}  // namespace tmpq
