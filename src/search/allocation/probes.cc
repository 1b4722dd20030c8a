#include "src/search/allocation/probes.h"

#include "src/core/error.h"

namespace tmpq {

SensitivityProbes MakeProbes(const SearchSpace& space) {
  SensitivityProbes probes;
  const TimestepSequence timesteps = space.NearUniform().timesteps();
  Policy widest;
  for (size_t s = 0; s < space.table().sites.size(); ++s)
    widest.push_back(space.ChoicesOf(s).back());
  probes.base = Candidate::Uniform(timesteps, widest);
  probes.candidates = {probes.base};
  for (size_t s = 0; s < widest.size(); ++s) {
    for (const BitWidth width : space.ChoicesOf(s)) {
      if (width == widest[s]) continue;
      Policy policy = widest;
      policy[s] = width;
      probes.changes.emplace_back(s, width);
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
