#include "src/eval/sensitivity/mixed_precision.h"

#include <algorithm>
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
    for (const QuantSite& site : sites.sites) {
      site_settings_.choices.push_back(
          ChoicesFor(site, settings.weight_bits, settings.activation_bits));
    }
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

// Divides a limit on average bits between two parts: with r = elements of the first to the second's
// and the whole's average b, the second has b (1 + r) / (k r + 1) and the first k times that
// (MixDQ's formula). `narrowest`, `widest`: candidate bits of what the limit counts, which cost
// nothing and most. Throws kUsage where that is outside of these.
void DivideByRatio(const AllocationProblem& problem, const std::vector<int>& part_of_group,
                   size_t limit, double ratio, int narrowest, int widest, PartLimits& limits) {
  TMPQ_CHECK(limits.size() == 2, "ratios are of two parts");
  double kept = 0, most[2] = {0, 0};
  for (size_t g = 0; g < problem.groups.size(); ++g) {
    double least = INFINITY, largest = 0;
    for (const AllocationItem& item : problem.groups[g]) {
      least = std::min(least, item.costs[limit]), largest = std::max(largest, item.costs[limit]);
    }
    kept += least, most[part_of_group[g]] += largest - least;
  }
  const CostLimit& whole = problem.limits[limit];
  const double range = widest - narrowest;
  if (most[0] == 0 || most[1] == 0) return;  // one of them has nothing to choose
  const double first = most[0] / range, second = most[1] / range;  // elements, times steps
  const double average = narrowest + (whole.limit - kept) / (first + second);
  const double r = first / second;
  const double bits_of_second = average * (1 + r) / (ratio * r + 1);
  const double bits_of_first = ratio * bits_of_second;
  for (const double bits : {bits_of_first, bits_of_second}) {
    if (bits >= narrowest && bits <= widest) continue;
    throw Error(ErrorCode::kUsage, whole.name,
                "a part would have " + std::to_string(bits) + " bits",
                "between " + std::to_string(narrowest) + " and " + std::to_string(widest));
  }
  limits[0][limit] = kept + (bits_of_first - narrowest) * first;
  limits[1][limit] = (bits_of_second - narrowest) * second;
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
      const auto& bits =
          ratio->first == kAverageWeightBits ? settings.weight_bits : settings.activation_bits;
      DivideByRatio(by_error.problem, part_of_group, k, ratio->second, bits.front().bits(),
                    bits.back().bits(), limits);
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
  settings.weight_bits = space.weight_bits;
  settings.activation_bits = space.activation_bits;
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
