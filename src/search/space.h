// The candidates that a search may propose, and the operators that move among them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "src/core/random.h"
#include "src/plan/candidate.h"
#include "src/plan/costs.h"
#include "src/search/budget.h"

namespace tmpq {

// TMPQ-DM's four modes. Grouped: one timestep out of each group; else any strictly decreasing
// timesteps. Consistent: one policy for all steps; else one per step.
enum class SpaceMode { kFree, kGroupwise, kConsistent, kGroupwiseConsistent };
// Throws kUsage.
SpaceMode ParseSpaceMode(const std::string& name);
const char* NameOf(SpaceMode mode);

struct SpaceSettings {
  SpaceMode mode = SpaceMode::kGroupwiseConsistent;
  Grouping grouping = Grouping::kQuadratic;  // grouped modes
  int steps = 20;
  int training_steps = 1000;
  int calls_per_step = 1;
  std::vector<BitWidth> weight_bits;      // ascending
  std::vector<BitWidth> activation_bits;  // ascending; also of q, k and v. Softmax sites have 8.
  Budget budget;
  bool fill_budget = true;  // operators raise random genes as long as the budget allows
};

// Candidate bit-widths of a site, ascending: one of the two, which outlive the result; 8 for
// softmax, Float for what a recipe keeps in float.
const std::vector<BitWidth>& ChoicesFor(const QuantSite& site,
                                        const std::vector<BitWidth>& weight_bits,
                                        const std::vector<BitWidth>& activation_bits);

// Every operator returns a candidate that IsLegal and fits the budget. Const-safe; `table` outlives
// it.
class SearchSpace {
 public:
  // Throws kUsage when even the lowest bit-widths do not fit the budget, or the groups are
  // impossible.
  SearchSpace(const SiteTable& table, SpaceSettings settings);

  const SpaceSettings& settings() const { return settings_; }
  const SiteTable& table() const { return *table_; }
  // Candidate bit-widths of a site, ascending.
  const std::vector<BitWidth>& ChoicesOf(size_t site) const {
    return ChoicesFor(table_->sites[site], settings_.weight_bits, settings_.activation_bits);
  }
  Costs CostsOf(const Candidate& candidate) const;
  // In the space, whether or not it fits the budget.
  bool IsLegal(const Candidate& candidate) const;
  bool Fits(const Candidate& candidate) const { return settings_.budget.Fits(CostsOf(candidate)); }

  // TMPQ-DM's initial candidate: the first timestep of each group (uniform timesteps in modes
  // without groups), and the widest uniform bit-widths that fit.
  Candidate Initial() const;
  // Uniform timesteps and the widest uniform bit-widths that fit: what a user would do without a
  // search. Not always in the space.
  Candidate Naive() const;
  // The same bit-widths at the legal timesteps nearest to uniform ones.
  Candidate NearUniform() const;
  Candidate Random(RandomStream& random) const;
  // Each gene is drawn anew with `probability`.
  Candidate Mutate(const Candidate& candidate, double probability, RandomStream& random) const;
  // Each gene comes from either parent with probability 0.5.
  Candidate Crossover(const Candidate& a, const Candidate& b, RandomStream& random) const;

  // Decimal logarithm of the number of legal candidates, budget aside.
  double Log10Size() const;
  // All that fit the budget, in a fixed order. Aborts above `limit` legal ones.
  std::vector<Candidate> Enumerate(size_t limit) const;

 private:
  struct Genome {
    std::vector<int> timesteps;  // decreasing
    std::vector<Policy> rows;    // one, or one per step
  };
  bool grouped() const { return groups_.has_value(); }
  bool consistent() const {
    return settings_.mode == SpaceMode::kConsistent ||
           settings_.mode == SpaceMode::kGroupwiseConsistent;
  }
  Policy UniformRow(size_t weight_choice, size_t activation_choice) const;
  Policy WidestUniformRow(const std::vector<int>& timesteps) const;
  // The group of step k, the noisiest step being in the last group.
  int GroupOfStep(int step) const { return settings_.steps - 1 - step; }
  int RandomTimestep(int step, RandomStream& random) const;
  // Sorts, and draws repeated timesteps anew.
  void RepairTimesteps(std::vector<int>& timesteps, RandomStream& random) const;
  Genome GenomeOf(const Candidate& candidate) const;
  Candidate CandidateOf(const Genome& genome) const;
  // Lowers random genes until the budget fits, then raises what still fits.
  Candidate Feasible(Genome genome, RandomStream& random) const;

  const SiteTable* table_;
  SpaceSettings settings_;
  std::optional<TimestepGroups> groups_;
  std::vector<size_t> free_sites_;  // those that have a choice
};

}  // namespace tmpq
