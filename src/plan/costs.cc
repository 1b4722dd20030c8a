#include "src/plan/costs.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "src/core/error.h"

namespace tmpq {
namespace {

constexpr CostKind kKinds[] = {
    {kAverageWeightBits, "bits", "mean over all weights, weighted by steps", false, false,
     [](const Costs& costs) { return costs.average_weight_bits; },
     [](Costs& costs, double value) { costs.average_weight_bits = value; }},
    {kStoredWeightBits, "bits", "8 x bytes of stored weights / number of weights", false, false,
     [](const Costs& costs) { return costs.stored_weight_bits; },
     [](Costs& costs, double value) { costs.stored_weight_bits = value; }},
    {kAverageActivationBits, "bits", "mean over inputs of layers, weighted by MACs and steps",
     false, false, [](const Costs& costs) { return costs.average_activation_bits; },
     [](Costs& costs, double value) { costs.average_activation_bits = value; }},
    {kBitOps, "bit operations per sample", "MACs x weight bits x activation bits, whole run", false,
     false, [](const Costs& costs) { return costs.bitops; },
     [](Costs& costs, double value) { costs.bitops = value; }},
    {kStoredBytes, "bytes", "stored weights at every bit-width in use, scales, float parameters",
     true, false, [](const Costs& costs) { return static_cast<double>(costs.bytes); },
     [](Costs& costs, double value) { costs.bytes = std::llround(value); }},
    {kLatency, "ns", "sampling the timed batch, from the latency table", true, true,
     [](const Costs& costs) { return static_cast<double>(costs.latency_ns); },
     [](Costs& costs, double value) { costs.latency_ns = std::llround(value); }},
    {kPeakBytes, "bytes", "stored bytes and the timed batch's activations", true, true,
     [](const Costs& costs) { return static_cast<double>(costs.peak_bytes); },
     [](Costs& costs, double value) { costs.peak_bytes = std::llround(value); }},
};

int BitsOf(const Policy& policy, int site) {
  return site < 0 ? BitWidth::kFloatBits : policy[site].bits();
}

// Of one sampling step.
int64_t NanosecondsOf(const SiteTable& table, const Policy& policy) {
  int64_t sum = table.other_nanoseconds;
  for (const SiteProduct& product : table.products) {
    if (product.nanoseconds.empty()) continue;
    const std::pair bits(BitsOf(policy, product.left_site), BitsOf(policy, product.right_site));
    const auto found = product.nanoseconds.find(bits);
    TMPQ_CHECK(found != product.nanoseconds.end(),
               table.sites[product.left_site].name + " has not been timed at " +
                   std::to_string(bits.first) + " x " + std::to_string(bits.second) + " bits");
    sum += found->second;
  }
  return sum;
}

int64_t RoundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

int64_t PanelBytes(const QuantSite& site, int bits) {
  return RoundUp(site.output_features, 16) * RoundUp(site.input_features, 4) * bits / 8;
}

int64_t ScaleBytes(const QuantSite& site) {
  return site.storage.scale_bytes >= 0 ? site.storage.scale_bytes : 4 * site.output_features;
}

// Which policies meet which timestep ranges.
std::vector<std::pair<int, int>> PoliciesOfRanges(const SiteTable& table,
                                                  const Candidate& candidate) {
  std::vector<std::pair<int, int>> pairs;  // (policy, range)
  for (int k = 0; k < candidate.steps(); ++k) {
    pairs.emplace_back(candidate.policy_index(k),
                       RangeOfTimestep(table.range_begins, candidate.timesteps()[k]));
  }
  std::sort(pairs.begin(), pairs.end());
  pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
  return pairs;
}

// Bytes of a weight site at the bit-widths of one set: bit b of `widths` is b bits.
int64_t SetBytes(const QuantSite& site, uint64_t widths) {
  constexpr uint64_t kFloatMask = uint64_t{1} << BitWidth::kFloatBits;
  int64_t bytes = 0;
  int widest = 0;
  for (int bits = 2; bits <= 8; ++bits) {
    if ((widths >> bits & 1) == 0) continue;
    widest = bits;
    bytes += ScaleBytes(site) + (site.storage.nested ? 0 : PanelBytes(site, bits));
  }
  if ((widths & ~kFloatMask) != 0) bytes += site.storage.set_bytes;
  if (site.storage.nested && widest > 0) bytes += PanelBytes(site, widest);
  return bytes;
}

// Bytes of a weight site over all steps of a candidate.
int64_t StoredBytes(const SiteTable& table, size_t s, const Candidate& candidate,
                    const std::vector<std::pair<int, int>>& policies_of_ranges) {
  const QuantSite& site = table.sites[s];
  constexpr uint64_t kFloatMask = uint64_t{1} << BitWidth::kFloatBits;
  uint64_t all = 0;
  int64_t bytes = 0;
  for (size_t set = 0; set < (site.storage.by_range ? table.range_begins.size() : 1); ++set) {
    uint64_t widths = 0;
    for (const auto& [policy, range] : policies_of_ranges) {
      if (site.storage.by_range && range != static_cast<int>(set)) continue;
      widths |= uint64_t{1} << candidate.policies()[policy][s].bits();
    }
    bytes += SetBytes(site, widths);
    all |= widths;
  }
  // Float weights are not transformed, and the same in every set.
  if ((all & kFloatMask) != 0) bytes += 4 * site.elements;
  if ((all & ~kFloatMask) != 0) bytes += site.storage.layer_bytes;
  return bytes;
}

}  // namespace

int64_t StoredWeightBytes(const QuantSite& site, BitWidth width) {
  if (width.is_float()) return site.elements * 4;
  return PanelBytes(site, width.bits()) + ScaleBytes(site);
}

std::span<const CostKind> CostKinds() { return kKinds; }

const CostKind* FindCostKind(const std::string& name) {
  const auto* found = std::find_if(std::begin(kKinds), std::end(kKinds),
                                   [&](const CostKind& kind) { return name == kind.name; });
  return found == std::end(kKinds) ? nullptr : found;
}

double CostByName(const Costs& costs, const std::string& name) {
  const CostKind* kind = FindCostKind(name);
  TMPQ_CHECK(kind != nullptr, "unknown cost " + name);
  return kind->get(costs);
}

Costs CostsOf(const SiteTable& table, const Candidate& candidate, int calls_per_step) {
  std::vector<double> steps_of_policy(candidate.policies().size(), 0);
  for (int k = 0; k < candidate.steps(); ++k) steps_of_policy[candidate.policy_index(k)] += 1;
  Costs costs;
  double weight_bits = 0, weights = 0, activation_bits = 0, activation_macs = 0;
  for (size_t p = 0; p < candidate.policies().size(); ++p) {
    const Policy& policy = candidate.policies()[p];
    const double steps = steps_of_policy[p];
    costs.latency_ns += static_cast<int64_t>(steps) * NanosecondsOf(table, policy);
    for (const SiteProduct& product : table.products) {
      const double macs = steps * static_cast<double>(product.macs);
      const int left = BitsOf(policy, product.left_site),
                right = BitsOf(policy, product.right_site);
      costs.bitops += macs * calls_per_step * left * right;
      if (product.left_site >= 0 && table.sites[product.left_site].kind == SiteKind::kWeight) {
        activation_bits += macs * right;
        activation_macs += macs;
      }
    }
  }
  const auto policies_of_ranges = PoliciesOfRanges(table, candidate);
  int64_t stored_bytes = 0;
  for (size_t s = 0; s < table.sites.size(); ++s) {
    const QuantSite& site = table.sites[s];
    if (site.kind != SiteKind::kWeight) continue;
    for (size_t p = 0; p < candidate.policies().size(); ++p) {
      const BitWidth width = candidate.policies()[p][s];
      weight_bits += steps_of_policy[p] * static_cast<double>(site.elements) * width.bits();
    }
    stored_bytes += StoredBytes(table, s, candidate, policies_of_ranges);
    weights += static_cast<double>(site.elements);
  }
  costs.bytes = stored_bytes + table.float_parameter_bytes;
  costs.peak_bytes = costs.bytes + table.working_bytes;
  costs.average_weight_bits = weights > 0 ? weight_bits / (weights * candidate.steps()) : 0;
  costs.average_activation_bits = activation_macs > 0 ? activation_bits / activation_macs : 0;
  costs.stored_weight_bits = weights > 0 ? 8.0 * static_cast<double>(stored_bytes) / weights : 0;
  return costs;
}

}  // namespace tmpq
