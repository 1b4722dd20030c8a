// The engine: probes, an additive model, the front that it predicts, and refinement of what was
// measured by offspring that the model screens.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "src/search/additive_model.h"
#include "src/search/evolution.h"
#include "src/search/screening.h"

namespace tmpq {

struct GuidedSettings {
  std::string measurement;         // minimised and positive; NaN counts as worst
  std::vector<std::string> costs;  // more objectives, names of CostByName; none: the least
                                   // measurement within the budget
  int front = 24;                  // candidates of the predicted front
  int batch = 16;                  // of every refinement
  int proposals = 900;             // that a batch is chosen from
  double random_share = 0.1;       // of a batch
};

// What is known beforehand.
struct GuidedKnowledge {
  std::optional<Sensitivities> damages = {};  // else every gene is probed at every narrower width
  std::optional<JumpErrors> jumps = {};       // else timesteps begin at NearUniform
  bool jumps_predict = true;  // the measurement is what jump errors add up to: an error
};

// First Ask: probes, which may exceed the budget: the widest bit-widths at NearUniform, at the
// timesteps that jump errors plan, and at all fixed timesteps; then, where damages are not known,
// each gene narrowed alone. Second Ask: those of the additive allocations at all these timesteps
// that are predicted to span the front. Later ones: offspring of the measured front, many more than
// asked for, of which the calibrated model chooses by expected gain of hypervolume (logarithm of
// the measurement, costs as shares of the widest candidate's), and some random candidates.
class GuidedSearch : public SearchAlgorithm {
 public:
  // `space` outlives it; its settings.fill_budget should be off where costs are objectives. Throws
  // kInput and kUsage as planning timesteps does.
  GuidedSearch(const SearchSpace& space, const GuidedSettings& settings, uint64_t seed,
               GuidedKnowledge knowledge = {});

  std::vector<Candidate> Ask() override;
  void Tell(std::span<const Candidate> candidates, std::span<const Measurements> answers) override;

  // After the first Tell: calibrated on all that was told.
  const AdditiveModel& model() const { return *model_; }

 private:
  struct Known {
    Candidate candidate;
    double error;
    Objectives objectives;  // of the search: infinite where it is outside the space or the budget
  };
  std::vector<Candidate> Probes();
  std::vector<Candidate> PredictedFront();
  std::vector<Candidate> Refinement();
  void MakeModel(std::span<const Candidate> candidates, std::span<const Measurements> answers);
  // Variations of the measured front, then of what is predicted to be on it. `drawn` holds all that
  // was proposed, and receives these.
  std::vector<Candidate> Offspring(Proposed& drawn);
  // Those of `wanted` that are new.
  std::vector<Candidate> Propose(std::vector<Candidate> wanted, Move move);
  std::vector<Candidate> Chosen(std::span<const Candidate> from, size_t count) const;
  Objectives ObjectivesOf(const Candidate& candidate, double error) const;
  std::vector<Objectives> Measured() const;
  Objectives Reference() const;
  // Candidates of the measured front.
  std::vector<Candidate> FrontCandidates() const;
  double ErrorOf(const Measurements& answer) const;

  const SearchSpace& space_;
  GuidedSettings settings_;
  GuidedKnowledge knowledge_;
  RandomStream random_;
  SensitivityProbes probes_;
  std::vector<TimestepSequence> timesteps_;  // where the predicted front is looked for
  Costs most_;                               // of the widest candidate: what costs are shares of
  std::optional<AdditiveModel> model_;
  std::vector<Known> known_;
  int asked_ = 0;  // batches
};

}  // namespace tmpq
