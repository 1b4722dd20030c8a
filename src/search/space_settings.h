// What spans a search space: modes, tied sites, candidate bit-widths.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "src/plan/bit_width.h"
#include "src/plan/quant_site.h"
#include "src/plan/timesteps.h"
#include "src/search/budget.h"

namespace tmpq {

// TMPQ-DM's four modes. Grouped: one timestep out of each group; else any strictly decreasing
// timesteps. Consistent: one policy for all steps; else one per step.
enum class SpaceMode { kFree, kGroupwise, kConsistent, kGroupwiseConsistent };
// Throws kUsage.
SpaceMode ParseSpaceMode(const std::string& name);
const char* NameOf(SpaceMode mode);

// Sites that share one gene: an index into their candidate bit-widths.
enum class SiteTies {
  kNone,
  kQkv,    // query, key and value of an attention
  kLayer,  // all of a layer: weight and activation, or query, key and value
  kGroup,  // all weights of a layer group, and all its activations (q, k, v among them)
};
// "none", "qkv", "layer" or "group"; throws kUsage.
SiteTies ParseSiteTies(const std::string& name);
const char* NameOf(SiteTies ties);

// Candidate bit-widths of a layer group, ascending; empty: the space's.
struct GroupBits {
  std::vector<BitWidth> weight_bits, activation_bits;
};
using BitsOfGroups = std::map<LayerGroup, GroupBits>;
// "embedding=8;feed-forward.weights=3,4,8;feed-forward.activations=4,8,32" (32: float inputs), or
// "". Throws kUsage naming the part.
BitsOfGroups ParseBitsOfGroups(const std::string& text);

struct SpaceSettings {
  SpaceMode mode = SpaceMode::kGroupwiseConsistent;
  Grouping grouping = Grouping::kQuadratic;  // grouped modes
  int steps = 20;
  int training_steps = 1000;
  int calls_per_step = 1;
  std::vector<BitWidth> weight_bits;  // ascending
  // Ascending; also of q, k and v. Softmax sites have 8. Float is for inputs of linears and
  // convolutions; of an attention alone where nothing else is given.
  std::vector<BitWidth> activation_bits;
  Budget budget;
  bool fill_budget = true;  // operators raise random genes as long as the budget allows
  SiteTies ties = SiteTies::kNone;
  BitsOfGroups group_bits = {};
  // Where there are any, timesteps are one of these sequences, whatever the mode and `steps` say
  // about them. Modes with a policy per step need sequences of one length.
  std::vector<TimestepSequence> fixed_timesteps = {};
};

// Candidate bit-widths of a site, ascending: those of the two that it can have; 8 for softmax
// (Float where q, k and v have nothing else), Float for what a recipe keeps in float.
std::vector<BitWidth> ChoicesFor(const QuantSite& site, const std::vector<BitWidth>& weight_bits,
                                 const std::vector<BitWidth>& activation_bits);
// Throws kUsage naming `group_bits` where a group has bits that the space's own lists have not:
// nothing is packed for them.
void CheckGroupBits(const SpaceSettings& settings);

}  // namespace tmpq
