// MixDQ's scan: a budget of average bits divided between content and quality layers by many ratios,
// of which the final samples' error decides.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "src/eval/sensitivity/mixed_precision.h"

namespace tmpq {

// Errors of candidates, in their order.
using MeasureErrors = std::function<std::vector<double>(std::span<const Candidate>)>;

// Average bits that are aimed at: the budget's own, or 10 from there to .3 bits below.
enum class ScannedTargets { kBudget, kBelowToo };

// The allocation of least measured error among those of AllocateMixed with the budget divided by
// squared error and by ratios: first of the weights' average bits (.46 to 1.36, 10 of them), then
// of the activations' (.94 to 1.09, 20) with the best of the weights'; each at each of `targets`,
// both as MixDQ has it (Zhao et al., arXiv 2405.17873; the values are its code's). Ratios that ask
// for bits which there are not, and those of limits that the budget does not have, are left out; so
// is all of it where `settings.decoupled` makes fewer than two parts. Of equal ones the first is
// measured alone. Throws as AllocateMixed.
MixedAllocation ScanRatios(const SensitivityTable& table, const SiteTable& sites,
                           const Budget& budget, const MixedSettings& settings,
                           ScannedTargets targets, const std::string& where,
                           const MeasureErrors& errors);

}  // namespace tmpq
