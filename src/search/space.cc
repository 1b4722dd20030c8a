#include "src/search/space.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "src/core/error.h"

namespace tmpq {
namespace {

constexpr const char* kModeNames[] = {"free", "groupwise", "consistent", "groupwise-consistent"};

}  // namespace

SpaceMode ParseSpaceMode(const std::string& name) {
  for (int i = 0; i < 4; ++i) {
    if (name == kModeNames[i]) return static_cast<SpaceMode>(i);
  }
  throw Error(ErrorCode::kUsage, "mode", "\"" + name + "\" is unknown",
              "free, groupwise, consistent or groupwise-consistent");
}

const char* NameOf(SpaceMode mode) { return kModeNames[static_cast<int>(mode)]; }

const std::vector<BitWidth>& ChoicesFor(const QuantSite& site,
                                        const std::vector<BitWidth>& weight_bits,
                                        const std::vector<BitWidth>& activation_bits) {
  static const std::vector<BitWidth> kSoftmax = {BitWidth::Of(8)}, kFloat = {BitWidth::Float()};
  if (site.keep_float) return kFloat;
  switch (site.kind) {
    case SiteKind::kWeight:
      return weight_bits;
    case SiteKind::kSoftmax:
      return kSoftmax;
    default:
      return activation_bits;
  }
}

SearchSpace::SearchSpace(const SiteTable& table, SpaceSettings settings)
    : table_(&table), settings_(std::move(settings)) {
  CheckRange("steps", settings_.steps, 1, settings_.training_steps);
  if (settings_.mode == SpaceMode::kGroupwise ||
      settings_.mode == SpaceMode::kGroupwiseConsistent) {
    groups_ = TimestepGroups::Make(settings_.grouping, settings_.steps, settings_.training_steps);
  }
  for (size_t s = 0; s < table.sites.size(); ++s) {
    if (ChoicesOf(s).size() > 1) free_sites_.push_back(s);
  }
  const Candidate lowest = Candidate::Uniform(
      UniformTimesteps(settings_.steps, settings_.training_steps), UniformRow(0, 0));
  const std::string excess = settings_.budget.Excess(CostsOf(lowest));
  if (!excess.empty()) {
    throw Error(ErrorCode::kUsage, "budget",
                "does not fit even the lowest bit-widths (" + excess + ")",
                "allow more, fewer steps or lower candidate bits");
  }
}

Costs SearchSpace::CostsOf(const Candidate& candidate) const {
  return tmpq::CostsOf(*table_, candidate, settings_.calls_per_step);
}

Policy SearchSpace::UniformRow(size_t weight_choice, size_t activation_choice) const {
  return UniformPolicy(*table_, settings_.weight_bits[weight_choice],
                       settings_.activation_bits[activation_choice]);
}

bool SearchSpace::IsLegal(const Candidate& candidate) const {
  if (candidate.steps() != settings_.steps || (consistent() && candidate.policies().size() > 1))
    return false;
  for (int k = 0; k < candidate.steps(); ++k) {
    const int t = candidate.timesteps()[k];
    if (t < 0 || t >= settings_.training_steps) return false;
    if (grouped() && (t < groups_->begin(GroupOfStep(k)) || t >= groups_->end(GroupOfStep(k))))
      return false;
  }
  for (const Policy& policy : candidate.policies()) {
    if (policy.size() != table_->sites.size()) return false;
    for (size_t s = 0; s < policy.size(); ++s) {
      const auto& choices = ChoicesOf(s);
      if (std::find(choices.begin(), choices.end(), policy[s]) == choices.end()) return false;
    }
  }
  return true;
}

Policy SearchSpace::WidestUniformRow(const std::vector<int>& timesteps) const {
  const TimestepSequence sequence(timesteps, settings_.training_steps);
  Policy best = UniformRow(0, 0);
  double best_bitops = -1;
  for (size_t w = 0; w < settings_.weight_bits.size(); ++w) {
    for (size_t a = 0; a < settings_.activation_bits.size(); ++a) {
      const Policy row = UniformRow(w, a);
      const Costs costs = CostsOf(Candidate::Uniform(sequence, row));
      // Of equal BitOps the wider activations come first: they hurt more when narrow.
      if (!settings_.budget.Fits(costs) || costs.bitops <= best_bitops) continue;
      best = row;
      best_bitops = costs.bitops;
    }
  }
  return best;
}

Candidate SearchSpace::Initial() const {
  const std::vector<int> timesteps =
      grouped() ? groups_->FirstOfEach().values()
                : UniformTimesteps(settings_.steps, settings_.training_steps).values();
  return CandidateOf({timesteps, {WidestUniformRow(timesteps)}});
}

Candidate SearchSpace::Naive() const {
  const auto timesteps = UniformTimesteps(settings_.steps, settings_.training_steps);
  return Candidate::Uniform(timesteps, WidestUniformRow(timesteps.values()));
}

Candidate SearchSpace::NearUniform() const {
  std::vector<int> timesteps = UniformTimesteps(settings_.steps, settings_.training_steps).values();
  if (grouped()) {
    for (int k = 0; k < settings_.steps; ++k) {
      timesteps[k] = std::clamp(timesteps[k], groups_->begin(GroupOfStep(k)),
                                groups_->end(GroupOfStep(k)) - 1);
    }
  }
  return CandidateOf({timesteps, {WidestUniformRow(timesteps)}});
}

int SearchSpace::RandomTimestep(int step, RandomStream& random) const {
  const int begin = grouped() ? groups_->begin(GroupOfStep(step)) : 0;
  const int end = grouped() ? groups_->end(GroupOfStep(step)) : settings_.training_steps;
  return begin + static_cast<int>(random.Below(end - begin));
}

void SearchSpace::RepairTimesteps(std::vector<int>& timesteps, RandomStream& random) const {
  if (grouped()) return;  // one per group: decreasing by construction
  std::set<int> distinct;
  for (int t : timesteps) {
    while (!distinct.insert(t).second) t = RandomTimestep(0, random);
  }
  timesteps.assign(distinct.rbegin(), distinct.rend());
}

SearchSpace::Genome SearchSpace::GenomeOf(const Candidate& candidate) const {
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
  std::vector<std::pair<size_t, size_t>> genes;
  for (size_t row = 0; row < genome.rows.size(); ++row) {
    for (const size_t site : free_sites_) genes.emplace_back(row, site);
  }
  const auto position = [&](const auto& gene) {
    const auto& choices = ChoicesOf(gene.second);
    return std::find(choices.begin(), choices.end(), genome.rows[gene.first][gene.second]) -
           choices.begin();
  };
  const auto set = [&](const auto& gene, int64_t index) {
    genome.rows[gene.first][gene.second] = ChoicesOf(gene.second)[index];
  };
  Candidate candidate = CandidateOf(genome);
  while (!Fits(candidate)) {
    const auto& gene = genes[random.Below(genes.size())];
    if (position(gene) == 0) continue;
    set(gene, position(gene) - 1);
    candidate = CandidateOf(genome);
  }
  if (!settings_.fill_budget) return candidate;
  random.Shuffle(std::span(genes));
  for (const auto& gene : genes) {
    const int64_t index = position(gene);
    if (index + 1 == static_cast<int64_t>(ChoicesOf(gene.second).size())) continue;
    set(gene, index + 1);
    Candidate raised = CandidateOf(genome);
    if (Fits(raised))
      candidate = std::move(raised);
    else
      set(gene, index);
  }
  return candidate;
}

Candidate SearchSpace::Random(RandomStream& random) const {
  Genome genome;
  for (int k = 0; k < settings_.steps; ++k) genome.timesteps.push_back(RandomTimestep(k, random));
  RepairTimesteps(genome.timesteps, random);
  genome.rows.assign(consistent() ? 1 : settings_.steps, UniformRow(0, 0));
  for (Policy& row : genome.rows) {
    for (const size_t site : free_sites_)
      row[site] = ChoicesOf(site)[random.Below(ChoicesOf(site).size())];
  }
  return Feasible(std::move(genome), random);
}

Candidate SearchSpace::Mutate(const Candidate& candidate, double probability,
                              RandomStream& random) const {
  Genome genome = GenomeOf(candidate);
  for (int k = 0; k < settings_.steps; ++k) {
    if (random.Chance(probability)) genome.timesteps[k] = RandomTimestep(k, random);
  }
  RepairTimesteps(genome.timesteps, random);
  for (Policy& row : genome.rows) {
    for (const size_t site : free_sites_) {
      if (random.Chance(probability))
        row[site] = ChoicesOf(site)[random.Below(ChoicesOf(site).size())];
    }
  }
  return Feasible(std::move(genome), random);
}

Candidate SearchSpace::Crossover(const Candidate& a, const Candidate& b,
                                 RandomStream& random) const {
  Genome genome = GenomeOf(a);
  const Genome other = GenomeOf(b);
  for (int k = 0; k < settings_.steps; ++k) {
    if (random.Chance(0.5)) genome.timesteps[k] = other.timesteps[k];
  }
  RepairTimesteps(genome.timesteps, random);
  for (size_t row = 0; row < genome.rows.size(); ++row) {
    for (const size_t site : free_sites_) {
      if (random.Chance(0.5)) genome.rows[row][site] = other.rows[row][site];
    }
  }
  return Feasible(std::move(genome), random);
}

double SearchSpace::Log10Size() const {
  double log10 = 0;
  for (int k = 0; k < settings_.steps; ++k) {
    log10 += grouped() ? std::log10(groups_->size(k))
                       : std::log10(static_cast<double>(settings_.training_steps - k) / (k + 1));
  }
  for (const size_t site : free_sites_) {
    log10 += (consistent() ? 1 : settings_.steps) *
             std::log10(static_cast<double>(ChoicesOf(site).size()));
  }
  return log10;
}

std::vector<Candidate> SearchSpace::Enumerate(size_t limit) const {
  TMPQ_CHECK(Log10Size() <= std::log10(static_cast<double>(limit)) + 1e-9,
             "the space is too large to enumerate");
  std::vector<Genome> genomes = {
      {{}, std::vector<Policy>(consistent() ? 1 : settings_.steps, UniformRow(0, 0))}};
  for (int k = 0; k < settings_.steps; ++k) {
    std::vector<Genome> longer;
    for (const Genome& genome : genomes) {
      const int begin = grouped() ? groups_->begin(GroupOfStep(k)) : 0;
      const int end = grouped() ? groups_->end(GroupOfStep(k))
                      : k == 0  ? settings_.training_steps
                                : genome.timesteps[k - 1];
      for (int t = begin; t < end; ++t) {
        longer.push_back(genome);
        longer.back().timesteps.push_back(t);
      }
    }
    genomes = std::move(longer);
  }
  for (size_t row = 0; row < (consistent() ? 1 : static_cast<size_t>(settings_.steps)); ++row) {
    for (const size_t site : free_sites_) {
      std::vector<Genome> more;
      for (const Genome& genome : genomes) {
        for (const BitWidth width : ChoicesOf(site)) {
          more.push_back(genome);
          more.back().rows[row][site] = width;
        }
      }
      genomes = std::move(more);
    }
  }
  std::vector<Candidate> candidates;
  for (const Genome& genome : genomes) {
    Candidate candidate = CandidateOf(genome);
    if (Fits(candidate)) candidates.push_back(std::move(candidate));
  }
  return candidates;
}

}  // namespace tmpq
