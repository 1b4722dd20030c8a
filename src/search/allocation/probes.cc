#include "src/search/allocation/probes.h"

#include <algorithm>
#include <cmath>

#include "src/core/error.h"

namespace tmpq {

namespace {

// What rounding to `bits` adds to the variance of rounding to `widest`, in units of the range's
// square over 12.
double AddedVariance(BitWidth bits, BitWidth widest) {
  return std::exp2(-2.0 * bits.bits()) - std::exp2(-2.0 * widest.bits());
}

struct Probed {
  double variance, damage;  // both of them positive
};

// Damage at `variance` by those that were probed, from wide to narrow; there is one at least.
double DamageAt(double variance, std::span<const Probed> probed) {
  const auto narrower = std::find_if(probed.begin(), probed.end(),
                                     [&](const Probed& p) { return p.variance >= variance; });
  if (narrower == probed.begin() || narrower == probed.end()) {
    const Probed& nearest = narrower == probed.end() ? probed.back() : probed.front();
    return nearest.damage * variance / nearest.variance;
  }
  const Probed &low = *(narrower - 1), &high = *narrower;
  const double slope = std::log(high.damage / low.damage) / std::log(high.variance / low.variance);
  return low.damage * std::pow(variance / low.variance, slope);
}

}  // namespace

SensitivityProbes MakeProbes(const SearchSpace& space, std::span<const int> bits) {
  SensitivityProbes probes;
  const TimestepSequence timesteps = space.NearUniform().timesteps();
  const Policy widest = space.WidestRow();
  probes.base = Candidate::Uniform(timesteps, widest);
  probes.candidates = {probes.base};
  for (const SiteGene& gene : space.genes()) {
    const auto is_named = [&](size_t index) {
      const int width = space.ChoicesOf(gene.sites[0])[index].bits();
      return std::find(bits.begin(), bits.end(), width) != bits.end();
    };
    bool some = false;
    for (size_t index = 0; index + 1 < gene.choices; ++index) some = some || is_named(index);
    for (size_t index = 0; index + 1 < gene.choices; ++index) {
      if (some && !is_named(index)) continue;
      Policy policy = widest;
      space.SetIndex(policy, gene, index);
      probes.changes.emplace_back(gene.sites[0], policy[gene.sites[0]]);
      probes.candidates.push_back(Candidate::Uniform(timesteps, policy));
    }
  }
  return probes;
}

Sensitivities SensitivitiesOf(const SensitivityProbes& probes,
                              std::span<const Measurements> answers,
                              const std::string& measurement) {
  TMPQ_CHECK(answers.size() == probes.candidates.size(), "every probe has an answer");
  Sensitivities damages;
  const double base = answers[0].at(measurement);
  for (size_t i = 0; i < probes.changes.size(); ++i) {
    damages[probes.changes[i]] = answers[i + 1].at(measurement) - base;
  }
  return damages;
}

void CompleteSensitivities(const SearchSpace& space, Sensitivities& damages) {
  for (const SiteGene& gene : space.genes()) {
    const size_t site = gene.sites[0];
    const std::vector<BitWidth>& choices = space.ChoicesOf(site);
    const BitWidth widest = choices[gene.choices - 1];
    std::vector<Probed> probed;
    for (size_t index = gene.choices - 1; index-- > 0;) {
      const auto found = damages.find({site, choices[index]});
      if (found == damages.end() || !(found->second > 0) || !std::isfinite(found->second)) continue;
      probed.push_back({AddedVariance(choices[index], widest), found->second});
    }
    for (size_t index = 0; index + 1 < gene.choices; ++index) {
      if (damages.count({site, choices[index]}) > 0) continue;
      const double variance = AddedVariance(choices[index], widest);
      damages[{site, choices[index]}] = probed.empty() ? 0 : DamageAt(variance, probed);
    }
  }
}

}  // namespace tmpq
