#include "src/search/space.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "src/core/error.h"

namespace tmpq {
namespace {

const std::vector<BitWidth>& OwnOr(const std::vector<BitWidth>& own,
                                   const std::vector<BitWidth>& common) {
  return own.empty() ? common : own;
}

bool IsQkv(SiteKind kind) {
  return kind == SiteKind::kQuery || kind == SiteKind::kKey || kind == SiteKind::kValue;
}

// Sites of equal keys share a gene.
using TieKey = std::tuple<std::string, int, int>;
TieKey KeyOf(const QuantSite& site, SiteTies ties) {
  switch (ties) {
    case SiteTies::kQkv:
      return IsQkv(site.kind) ? TieKey(site.layer, -1, 0) : TieKey(site.name, 0, 0);
    case SiteTies::kLayer:
      return {site.layer, -1, 0};
    case SiteTies::kGroup:
      return {"", static_cast<int>(site.group), site.kind == SiteKind::kWeight};
    default:
      return {site.name, 0, 0};
  }
}

}  // namespace

SearchSpace::SearchSpace(const SiteTable& table, SpaceSettings settings)
    : table_(&table), settings_(std::move(settings)) {
  CheckRange("steps", settings_.steps, 1, settings_.training_steps);
  for (const TimestepSequence& timesteps : settings_.fixed_timesteps) {
    if (!consistent() && timesteps.size() != steps()) {
      throw Error(ErrorCode::kUsage, "fixed timesteps",
                  "have different lengths, but mode " + std::string(NameOf(settings_.mode)) +
                      " has a policy for each step",
                  "sequences of one length, or a consistent mode");
    }
  }
  if (!fixed() && (settings_.mode == SpaceMode::kGroupwise ||
                   settings_.mode == SpaceMode::kGroupwiseConsistent)) {
    groups_ = TimestepGroups::Make(settings_.grouping, settings_.steps, settings_.training_steps);
  }
  for (const QuantSite& site : table.sites) {
    const auto found = settings_.group_bits.find(site.group);
    const GroupBits own = found == settings_.group_bits.end() ? GroupBits{} : found->second;
    choices_.push_back(ChoicesFor(site, OwnOr(own.weight_bits, settings_.weight_bits),
                                  OwnOr(own.activation_bits, settings_.activation_bits)));
  }
  MakeGenes();
  CheckLowest();
}

void SearchSpace::MakeGenes() {
  std::map<TieKey, size_t> gene_of_key;
  for (size_t s = 0; s < table_->sites.size(); ++s) {
    if (choices_[s].size() < 2) continue;
    const QuantSite& site = table_->sites[s];
    const auto [found, is_new] = gene_of_key.emplace(KeyOf(site, settings_.ties), genes_.size());
    if (is_new) genes_.push_back({{}, choices_[s].size()});
    SiteGene& gene = genes_[found->second];
    if (gene.choices != choices_[s].size()) {
      throw Error(ErrorCode::kUsage, "ties",
                  site.name + " and " + table_->sites[gene.sites[0]].name +
                      " have different numbers of candidate bit-widths",
                  "lists of the same length, or ties = none");
    }
    gene.sites.push_back(s);
  }
}

void SearchSpace::CheckLowest() const {
  std::vector<TimestepSequence> sequences = settings_.fixed_timesteps;
  if (!fixed()) sequences = {UniformTimesteps(settings_.steps, settings_.training_steps)};
  for (const TimestepSequence& timesteps : sequences) {
    const std::string excess =
        settings_.budget.Excess(CostsOf(Candidate::Uniform(timesteps, NarrowestRow())));
    if (excess.empty()) continue;
    throw Error(ErrorCode::kUsage, "budget",
                "does not fit even the lowest bit-widths (" + excess + ")",
                "allow more, fewer steps or lower candidate bits");
  }
}

Costs SearchSpace::CostsOf(const Candidate& candidate) const {
  return tmpq::CostsOf(*table_, candidate, settings_.calls_per_step);
}

size_t SearchSpace::IndexOf(const Policy& row, const SiteGene& gene) const {
  const auto& choices = choices_[gene.sites[0]];
  return std::find(choices.begin(), choices.end(), row[gene.sites[0]]) - choices.begin();
}

void SearchSpace::SetIndex(Policy& row, const SiteGene& gene, size_t index) const {
  for (const size_t site : gene.sites) row[site] = choices_[site][index];
}

bool SearchSpace::IsLegal(const Candidate& candidate) const {
  if (consistent() && candidate.policies().size() > 1) return false;
  if (fixed()) {
    const auto& allowed = settings_.fixed_timesteps;
    if (std::find(allowed.begin(), allowed.end(), candidate.timesteps()) == allowed.end())
      return false;
  } else if (candidate.steps() != settings_.steps) {
    return false;
  }
  for (int k = 0; k < candidate.steps() && !fixed(); ++k) {
    const auto [first, last] = TimestepRange(k);
    if (candidate.timesteps()[k] < first || candidate.timesteps()[k] > last) return false;
  }
  for (const Policy& policy : candidate.policies()) {
    if (policy.size() != table_->sites.size()) return false;
    for (size_t s = 0; s < policy.size(); ++s) {
      if (std::find(choices_[s].begin(), choices_[s].end(), policy[s]) == choices_[s].end())
        return false;
    }
    for (const SiteGene& gene : genes_) {
      const size_t index = IndexOf(policy, gene);
      for (const size_t site : gene.sites) {
        if (policy[site] != choices_[site][index]) return false;
      }
    }
  }
  return true;
}

Policy SearchSpace::NarrowestRow() const {
  Policy row;
  for (const auto& choices : choices_) row.push_back(choices.front());
  return row;
}

Policy SearchSpace::WidestRow() const {
  Policy row;
  for (const auto& choices : choices_) row.push_back(choices.back());
  return row;
}

Policy SearchSpace::UniformRow(BitWidth weight, BitWidth activation) const {
  Policy row = NarrowestRow();
  for (const SiteGene& gene : genes_) {
    const auto fits = [&](size_t index) {
      return std::all_of(gene.sites.begin(), gene.sites.end(), [&](size_t site) {
        const bool is_weight = table_->sites[site].kind == SiteKind::kWeight;
        return choices_[site][index] <= (is_weight ? weight : activation);
      });
    };
    size_t index = 0;
    while (index + 1 < gene.choices && fits(index + 1)) ++index;
    SetIndex(row, gene, index);
  }
  return row;
}

template <typename RowOf>
Policy SearchSpace::WidestFitting(const TimestepSequence& timesteps, RowOf row_of) const {
  Policy best = NarrowestRow();
  double best_bitops = -1;
  for (const BitWidth weight : settings_.weight_bits) {
    for (const BitWidth activation : settings_.activation_bits) {
      const Policy row = row_of(weight, activation);
      const Costs costs = CostsOf(Candidate::Uniform(timesteps, row));
      // Of equal BitOps the wider activations come first: they hurt more when narrow.
      if (!settings_.budget.Fits(costs) || costs.bitops <= best_bitops) continue;
      best = row;
      best_bitops = costs.bitops;
    }
  }
  return best;
}

Candidate SearchSpace::Naive() const {
  const auto timesteps = UniformTimesteps(settings_.steps, settings_.training_steps);
  return Candidate::Uniform(timesteps,
                            WidestFitting(timesteps, [&](BitWidth weight, BitWidth activation) {
                              return UniformPolicy(*table_, weight, activation);
                            }));
}

Candidate SearchSpace::Initial() const {
  if (!grouped()) return NearUniform();
  const TimestepSequence timesteps = groups_->FirstOfEach();
  return Candidate::Uniform(timesteps, WidestFitting(timesteps, [&](BitWidth w, BitWidth a) {
                              return UniformRow(w, a);
                            }));
}

Candidate SearchSpace::NearUniform() const {
  TimestepSequence timesteps = fixed()
                                   ? settings_.fixed_timesteps[0]
                                   : UniformTimesteps(settings_.steps, settings_.training_steps);
  if (grouped()) {
    std::vector<int> nearest = timesteps.values();
    for (int k = 0; k < settings_.steps; ++k) {
      const auto [first, last] = TimestepRange(k);
      nearest[k] = std::clamp(nearest[k], first, last);
    }
    timesteps = TimestepSequence(std::move(nearest), settings_.training_steps);
  }
  return Candidate::Uniform(timesteps, WidestFitting(timesteps, [&](BitWidth w, BitWidth a) {
                              return UniformRow(w, a);
                            }));
}

std::pair<int, int> SearchSpace::TimestepRange(int step) const {
  if (!grouped()) return {0, settings_.training_steps - 1};
  return {groups_->begin(GroupOfStep(step)), groups_->end(GroupOfStep(step)) - 1};
}

}  // namespace tmpq
