// From a sensitivity table and a budget to bit-widths of every site, measuring nothing.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "src/eval/sensitivity/sensitivity_table.h"
#include "src/plan/costs.h"
#include "src/search/allocation/solve.h"
#include "src/search/budget.h"

namespace tmpq {

class SearchBench;

struct MixedSettings {
  AllocationSolver solver = AllocationSolver::kGreedy;
  // Which metrics decide: "error" (squared_error for all sites), "vidit-q" or "mixdq".
  std::string decoupled = "error";
  // Of two decoupled parts, what the first one's average bits are of the second's, by limit
  // (kAverageWeightBits, kAverageActivationBits); a limit that is missing is divided by
  // squared_error.
  std::map<std::string, double> ratios = {};
  std::vector<std::vector<BitWidth>> choices;  // candidates of each site, ascending
  bool by_range = true;  // bit-widths of each range of the table's; false: the same at all steps
  TimestepSequence timesteps;  // of the plan
  int calls_per_step = 1;
};

// Which metric decides within which part of the network.
struct DecoupledPart {
  std::vector<LayerGroup> groups;  // that the network has
  std::string metric;              // of the table
  std::string instead_of;          // what the method names, where the table has it not; or empty
};

struct MixedAllocation {
  Candidate candidate;
  Costs costs;
  double predicted_error = 0;  // sum of the damages by squared_error of what was chosen
  std::vector<DecoupledPart> parts;
};

// Parts of the method `decoupled` over the layer groups of `sites`. "vidit-q": cross-attention by
// text, spatial attention, feed-forward and convolution by visual quality, temporal attention by
// consistency of frames; what ViDiT-Q keeps in float (modulation, embeddings) by squared error.
// "mixdq": cross-attention and feed-forward (content) by SSIM, the rest (quality) by the error of
// the network's output. "error": one part. Throws kUsage.
std::vector<DecoupledPart> PartsOf(const std::string& decoupled, const SensitivityTable& table);

// The least additive damage under `budget`, or for a decoupled method, the budget divided by
// squared error or by `ratios` and spent by each part's own metric (SolveParts). `table` passes
// CheckTable with `sites`; `where` names its file. Throws kUsage where nothing fits, a ratio asks
// for bits that there are not, or the solver does not know the budget, kInput where the table lacks
// a bit-width.
MixedAllocation AllocateMixed(const SensitivityTable& table, const SiteTable& sites,
                              const Budget& budget, const MixedSettings& settings,
                              const std::string& where);

// `settings` for an open bench: its hashes are checked against the table's, and it has the
// candidate bit-widths of its space, and the plan's steps, at uniform timesteps.
MixedSettings SettingsFor(const SensitivityTable& table, const SearchBench& bench,
                          MixedSettings settings, const std::string& where);
// The same as above on an open bench, which has sites, budget and SettingsFor.
MixedAllocation AllocateMixed(const SensitivityTable& table, const SearchBench& bench,
                              MixedSettings settings, const std::string& where);

// Bits by layer group, and which metric decided, as text.
std::string TextOf(const MixedAllocation& allocation, const SiteTable& sites);

}  // namespace tmpq
