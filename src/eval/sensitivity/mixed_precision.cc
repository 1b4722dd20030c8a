#include "src/eval/sensitivity/mixed_precision.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>

#include "src/core/error.h"
#include "src/eval/driver/search_bench.h"
#include "src/search/allocation/site_problem.h"
#include "src/search/space.h"

namespace tmpq {
namespace {

// What a method says of some layer groups; the first metric that the table has decides.
struct Rule {
  std::vector<LayerGroup> groups;
  std::vector<std::string> metrics;
};

std::vector<Rule> RulesOf(const std::string& decoupled) {
  using enum LayerGroup;
  const std::vector<LayerGroup> all = {kSpatialAttention, kTemporalAttention, kCrossAttention,
                                       kFeedForward,      kConvolution,       kModulation,
                                       kEmbedding};
  if (decoupled == "error") return {{all, {kSquaredError}}};
  if (decoupled == "vidit-q") {
    const std::string similarity = std::string(kTextSimilarity) + kDeparture,
                      alignment = std::string(kTextAlignment) + kDeparture,
                      frames = std::string(kFrameDifference) + kDeparture;
    return {{{kCrossAttention}, {similarity, alignment, kFeatureError, kSquaredError}},
            {{kSpatialAttention, kFeedForward, kConvolution}, {kFeatureError, kSquaredError}},
            {{kTemporalAttention}, {frames, kFeatureError, kSquaredError}},
            {{kModulation, kEmbedding}, {kSquaredError}}};
  }
  if (decoupled == "mixdq") {
    return {{{kCrossAttention, kFeedForward}, {kSsimError, kSquaredError}},
            {{kSpatialAttention, kTemporalAttention, kConvolution, kModulation, kEmbedding},
             {kNextStepError}}};
  }
  throw Error(ErrorCode::kUsage, "decoupled", "\"" + decoupled + "\" is unknown",
              "error, vidit-q or mixdq");
}

// Of the plan's steps, how many lie in each range.
std::vector<int> StepsOfRanges(const std::vector<int>& range_begins,
                               const TimestepSequence& timesteps) {
  std::vector<int> steps(range_begins.size(), 0);
  for (const int t : timesteps.values()) ++steps[RangeOfTimestep(range_begins, t)];
  return steps;
}

// A table, a budget and settings as allocation problems: equal but for what errors are.
class MixedProblem {
 public:
  MixedProblem(const SensitivityTable& table, const SiteTable& sites, const Budget& budget,
               const MixedSettings& settings, const std::string& where)
      : table_(table), sites_(sites), budget_(budget), where_(where) {
    site_settings_.choices = settings.choices;
    site_settings_.calls_per_step = settings.calls_per_step;
    range_begins_ = settings.by_range ? table.range_begins : std::vector<int>{0};
    const std::vector<int> steps = StepsOfRanges(range_begins_, settings.timesteps);
    site_settings_.steps_of_range.clear();
    for (size_t r = 0; r < steps.size(); ++r) {
      if (steps[r] == 0) continue;
      site_settings_.steps_of_range.push_back(steps[r]);
      used_.push_back(static_cast<int>(r));
    }
    if (range_begins_.size() == 1) site_settings_.timesteps = settings.timesteps;
  }

  // `metric_of_site`: an index of the table's metrics.
  SiteProblem Make(const std::vector<size_t>& metric_of_site) const {
    std::vector<Sensitivities> damages;
    for (const int range : used_) {
      damages.push_back(DamagesOf(table_, metric_of_site,
                                  range_begins_.size() == 1 ? SensitivityRow::kAllRanges : range,
                                  site_settings_.choices, where_));
    }
    return MakeSiteProblem(sites_, budget_, site_settings_, damages);
  }

  Candidate CandidateOf(const std::vector<Policy>& policies,
                        const TimestepSequence& timesteps) const {
    std::vector<Policy> steps;
    for (const int t : timesteps.values()) {
      const int range = RangeOfTimestep(range_begins_, t);
      steps.push_back(policies[std::find(used_.begin(), used_.end(), range) - used_.begin()]);
    }
    return Candidate::Make(timesteps, steps);
  }

 private:
  const SensitivityTable& table_;
  const SiteTable& sites_;
  const Budget& budget_;
  std::string where_;
  SiteProblemSettings site_settings_;
  std::vector<int> range_begins_, used_;  // used_: the ranges that have a step
};

// Of a part of the sites that have a choice: elements (times steps), and their bits at the
// narrowest and the widest choices.
struct PartBits {
  double elements = 0, narrowest = 0, widest = 0;
};

// What the limit `k` on average bits counts of each of two parts.
std::array<PartBits, 2> BitsOfParts(const SiteProblem& made, const std::vector<int>& part_of_group,
                                    size_t k) {
  std::array<PartBits, 2> parts;
  for (size_t g = 0; g < made.groups.size(); ++g) {
    const auto& widths = made.groups[g].widths;
    const auto& items = made.problem.groups[g];
    if (widths.size() < 2) continue;
    const int narrow = widths.front()[0].bits(), wide = widths.back()[0].bits();
    const double elements =
        (items.back().costs[k] - items.front().costs[k]) / static_cast<double>(wide - narrow);
    PartBits& part = parts[part_of_group[g]];
    part.elements += elements;
    part.narrowest += elements * narrow, part.widest += elements * wide;
  }
  return parts;
}

// Divides a limit on average bits between two parts: with r = elements of the first to the second's
// and the whole's average b, the second has b (1 + r) / (k r + 1) and the first k times that
// (MixDQ's formula). Throws kUsage where that is outside of the candidates.
void DivideByRatio(const SiteProblem& made, const std::vector<int>& part_of_group, size_t limit,
                   double ratio, PartLimits& limits) {
  TMPQ_CHECK(limits.size() == 2, "ratios are of two parts");
  const std::array<PartBits, 2> parts = BitsOfParts(made, part_of_group, limit);
  if (parts[0].elements == 0 || parts[1].elements == 0) return;  // one has nothing to choose
  double kept = 0;                                               // whatever is chosen
  for (const auto& items : made.problem.groups) {
    double least = INFINITY;
    for (const AllocationItem& item : items) least = std::min(least, item.costs[limit]);
    kept += least;
  }
  const CostLimit& whole = made.problem.limits[limit];
  const double narrowest = parts[0].narrowest + parts[1].narrowest;
  const double average = (whole.limit - kept + narrowest) / (parts[0].elements + parts[1].elements);
  const double r = parts[0].elements / parts[1].elements;
  const double bits_of_second = average * (1 + r) / (ratio * r + 1);
  const double bits[2] = {ratio * bits_of_second, bits_of_second};
  for (int p = 0; p < 2; ++p) {
    const PartBits& part = parts[p];
    const double total = bits[p] * part.elements;
    if (total >= part.narrowest && total <= part.widest) continue;
    throw Error(ErrorCode::kUsage, whole.name,
                "a part would have " + std::to_string(bits[p]) + " bits",
                "between " + std::to_string(part.narrowest / part.elements) + " and " +
                    std::to_string(part.widest / part.elements));
  }
  limits[0][limit] = kept + bits[0] * parts[0].elements - parts[0].narrowest;
  limits[1][limit] = bits[1] * parts[1].elements - parts[1].narrowest;
}

int PartOf(const std::vector<DecoupledPart>& parts, LayerGroup group) {
  for (size_t p = 0; p < parts.size(); ++p) {
    const auto& groups = parts[p].groups;
    if (std::find(groups.begin(), groups.end(), group) != groups.end()) return static_cast<int>(p);
  }
  TMPQ_CHECK(false, "a layer group has no part");
  return 0;
}

}  // namespace

std::vector<DecoupledPart> PartsOf(const std::string& decoupled, const SensitivityTable& table) {
  std::vector<DecoupledPart> parts;
  for (const Rule& rule : RulesOf(decoupled)) {
    DecoupledPart part;
    for (const LayerGroup group : rule.groups) {
      const bool has = std::any_of(table.sites.begin(), table.sites.end(),
                                   [&](const QuantSite& site) { return site.group == group; });
      if (has) part.groups.push_back(group);
    }
    if (part.groups.empty()) continue;
    const auto metric =
        std::find_if(rule.metrics.begin(), rule.metrics.end(),
                     [&](const std::string& name) { return table.HasMetric(name); });
    if (metric == rule.metrics.end()) table.MetricIndex(rule.metrics.back());  // says what it has
    part.metric = *metric;
    if (metric != rule.metrics.begin()) part.instead_of = rule.metrics.front();
    parts.push_back(std::move(part));
  }
  return parts;
}

MixedAllocation AllocateMixed(const SensitivityTable& table, const SiteTable& sites,
                              const Budget& budget, const MixedSettings& settings,
                              const std::string& where) {
  MixedAllocation made;
  made.parts = PartsOf(settings.decoupled, table);
  const MixedProblem problem(table, sites, budget, settings, where);
  const SiteProblem by_error =
      problem.Make(std::vector<size_t>(table.sites.size(), table.MetricIndex(kSquaredError)));
  std::vector<size_t> metric_of_site;
  std::vector<int> part_of_site;
  for (const QuantSite& site : table.sites) {
    part_of_site.push_back(PartOf(made.parts, site.group));
    metric_of_site.push_back(table.MetricIndex(made.parts[part_of_site.back()].metric));
  }
  Allocation allocation;
  if (settings.decoupled == "error") {
    allocation = SolveAllocation(by_error.problem, settings.solver);
  } else {
    std::vector<int> part_of_group;
    for (const SiteProblem::Group& group : by_error.groups) {
      part_of_group.push_back(group.sites.empty() ? 0 : part_of_site[group.sites[0]]);
    }
    PartLimits limits = DivideByError(by_error.problem, part_of_group, settings.solver);
    for (size_t k = 0; k < by_error.problem.limits.size() && limits.size() == 2; ++k) {
      const auto ratio = settings.ratios.find(by_error.problem.limits[k].name);
      if (ratio == settings.ratios.end()) continue;
      DivideByRatio(by_error, part_of_group, k, ratio->second, limits);
    }
    allocation = SolveParts(by_error.problem, problem.Make(metric_of_site).problem, part_of_group,
                            limits, settings.solver);
  }
  made.candidate = problem.CandidateOf(by_error.PoliciesOf(allocation), settings.timesteps);
  made.costs = CostsOf(sites, made.candidate, settings.calls_per_step);
  made.predicted_error = allocation.error;
  TMPQ_CHECK(budget.Fits(made.costs),
             "an allocation fits its budget: " + budget.Excess(made.costs));
  return made;
}

MixedSettings SettingsFor(const SensitivityTable& table, const SearchBench& bench,
                          MixedSettings settings, const std::string& where) {
  CheckTable(table, bench.hashes(), bench.sites(), where);
  const SpaceSettings& space = bench.space().settings();
  settings.choices.clear();
  for (size_t s = 0; s < bench.sites().sites.size(); ++s) {
    settings.choices.push_back(bench.space().ChoicesOf(s));
  }
  settings.timesteps = UniformTimesteps(space.steps, space.training_steps);
  settings.calls_per_step = space.calls_per_step;
  return settings;
}

MixedAllocation AllocateMixed(const SensitivityTable& table, const SearchBench& bench,
                              MixedSettings settings, const std::string& where) {
  return AllocateMixed(table, bench.sites(), bench.budget(),
                       SettingsFor(table, bench, std::move(settings), where), where);
}

std::string TextOf(const MixedAllocation& allocation, const SiteTable& sites) {
  std::string text;
  for (const DecoupledPart& part : allocation.parts) {
    for (const LayerGroup group : part.groups) {
      double weights = 0, weight_bits = 0, activations = 0, activation_bits = 0;
      const Candidate& candidate = allocation.candidate;
      for (size_t s = 0; s < sites.sites.size(); ++s) {
        const QuantSite& site = sites.sites[s];
        if (site.group != group) continue;
        double bits = 0;
        for (int k = 0; k < candidate.steps(); ++k) {
          bits += candidate.policy(k)[s].bits() / static_cast<double>(candidate.steps());
        }
        const auto elements = static_cast<double>(site.elements);
        if (site.kind == SiteKind::kWeight) weights += elements, weight_bits += elements * bits;
        if (site.kind == SiteKind::kActivation) {
          activations += elements, activation_bits += elements * bits;
        }
      }
      char line[192];
      std::snprintf(line, sizeof(line),
                    "  %-19s %5.2f weight bits, %5.2f activation bits; by %s%s\n", NameOf(group),
                    weights > 0 ? weight_bits / weights : 0,
                    activations > 0 ? activation_bits / activations : 0, part.metric.c_str(),
                    part.instead_of.empty() ? "" : (" (no " + part.instead_of + ")").c_str());
      text += line;
    }
  }
  return text;
}

}  // namespace tmpq
