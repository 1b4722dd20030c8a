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

}  // namespace

MixedAllocation ScanRatios(const SensitivityTable& table, const SiteTable& sites,
                           const Budget& budget, const MixedSettings& given,
                           const std::string& where, const MeasureErrors& errors) {
  MixedSettings settings = given;
  MixedAllocation best = AllocateMixed(table, sites, budget, settings, where);
  if (best.parts.size() != 2) return best;
  double least = errors({&best.candidate, 1})[0];
  for (const Scan& scan : kScans) {
    if (budget.limits().count(scan.limit) == 0) continue;
    std::vector<MixedAllocation> made;
    std::vector<std::map<std::string, double>> ratios;
    std::vector<Candidate> candidates;
    for (int i = 0; i < scan.count; ++i) {
      MixedSettings tried = settings;
      tried.ratios[scan.limit] = scan.first + i * (scan.last - scan.first) / (scan.count - 1);
      try {
        made.push_back(AllocateMixed(table, sites, budget, tried, where));
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kUsage) throw;
        continue;  // bits that there are not
      }
      ratios.push_back(tried.ratios), candidates.push_back(made.back().candidate);
    }
    if (candidates.empty()) continue;
    const std::vector<double> measured = errors(candidates);
    const auto found = std::min_element(measured.begin(), measured.end());
    if (!(*found < least)) continue;
    const auto index = static_cast<size_t>(found - measured.begin());
    least = *found, best = std::move(made[index]), settings.ratios = ratios[index];
  }
  return best;
}

}  // namespace tmpq
