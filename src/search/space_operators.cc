// How candidates are drawn, varied and repaired.
#include <algorithm>
#include <set>

#include "src/core/error.h"
#include "src/search/space.h"

namespace tmpq {

int SearchSpace::RandomTimestep(int step, RandomStream& random) const {
  const auto [first, last] = TimestepRange(step);
  return first + static_cast<int>(random.Below(last - first + 1));
}

std::vector<int> SearchSpace::RandomTimesteps(RandomStream& random) const {
  if (fixed()) {
    return settings_.fixed_timesteps[random.Below(settings_.fixed_timesteps.size())].values();
  }
  std::vector<int> timesteps;
  for (int k = 0; k < settings_.steps; ++k) timesteps.push_back(RandomTimestep(k, random));
  RepairTimesteps(timesteps, random);
  return timesteps;
}

void SearchSpace::RepairTimesteps(std::vector<int>& timesteps, RandomStream& random) const {
  if (grouped()) return;  // one per group: decreasing by construction
  std::set<int> distinct;
  for (int t : timesteps) {
    while (!distinct.insert(t).second) t = RandomTimestep(0, random);
  }
  timesteps.assign(distinct.rbegin(), distinct.rend());
}

Genome SearchSpace::GenomeOf(const Candidate& candidate) const {
  Genome genome{candidate.timesteps().values(), {}};
  for (int k = 0; k < (consistent() ? 1 : candidate.steps()); ++k)
    genome.rows.push_back(candidate.policy(k));
  return genome;
}

Candidate SearchSpace::CandidateOf(const Genome& genome) const {
  TimestepSequence timesteps(genome.timesteps, settings_.training_steps);
  if (genome.rows.size() == 1) return Candidate::Uniform(std::move(timesteps), genome.rows.front());
  return Candidate::Make(std::move(timesteps), genome.rows);
}

Candidate SearchSpace::Feasible(Genome genome, RandomStream& random) const {
  struct Place {
    size_t row;
    const SiteGene* gene;
  };
  std::vector<Place> places;
  for (size_t row = 0; row < genome.rows.size(); ++row) {
    for (const SiteGene& gene : genes_) places.push_back({row, &gene});
  }
  const auto index_of = [&](const Place& place) {
    return IndexOf(genome.rows[place.row], *place.gene);
  };
  const auto set = [&](const Place& place, size_t index) {
    SetIndex(genome.rows[place.row], *place.gene, index);
  };
  size_t lowerable = 0;
  for (const Place& place : places) lowerable += index_of(place);
  Candidate candidate = CandidateOf(genome);
  while (!Fits(candidate)) {
    TMPQ_CHECK(lowerable > 0, "the lowest bit-widths do not fit at these timesteps");
    const Place& place = places[random.Below(places.size())];
    if (index_of(place) == 0) continue;
    set(place, index_of(place) - 1), --lowerable;
    candidate = CandidateOf(genome);
  }
  if (!settings_.fill_budget) return candidate;
  random.Shuffle(std::span(places));
  for (const Place& place : places) {
    const size_t index = index_of(place);
    if (index + 1 == place.gene->choices) continue;
    set(place, index + 1);
    Candidate raised = CandidateOf(genome);
    if (Fits(raised))
      candidate = std::move(raised);
    else
      set(place, index);
  }
  return candidate;
}

Candidate SearchSpace::Random(RandomStream& random) const {
  Genome genome;
  genome.timesteps = RandomTimesteps(random);
  genome.rows.assign(rows(), NarrowestRow());
  for (Policy& row : genome.rows) {
    for (const SiteGene& gene : genes_) SetIndex(row, gene, random.Below(gene.choices));
  }
  return Feasible(std::move(genome), random);
}

Candidate SearchSpace::Mutate(const Candidate& candidate, double probability,
                              RandomStream& random) const {
  Genome genome = GenomeOf(candidate);
  if (fixed()) {
    if (random.Chance(probability)) genome.timesteps = RandomTimesteps(random);
  } else {
    for (int k = 0; k < settings_.steps; ++k) {
      if (random.Chance(probability)) genome.timesteps[k] = RandomTimestep(k, random);
    }
    RepairTimesteps(genome.timesteps, random);
  }
  for (Policy& row : genome.rows) {
    for (const SiteGene& gene : genes_) {
      if (random.Chance(probability)) SetIndex(row, gene, random.Below(gene.choices));
    }
  }
  return Feasible(std::move(genome), random);
}

Candidate SearchSpace::Crossover(const Candidate& a, const Candidate& b,
                                 RandomStream& random) const {
  Genome genome = GenomeOf(a);
  const Genome other = GenomeOf(b);
  if (fixed()) {
    if (random.Chance(0.5)) genome.timesteps = other.timesteps;
  } else {
    for (int k = 0; k < settings_.steps; ++k) {
      if (random.Chance(0.5)) genome.timesteps[k] = other.timesteps[k];
    }
    RepairTimesteps(genome.timesteps, random);
  }
  for (size_t row = 0; row < genome.rows.size(); ++row) {
    for (const SiteGene& gene : genes_) {
      if (random.Chance(0.5)) SetIndex(genome.rows[row], gene, IndexOf(other.rows[row], gene));
    }
  }
  return Feasible(std::move(genome), random);
}

}  // namespace tmpq
