#include "src/plan/costs.h"

#include <array>
#include <vector>

namespace tmpq {
namespace {

int BitsOf(const Policy& policy, int site) {
  return site < 0 ? BitWidth::kFloatBits : policy[site].bits();
}

int64_t RoundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace

int64_t StoredWeightBytes(const QuantSite& site, BitWidth width) {
  const int64_t scales = site.output_features * 4;
  if (width.is_float()) return site.elements * 4;
  return RoundUp(site.output_features, 16) * RoundUp(site.input_features, 4) * width.bits() / 8 +
         scales;
}

Costs CostsOf(const SiteTable& table, const Candidate& candidate, int calls_per_step) {
  std::vector<double> steps_of_policy(candidate.policies().size(), 0);
  for (int k = 0; k < candidate.steps(); ++k) steps_of_policy[candidate.policy_index(k)] += 1;
  Costs costs;
  double weight_bits = 0, weights = 0, activation_bits = 0, activation_macs = 0;
  for (size_t p = 0; p < candidate.policies().size(); ++p) {
    const Policy& policy = candidate.policies()[p];
    const double steps = steps_of_policy[p];
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
  int64_t stored_bytes = 0;
  for (size_t s = 0; s < table.sites.size(); ++s) {
    const QuantSite& site = table.sites[s];
    if (site.kind != SiteKind::kWeight) continue;
    std::array<bool, BitWidth::kFloatBits + 1> stored = {};
    for (size_t p = 0; p < candidate.policies().size(); ++p) {
      const BitWidth width = candidate.policies()[p][s];
      weight_bits += steps_of_policy[p] * static_cast<double>(site.elements) * width.bits();
      if (!stored[width.bits()]) stored_bytes += StoredWeightBytes(site, width);
      stored[width.bits()] = true;
    }
    weights += static_cast<double>(site.elements);
  }
  costs.bytes = stored_bytes + table.float_parameter_bytes;
  costs.average_weight_bits = weights > 0 ? weight_bits / (weights * candidate.steps()) : 0;
  costs.average_activation_bits = activation_macs > 0 ? activation_bits / activation_macs : 0;
  costs.stored_weight_bits = weights > 0 ? 8.0 * static_cast<double>(stored_bytes) / weights : 0;
  return costs;
}

}  // namespace tmpq
