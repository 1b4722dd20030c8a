#include "src/eval/sensitivity/ratio_scan.h"

#include <algorithm>

#include "src/core/error.h"

namespace tmpq {
namespace {

struct Scan {
  const char* limit;
  double first, last;
  int count;
};
constexpr Scan kScans[] = {{kAverageWeightBits, 0.46, 1.36, 10},
                           {kAverageActivationBits, 0.94, 1.09, 20}};

constexpr double kMostBelow = 0.3;  // bits
constexpr int kTargetsBelow = 10;

// What is aimed at, and what comes of it.
struct Tried {
  Budget budget;
  MixedSettings settings;
  MixedAllocation made;
};

// The limits of `budget`, of `limit` and of less.
std::vector<Budget> TargetsOf(const Budget& budget, const char* limit, ScannedTargets targets) {
  std::vector<Budget> all = {budget};
  if (targets == ScannedTargets::kBudget) return all;
  for (int i = 1; i < kTargetsBelow; ++i) {
    std::map<std::string, double> limits = budget.limits();
    limits.at(limit) -= kMostBelow * i / (kTargetsBelow - 1);
    all.push_back(Budget::Of(std::move(limits)));
  }
  return all;
}

// All that differ of a scan.
std::vector<Tried> TryAll(const SensitivityTable& table, const SiteTable& sites, const Scan& scan,
                          const std::vector<Budget>& targets, const MixedSettings& settings,
                          const std::string& where) {
  std::vector<Tried> all;
  for (const Budget& target : targets) {
    for (int i = 0; i < scan.count; ++i) {
      Tried tried{target, settings, {}};
      tried.settings.ratios[scan.limit] =
          scan.first + i * (scan.last - scan.first) / (scan.count - 1);
      try {
        tried.made = AllocateMixed(table, sites, target, tried.settings, where);
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kUsage) throw;
        continue;  // bits that there are not
      }
      const bool known = std::any_of(all.begin(), all.end(), [&](const Tried& other) {
        return other.made.candidate == tried.made.candidate;
      });
      if (!known) all.push_back(std::move(tried));
    }
  }
  return all;
}

}  // namespace

MixedAllocation ScanRatios(const SensitivityTable& table, const SiteTable& sites,
                           const Budget& budget, const MixedSettings& settings,
                           ScannedTargets targets, const std::string& where,
                           const MeasureErrors& errors) {
  Tried best{budget, settings, AllocateMixed(table, sites, budget, settings, where)};
  if (best.made.parts.size() != 2) return best.made;
  double least = errors({&best.made.candidate, 1})[0];
  for (const Scan& scan : kScans) {
    if (budget.limits().count(scan.limit) == 0) continue;
    std::vector<Tried> all = TryAll(table, sites, scan, TargetsOf(best.budget, scan.limit, targets),
                                    best.settings, where);
    if (all.empty()) continue;
    std::vector<Candidate> candidates;
    for (const Tried& tried : all) candidates.push_back(tried.made.candidate);
    const std::vector<double> measured = errors(candidates);
    const auto found = std::min_element(measured.begin(), measured.end());
    if (!(*found < least)) continue;
    least = *found, best = std::move(all[found - measured.begin()]);
  }
  return best.made;
}

}  // namespace tmpq
