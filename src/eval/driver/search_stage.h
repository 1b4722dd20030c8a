// The search proper: from an opened bench to measured candidates, their front and its history.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "src/eval/driver/measured_candidates.h"
#include "src/eval/driver/search_bench.h"
#include "src/eval/proxies/call_counter.h"
#include "src/eval/proxies/runtime_evaluator.h"
#include "src/eval/sensitivity/sensitivity_table.h"

namespace tmpq {

// Uniform candidates; what measured damages and jump errors plan for every number of steps; then
// the algorithm at the number whose planned candidate is nearest. Distances are measured of the
// few candidates of the least trajectory error, and decide.
class SearchStage {
 public:
  // All outlive it. `table`: of damages measured before; null: they are measured now.
  SearchStage(const SearchBench& bench, CallCounter& evaluator, ImageProgress& images,
              Progress& progress, const SensitivityTable* table);

  // Throws as the evaluator does.
  void Run();

  const MeasuredCandidates& measured() const { return measured_; }
  const RunHistory& history() const { return history_; }

 private:
  const SearchConfig& config() const { return bench_.config(); }
  const SearchSpace& space() const { return bench_.space(); }
  std::span<const double> SharesOfBudget() const;
  void BeginBar();
  void MeasureUniform();
  Sensitivities Damages();
  std::map<int, std::vector<Candidate>> Plan(const JumpErrors* jumps);
  void MeasurePlanned(const std::map<int, std::vector<Candidate>>& planned);
  void Evolve(const SearchSpace& space, const std::vector<Candidate>& planned);
  std::string GenerationText(int generation) const;

  const SearchBench& bench_;
  CallCounter& evaluator_;
  ImageProgress& images_;
  Progress& progress_;
  const SensitivityTable* table_;
  MeasuredCandidates measured_;
  RunHistory history_;
};

}  // namespace tmpq
