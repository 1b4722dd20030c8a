// The candidates that a search may propose, and the operators that move among them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "src/core/random.h"
#include "src/plan/candidate.h"
#include "src/plan/costs.h"
#include "src/search/budget.h"
#include "src/search/space_settings.h"

namespace tmpq {

// What a search decides about bit-widths at once: sites that share one index into their candidate
// bit-widths.
struct SiteGene {
  std::vector<size_t> sites;  // ascending; all have `choices` candidate bit-widths
  size_t choices = 0;         // two or more
};

// A candidate as operators see it.
struct Genome {
  std::vector<int> timesteps;  // decreasing
  std::vector<Policy> rows;    // one, or one per step
};

// Every operator returns a candidate that IsLegal and fits the budget. Const-safe; `table` outlives
// it.
class SearchSpace {
 public:
  // Throws kUsage when even the lowest bit-widths do not fit the budget, the groups are impossible,
  // or tied sites differ in their number of candidate bit-widths.
  SearchSpace(const SiteTable& table, SpaceSettings settings);

  const SpaceSettings& settings() const { return settings_; }
  const SiteTable& table() const { return *table_; }
  // Candidate bit-widths of a site, ascending.
  const std::vector<BitWidth>& ChoicesOf(size_t site) const { return choices_[site]; }
  // Of one row, by first site.
  const std::vector<SiteGene>& genes() const { return genes_; }
  size_t IndexOf(const Policy& row, const SiteGene& gene) const;
  void SetIndex(Policy& row, const SiteGene& gene, size_t index) const;
  // One policy for all steps.
  bool consistent() const {
    return settings_.mode == SpaceMode::kConsistent ||
           settings_.mode == SpaceMode::kGroupwiseConsistent;
  }

  Costs CostsOf(const Candidate& candidate) const;
  // In the space, whether or not it fits the budget.
  bool IsLegal(const Candidate& candidate) const;
  bool Fits(const Candidate& candidate) const { return settings_.budget.Fits(CostsOf(candidate)); }

  // TMPQ-DM's initial candidate: the first timestep of each group (uniform timesteps in modes
  // without groups, the first of fixed ones), and the widest uniform bit-widths that fit.
  Candidate Initial() const;
  // Uniform timesteps and the widest uniform bit-widths that fit: what a user would do without a
  // search. Not always in the space.
  Candidate Naive() const;
  // The same bit-widths at the legal timesteps nearest to uniform ones, or the first of fixed ones.
  Candidate NearUniform() const;
  // The lowest bit-widths, and the widest, whether or not these fit.
  Policy NarrowestRow() const;
  Policy WidestRow() const;
  // The widest row of which no weight is wider than `weight`, nothing else wider than `activation`;
  // where there is none, the lowest indices.
  Policy UniformRow(BitWidth weight, BitWidth activation) const;
  Candidate Random(RandomStream& random) const;
  // Each gene is drawn anew with `probability`; fixed timesteps are one gene.
  Candidate Mutate(const Candidate& candidate, double probability, RandomStream& random) const;
  // Each gene comes from either parent with probability 0.5.
  Candidate Crossover(const Candidate& a, const Candidate& b, RandomStream& random) const;

  Genome GenomeOf(const Candidate& candidate) const;
  // Lowers random genes until the budget fits, then raises what still fits where settings() say so.
  // Timesteps are legal.
  Candidate Feasible(Genome genome, RandomStream& random) const;
  // Of step k: what RandomTimestep draws from, [first, last]. Not for fixed timesteps.
  std::pair<int, int> TimestepRange(int step) const;

  // Decimal logarithm of the number of legal candidates, budget aside.
  double Log10Size() const;
  // That number, exactly, in decimal.
  std::string ExactSize() const;
  // All that fit the budget, in a fixed order. Aborts above `limit` legal ones.
  std::vector<Candidate> Enumerate(size_t limit) const;

 private:
  bool grouped() const { return groups_.has_value(); }
  bool fixed() const { return !settings_.fixed_timesteps.empty(); }
  int steps() const { return fixed() ? settings_.fixed_timesteps[0].size() : settings_.steps; }
  int rows() const { return consistent() ? 1 : steps(); }
  void MakeGenes();
  void CheckLowest() const;
  // Of the rows that `row_of` gives for pairs of candidate bit-widths, the one of most BitOps that
  // fits.
  template <typename RowOf>
  Policy WidestFitting(const TimestepSequence& timesteps, RowOf row_of) const;
  // The group of step k, the noisiest step being in the last group.
  int GroupOfStep(int step) const { return settings_.steps - 1 - step; }
  int RandomTimestep(int step, RandomStream& random) const;
  std::vector<int> RandomTimesteps(RandomStream& random) const;
  // Sorts, and draws repeated timesteps anew.
  void RepairTimesteps(std::vector<int>& timesteps, RandomStream& random) const;
  Candidate CandidateOf(const Genome& genome) const;

  const SiteTable* table_;
  SpaceSettings settings_;
  std::optional<TimestepGroups> groups_;
  std::vector<std::vector<BitWidth>> choices_;  // by site
  std::vector<SiteGene> genes_;
};

}  // namespace tmpq
