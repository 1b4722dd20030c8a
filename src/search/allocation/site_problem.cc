#include "src/search/allocation/site_problem.h"

#include <cmath>
#include <numeric>

#include "src/core/error.h"

namespace tmpq {
namespace {

constexpr size_t kMostCombinations = 4096;

// Sites that meet in products, as the part of the network that they are.
struct Component {
  std::vector<int> sites;  // of the whole table
  SiteTable table;         // these sites alone, and their products
};

// The first component is what is kept in float; each other begins with its first site.
std::vector<Component> ComponentsOf(const SiteTable& table) {
  std::vector<int> root(table.sites.size());
  std::iota(root.begin(), root.end(), 0);
  const auto find = [&](int site) {
    while (root[site] != site) site = root[site];
    return site;
  };
  for (const SiteProduct& product : table.products) {
    if (product.left_site < 0 || product.right_site < 0) continue;
    const int a = find(product.left_site), b = find(product.right_site);
    root[std::max(a, b)] = std::min(a, b);
  }
  std::vector<Component> components(1);
  components[0].table.float_parameter_bytes = table.float_parameter_bytes;
  std::vector<size_t> component_of(table.sites.size());
  std::vector<int> place(table.sites.size());
  for (int s = 0; s < static_cast<int>(table.sites.size()); ++s) {
    if (find(s) == s) components.emplace_back();
    component_of[s] = find(s) == s ? components.size() - 1 : component_of[find(s)];
    Component& component = components[component_of[s]];
    place[s] = static_cast<int>(component.sites.size());
    component.sites.push_back(s);
    component.table.sites.push_back(table.sites[s]);
  }
  for (const SiteProduct& product : table.products) {
    const int left = product.left_site, right = product.right_site, any = std::max(left, right);
    components[any < 0 ? 0 : component_of[any]].table.products.push_back(
        {left < 0 ? -1 : place[left], right < 0 ? -1 : place[right], product.macs});
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

std::vector<double> CostsOfComponent(const SiteTable& table, const Policy& policy, int steps,
                                     int calls_per_step, const std::vector<CostLimit>& limits) {
  const Costs costs =
      CostsOf(table, Candidate::Uniform(UniformTimesteps(steps, steps), policy), calls_per_step);
  std::vector<double> values;
  for (const CostLimit& limit : limits) {
    // Every cost is a whole number; an average times what it is over has to become one again.
    values.push_back(
        std::nearbyint(CostByName(costs, limit.name) * WholeOf(table, limit.name, steps)));
  }
  return values;
}

// All combinations of the sites' choices, those of the last site turning fastest.
std::vector<std::vector<BitWidth>> Combinations(const Component& component,
                                                const std::vector<std::vector<BitWidth>>& choices) {
  std::vector<std::vector<BitWidth>> all(1);
  for (const int site : component.sites) {
    std::vector<std::vector<BitWidth>> longer;
    for (const auto& widths : all) {
      for (const BitWidth width : choices[site]) {
        longer.push_back(widths);
        longer.back().push_back(width);
      }
      if (longer.size() > kMostCombinations) {
        throw Error(ErrorCode::kUnsupported, component.table.sites[0].name,
                    "and the sites that it is multiplied with have too many combinations",
                    "fewer candidate bit-widths");
      }
    }
    all = std::move(longer);
  }
  return all;
}

}  // namespace

SiteProblem MakeSiteProblem(const SiteTable& table, const Budget& budget,
                            const SiteProblemSettings& settings,
                            const std::vector<Sensitivities>& damages) {
  const std::vector<int>& steps_of_range = settings.steps_of_range;
  TMPQ_CHECK(settings.choices.size() == table.sites.size(), "choices for every site");
  TMPQ_CHECK(damages.size() == steps_of_range.size(), "damages of every range");
  if (budget.limits().count(kBytes) > 0 && steps_of_range.size() > 1) {
    throw Error(ErrorCode::kUsage, "allocation",
                "cannot limit stored bytes over several ranges of timesteps: they share weights",
                "one range, or a limit on bitops or average bits");
  }
  const int steps = std::accumulate(steps_of_range.begin(), steps_of_range.end(), 0);
  SiteProblem made;
  made.sites = table.sites.size(), made.ranges = steps_of_range.size();
  AllocationProblem& problem = made.problem;
  for (const auto& [name, limit] : budget.limits()) {
    const double whole = WholeOf(table, name, steps);
    problem.limits.push_back({name, limit * whole, whole});
  }
  const std::vector<Component> components = ComponentsOf(table);
  problem.group_names = {"kept in float"};
  problem.groups = {{{0, CostsOfComponent(components[0].table, {}, steps, settings.calls_per_step,
                                          problem.limits)}}};
  made.groups = {{0, {}, {{}}}};
  for (size_t range = 0; range < made.ranges; ++range) {
    for (size_t c = 1; c < components.size(); ++c) {
      const Component& component = components[c];
      const auto widths = Combinations(component, settings.choices);
      std::vector<AllocationItem> items;
      for (const auto& item : widths) {
        double error = 0;
        for (size_t i = 0; i < item.size(); ++i) {
          const auto found =
              damages[range].find({static_cast<size_t>(component.sites[i]), item[i]});
          if (found != damages[range].end()) error += found->second;
        }
        items.push_back({error, CostsOfComponent(component.table, item, steps_of_range[range],
                                                 settings.calls_per_step, problem.limits)});
      }
      problem.groups.push_back(std::move(items));
      problem.group_names.push_back(component.table.sites[0].layer + ", range " +
                                    std::to_string(range));
      made.groups.push_back({range, component.sites, widths});
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
