#include "src/search/allocation/probes.h"

#include "src/core/error.h"

namespace tmpq {

SensitivityProbes MakeProbes(const SearchSpace& space) {
  SensitivityProbes probes;
  const TimestepSequence timesteps = space.NearUniform().timesteps();
  const Policy widest = space.WidestRow();
  probes.base = Candidate::Uniform(timesteps, widest);
  probes.candidates = {probes.base};
  for (const SiteGene& gene : space.genes()) {
    for (size_t index = 0; index + 1 < gene.choices; ++index) {
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

}  // namespace tmpq
