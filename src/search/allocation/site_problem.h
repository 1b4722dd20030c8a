// Bit-widths of a network's sites as an allocation problem: additive damages against the costs of
// src/plan/costs.h.
#pragma once

#include <vector>

#include "src/plan/candidate.h"
#include "src/search/allocation/probes.h"
#include "src/search/allocation/problem.h"
#include "src/search/budget.h"

namespace tmpq {

struct SiteProblemSettings {
  std::vector<std::vector<BitWidth>> choices;  // of each site
  std::vector<int> steps_of_range = {1};       // sampling steps in each range of timesteps
  int calls_per_step = 1;
  // Of one range: what stored bytes are counted for where weights have a set a range of their own.
  // Empty: one set.
  TimestepSequence timesteps = {};
  // Sites that are chosen at once, by index of their choices, as SearchSpace::genes(); a site that
  // is in none is chosen alone.
  std::vector<SiteGene> ties = {};
};

// BitOps and times depend on the bits of two sites, so under a limit on them sites that meet in a
// product are chosen at once: a weight with its input, query with key, softmax with value. Such a
// component, in one range of timesteps, is a group, and its items are all combinations of its
// sites' choices. Other costs are sums over sites: every site, in one range, is a group, whose
// items cost what they do beyond the site's cheapest choice. Tied sites are one site to both. A
// group without a choice holds the rest: what is kept in float, and all cheapest choices. Limits
// carry the budget's names; those of averages are in bits of all weights, or all inputs, together.
struct SiteProblem {
  struct Group {
    size_t range = 0;
    std::vector<int> sites;
    std::vector<std::vector<BitWidth>> widths;  // of the sites, by item
  };
  AllocationProblem problem;
  std::vector<Group> groups;  // as the problem's
  size_t sites = 0, ranges = 0;

  // One policy a range.
  std::vector<Policy> PoliciesOf(const Allocation& allocation) const;
};

// `damages`: of each range; what is missing is 0. Throws kUsage where a limit of stored bytes meets
// several ranges, whose union of widths is no sum, and kUnsupported for a component of more than
// 4096 combinations.
SiteProblem MakeSiteProblem(const SiteTable& table, const Budget& budget,
                            const SiteProblemSettings& settings,
                            const std::vector<Sensitivities>& damages);

}  // namespace tmpq
