#include "src/search/step_precision_search.h"

#include <algorithm>

#include "src/core/error.h"
#include "src/search/allocation/solve.h"

namespace tmpq {

StepPrecisionSearch::StepPrecisionSearch(const SearchSpace& space, std::string measurement,
                                         int levels)
    : space_(space),
      measurement_(std::move(measurement)),
      levels_(levels),
      timesteps_(space.NearUniform().timesteps()) {
  CheckRange("levels", levels, 1, 1e6);
  const auto add = [&](Policy row) {
    if (std::find(rows_.begin(), rows_.end(), row) == rows_.end()) rows_.push_back(std::move(row));
  };
  const auto& weights = space.settings().weight_bits;
  const auto& activations = space.settings().activation_bits;
  for (size_t i = 0; i < std::max(weights.size(), activations.size()); ++i) {
    add(space.UniformRow(weights[std::min(i, weights.size() - 1)],
                         activations[std::min(i, activations.size() - 1)]));
  }
  add(space.WidestRow());
}

Candidate StepPrecisionSearch::CandidateOf(const std::vector<int>& rows) const {
  std::vector<Policy> policies;
  for (const int row : rows) policies.push_back(rows_[row]);
  return Candidate::Make(timesteps_, policies);
}

double StepPrecisionSearch::BitOpsOf(const std::vector<int>& rows) const {
  return space_.CostsOf(CandidateOf(rows)).bitops;
}

std::vector<Candidate> StepPrecisionSearch::Probes() const {
  const std::vector<int> base(steps(), widest());
  std::vector<Candidate> probes = {CandidateOf(base)};
  for (int step = 0; step < steps(); ++step) {
    for (int row = 0; row < widest(); ++row) {
      std::vector<int> rows = base;
      rows[step] = row;
      probes.push_back(CandidateOf(rows));
    }
  }
  return probes;
}

std::vector<Candidate> StepPrecisionSearch::Allocated() const {
  const std::vector<int> base(steps(), widest());
  const double least = BitOpsOf(std::vector<int>(steps(), 0)), most = BitOpsOf(base);
  AllocationProblem problem;
  problem.limits = {{kBitOps, most, 1}};
  for (int step = 0; step < steps(); ++step) {
    problem.group_names.push_back("step " + std::to_string(step));
    problem.groups.emplace_back();
    for (int row = 0; row <= widest(); ++row) {
      std::vector<int> rows(steps(), 0);  // what the step costs beside the least
      rows[step] = row;
      problem.groups.back().push_back(
          {row == widest() ? 0 : damage_[step][row], {std::max(0.0, BitOpsOf(rows) - least)}});
    }
  }
  std::vector<Candidate> found;
  const auto add = [&](double bitops) {
    problem.limits[0].limit = bitops - least;
    Candidate candidate =
        CandidateOf(SolveAllocation(problem, AllocationSolver::kLagrangian).items);
    const bool is_new = std::find(found.begin(), found.end(), candidate) == found.end();
    if (is_new && space_.Fits(candidate)) found.push_back(std::move(candidate));
  };
  for (int level = 0; level <= levels_; ++level) add(least + (most - least) * level / levels_);
  const auto budget = space_.settings().budget.limits().find(kBitOps);
  if (budget != space_.settings().budget.limits().end()) {
    add(std::clamp(budget->second, least, most));
  }
  return found;
}

std::vector<Candidate> StepPrecisionSearch::Ask() {
  ++asked_;
  if (asked_ == 1 && !space_.consistent()) {
    const std::vector<Candidate> probes = Probes();
    NoteAll(probes, Move::kProbe, proposed_);
    return probes;
  }
  std::vector<Candidate> batch;
  if (asked_ == 1) {
    for (const Policy& row : rows_) {
      Candidate candidate = Candidate::Uniform(timesteps_, row);
      if (space_.Fits(candidate)) batch.push_back(std::move(candidate));
    }
  } else if (asked_ == 2 && !space_.consistent()) {
    const std::vector<Candidate> probes = Probes();
    batch = Allocated();
    std::erase_if(batch, [&](const Candidate& candidate) {
      return std::find(probes.begin(), probes.end(), candidate) != probes.end();
    });
    NoteAll(batch, Move::kAllocation, proposed_);
  }
  return batch;
}

void StepPrecisionSearch::Tell(std::span<const Candidate> candidates,
                               std::span<const Measurements> answers) {
  TMPQ_CHECK(candidates.size() == answers.size(), "every candidate has an answer");
  if (asked_ != 1 || space_.consistent()) return;
  const double base = answers[0].at(measurement_);
  damage_.assign(steps(), {});
  for (size_t i = 1; i < answers.size(); ++i) {
    damage_[(i - 1) / widest()].push_back(answers[i].at(measurement_) - base);
  }
}

}  // namespace tmpq
