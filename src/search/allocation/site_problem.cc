#include "src/search/allocation/site_problem.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "src/core/error.h"

namespace tmpq {
namespace {

constexpr size_t kMostCombinations = 4096;

// Sites that meet in products, as the part of the network that they are.
struct Component {
  std::vector<int> sites;                      // of the whole table
  SiteTable table;                             // these sites alone, and their products
  std::vector<std::vector<size_t>> decisions;  // sites chosen at once, as places in `sites`
};

// `range_begins`: of the stored sets. The first component is what is kept in float; each other
// begins with its first site.
std::vector<Component> ComponentsOf(const SiteTable& table, const std::vector<int>& range_begins,
                                    const std::vector<SiteGene>& ties) {
  std::vector<int> root(table.sites.size());
  std::iota(root.begin(), root.end(), 0);
  const auto find = [&](int site) {
    while (root[site] != site) site = root[site];
    return site;
  };
  const auto join = [&](int one, int other) {
    const int a = find(one), b = find(other);
    root[std::max(a, b)] = std::min(a, b);
  };
  for (const SiteProduct& product : table.products) {
    if (product.left_site >= 0 && product.right_site >= 0)
      join(product.left_site, product.right_site);
  }
  std::vector<size_t> first_tied(table.sites.size());  // each site's first tied one
  std::iota(first_tied.begin(), first_tied.end(), size_t{0});
  for (const SiteGene& gene : ties) {
    for (const size_t site : gene.sites) {
      first_tied[site] = gene.sites[0];
      join(static_cast<int>(gene.sites[0]), static_cast<int>(site));
    }
  }
  std::vector<Component> components(1);
  components[0].table.float_parameter_bytes = table.float_parameter_bytes;
  components[0].table.other_nanoseconds = table.other_nanoseconds;
  components[0].table.working_bytes = table.working_bytes;
  std::vector<size_t> component_of(table.sites.size());
  std::vector<int> place(table.sites.size());
  std::vector<size_t> decision_of(table.sites.size());
  for (int s = 0; s < static_cast<int>(table.sites.size()); ++s) {
    if (find(s) == s) components.emplace_back();
    components.back().table.range_begins = range_begins;
    component_of[s] = find(s) == s ? components.size() - 1 : component_of[find(s)];
    Component& component = components[component_of[s]];
    place[s] = static_cast<int>(component.sites.size());
    component.sites.push_back(s);
    component.table.sites.push_back(table.sites[s]);
    const size_t first = first_tied[s];
    decision_of[s] =
        first == static_cast<size_t>(s) ? component.decisions.size() : decision_of[first];
    if (first == static_cast<size_t>(s)) component.decisions.emplace_back();
    component.decisions[decision_of[s]].push_back(place[s]);
  }
  for (const SiteProduct& product : table.products) {
    const int left = product.left_site, right = product.right_site, any = std::max(left, right);
    components[any < 0 ? 0 : component_of[any]].table.products.push_back(
        {left < 0 ? -1 : place[left], right < 0 ? -1 : place[right], product.macs,
         product.nanoseconds});
  }
  return components;
}

// What an average is taken over: bits of all weights, or of all inputs, at all steps.
double WholeOf(const SiteTable& table, const std::string& cost, int steps) {
  double whole = 0;
  if (cost == kAverageWeightBits) {
    for (const QuantSite& site : table.sites) {
      if (site.kind == SiteKind::kWeight) whole += static_cast<double>(site.elements);
    }
  } else if (cost == kAverageActivationBits) {
    for (const SiteProduct& product : table.products) {
      const int left = product.left_site;
      if (left >= 0 && table.sites[left].kind == SiteKind::kWeight) {
        whole += static_cast<double>(product.macs);
      }
    }
  } else {
    return 1;  // no average
  }
  return whole * steps;
}

// Of a part of the network at one bit-width a site.
class ComponentCosts {
 public:
  ComponentCosts(const SiteProblemSettings& settings, const std::vector<CostLimit>& limits,
                 size_t range)
      : limits_(limits),
        steps_(settings.steps_of_range[range]),
        calls_per_step_(settings.calls_per_step),
        timesteps_(settings.timesteps.size() > 0 ? settings.timesteps
                                                 : UniformTimesteps(steps_, steps_)) {}

  std::vector<double> Of(const SiteTable& table, const Policy& policy) const {
    const Costs costs = CostsOf(table, Candidate::Uniform(timesteps_, policy), calls_per_step_);
    std::vector<double> values;
    for (const CostLimit& limit : limits_) {
      // Every cost is a whole number; an average times what it is over has to become one again.
      values.push_back(
          std::nearbyint(CostByName(costs, limit.name) * WholeOf(table, limit.name, steps_)));
    }
    return values;
  }

 private:
  const std::vector<CostLimit>& limits_;
  int steps_, calls_per_step_;
  TimestepSequence timesteps_;
};

// All combinations of the decisions' choices, those of the last decision turning fastest.
std::vector<Policy> Combinations(const Component& component,
                                 const std::vector<std::vector<BitWidth>>& choices) {
  std::vector<Policy> all = {Policy(component.sites.size())};
  for (const std::vector<size_t>& decision : component.decisions) {
    std::vector<Policy> more;
    for (const Policy& widths : all) {
      for (size_t index = 0; index < choices[component.sites[decision[0]]].size(); ++index) {
        more.push_back(widths);
        for (const size_t i : decision) more.back()[i] = choices[component.sites[i]][index];
      }
      if (more.size() > kMostCombinations) {
        throw Error(ErrorCode::kUnsupported, component.table.sites[0].name,
                    "and the sites that it is multiplied with have too many combinations",
                    "fewer candidate bit-widths");
      }
    }
    all = std::move(more);
  }
  return all;
}

class Builder {
 public:
  Builder(const SiteProblemSettings& settings, const std::vector<Sensitivities>& damages,
          SiteProblem& made)
      : settings_(settings), damages_(damages), made_(made) {}

  // All combinations of the component's choices as one group.
  void AddProduct(const Component& component, size_t range) {
    const ComponentCosts costs(settings_, made_.problem.limits, range);
    const auto widths = Combinations(component, settings_.choices);
    std::vector<AllocationItem> items;
    for (const auto& item : widths) {
      double error = 0;
      for (size_t i = 0; i < item.size(); ++i) error += Damage(range, component.sites[i], item[i]);
      items.push_back({error, costs.Of(component.table, item)});
    }
    Add(component.table.sites[0].layer, range, component.sites, widths, std::move(items));
  }

  // Each decision as a group; what its cheapest choices cost joins the group without a choice.
  void AddSites(const Component& component, size_t range) {
    const ComponentCosts costs(settings_, made_.problem.limits, range);
    Policy first;
    for (const int site : component.sites) first.push_back(settings_.choices[site][0]);
    const std::vector<double> least = costs.Of(component.table, first);
    AddToRest(least);
    for (const std::vector<size_t>& decision : component.decisions) {
      std::vector<int> sites;
      for (const size_t i : decision) sites.push_back(component.sites[i]);
      std::vector<Policy> widths;
      std::vector<AllocationItem> items;
      for (size_t index = 0; index < settings_.choices[sites[0]].size(); ++index) {
        Policy policy = first, chosen;
        double error = 0;
        for (const size_t i : decision) {
          const int site = component.sites[i];
          policy[i] = settings_.choices[site][index];
          chosen.push_back(policy[i]);
          error += Damage(range, site, policy[i]);
        }
        AllocationItem item{error, costs.Of(component.table, policy)};
        for (size_t k = 0; k < item.costs.size(); ++k) item.costs[k] -= least[k];
        items.push_back(std::move(item));
        widths.push_back(std::move(chosen));
      }
      AddToRest(TakeLeast(items));
      Add(component.table.sites[decision[0]].name, range, std::move(sites), std::move(widths),
          std::move(items));
    }
  }

  // Costs that no choice changes.
  void AddToRest(const std::vector<double>& costs) {
    std::vector<double>& rest = made_.problem.groups[0][0].costs;
    for (size_t k = 0; k < rest.size(); ++k) rest[k] += costs[k];
  }

 private:
  // Subtracts from the items, cost by cost, the least of theirs: the narrowest bit-width need not
  // be the fastest.
  static std::vector<double> TakeLeast(std::vector<AllocationItem>& items) {
    std::vector<double> least = items[0].costs;
    for (const AllocationItem& item : items) {
      for (size_t k = 0; k < least.size(); ++k) least[k] = std::min(least[k], item.costs[k]);
    }
    for (AllocationItem& item : items) {
      for (size_t k = 0; k < least.size(); ++k) item.costs[k] -= least[k];
    }
    return least;
  }
  double Damage(size_t range, int site, BitWidth width) const {
    const auto found = damages_[range].find({static_cast<size_t>(site), width});
    return found == damages_[range].end() ? 0 : found->second;
  }
  void Add(const std::string& name, size_t range, std::vector<int> sites,
           std::vector<std::vector<BitWidth>> widths, std::vector<AllocationItem> items) {
    made_.problem.groups.push_back(std::move(items));
    made_.problem.group_names.push_back(name + ", range " + std::to_string(range));
    made_.groups.push_back({range, std::move(sites), std::move(widths)});
  }

  const SiteProblemSettings& settings_;
  const std::vector<Sensitivities>& damages_;
  SiteProblem& made_;
};

}  // namespace

SiteProblem MakeSiteProblem(const SiteTable& table, const Budget& budget,
                            const SiteProblemSettings& settings,
                            const std::vector<Sensitivities>& damages) {
  const std::vector<int>& steps_of_range = settings.steps_of_range;
  TMPQ_CHECK(settings.choices.size() == table.sites.size(), "choices for every site");
  TMPQ_CHECK(damages.size() == steps_of_range.size(), "damages of every range");
  const bool bytes =
      budget.limits().count(kStoredBytes) > 0 || budget.limits().count(kPeakBytes) > 0;
  if (bytes && steps_of_range.size() > 1) {
    throw Error(ErrorCode::kUsage, "allocation",
                "cannot limit stored bytes over several ranges of timesteps: they share weights",
                "one range, or a limit on bitops or average bits");
  }
  const int steps = std::accumulate(steps_of_range.begin(), steps_of_range.end(), 0);
  SiteProblem made;
  made.sites = table.sites.size(), made.ranges = steps_of_range.size();
  for (const auto& [name, limit] : budget.limits()) {
    const double whole = WholeOf(table, name, steps);
    made.problem.limits.push_back({name, limit * whole, whole});
  }
  const std::vector<Component> components =
      ComponentsOf(table, settings.timesteps.size() > 0 ? table.range_begins : std::vector<int>{0},
                   settings.ties);
  made.problem.group_names = {"kept in float, and first choices"};
  made.problem.groups = {{{0, std::vector<double>(made.problem.limits.size(), 0)}}};
  made.groups = {{0, {}, {{}}}};
  const bool products = budget.limits().count(kBitOps) > 0 || budget.limits().count(kLatency) > 0;
  Builder builder(settings, damages, made);
  for (size_t range = 0; range < made.ranges; ++range) {
    builder.AddToRest(
        ComponentCosts(settings, made.problem.limits, range).Of(components[0].table, {}));
    for (size_t c = 1; c < components.size(); ++c) {
      products ? builder.AddProduct(components[c], range) : builder.AddSites(components[c], range);
    }
  }
  return made;
}

std::vector<Policy> SiteProblem::PoliciesOf(const Allocation& allocation) const {
  std::vector<Policy> policies(ranges, Policy(sites));
  for (size_t g = 0; g < groups.size(); ++g) {
    const auto& widths = groups[g].widths[allocation.items[g]];
    for (size_t i = 0; i < widths.size(); ++i) {
      policies[groups[g].range][groups[g].sites[i]] = widths[i];
    }
  }
  return policies;
}

}  // namespace tmpq
