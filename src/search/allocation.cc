#include "src/search/allocation.h"

#include <algorithm>
#include <limits>

#include "src/core/error.h"

namespace tmpq {
namespace {

// How far a candidate is above its limits, as a sum of shares.
double ExcessShare(const Budget& budget, const Costs& costs) {
  double share = 0;
  for (const auto& [name, limit] : budget.limits())
    share += std::max(0.0, CostByName(costs, name) / limit - 1);
  return share;
}

// One site moved by one place in its list of candidate bit-widths.
struct Move {
  size_t site = 0;
  BitWidth to;
  double merit = -std::numeric_limits<double>::infinity();

  bool exists() const { return merit > -std::numeric_limits<double>::infinity(); }
};

class Allocation {
 public:
  Allocation(const SearchSpace& space, const Budget& budget, const SensitivityProbes& probes,
             const Sensitivities& damages)
      : space_(space),
        budget_(budget),
        timesteps_(probes.base.timesteps()),
        damages_(damages),
        policy_(probes.base.policy(0)) {}

  std::optional<Candidate> Run() {
    while (Excess(policy_) > 0) {
      const Move move = Best(-1);
      if (!move.exists()) return std::nullopt;
      Apply(move);
    }
    for (Move move = Best(+1); move.exists(); move = Best(+1)) Apply(move);
    return Candidate::Uniform(timesteps_, policy_);
  }

 private:
  double Excess(const Policy& policy) const {
    return ExcessShare(budget_, space_.CostsOf(Candidate::Uniform(timesteps_, policy)));
  }
  double Damage(size_t site, BitWidth width) const {
    const auto found = damages_.find({site, width});
    return found == damages_.end() ? 0 : found->second;  // the widest has none
  }

  // The best narrowing (direction -1) by damage per saved excess, or widening (+1) that fits by
  // relief.
  Move Best(int direction) const {
    Move best;
    const double excess = Excess(policy_);
    for (size_t site = 0; site < policy_.size(); ++site) {
      const auto& choices = space_.ChoicesOf(site);
      const auto at =
          std::find(choices.begin(), choices.end(), policy_[site]) - choices.begin() + direction;
      if (at < 0 || at >= static_cast<int64_t>(choices.size())) continue;
      Policy policy = policy_;
      policy[site] = choices[at];
      const double relief = Damage(site, policy_[site]) - Damage(site, policy[site]);
      const double saved = excess - Excess(policy);
      if (direction < 0 ? saved <= 0 : Excess(policy) > 0) continue;
      const double merit = direction < 0 ? relief / saved : relief;
      if (merit > best.merit) best = {site, choices[at], merit};
    }
    return best;
  }

  void Apply(const Move& move) { policy_[move.site] = move.to; }

  const SearchSpace& space_;
  const Budget& budget_;
  TimestepSequence timesteps_;
  const Sensitivities& damages_;
  Policy policy_;
};

}  // namespace

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

std::optional<Candidate> AllocateGreedily(const SearchSpace& space, const Budget& budget,
                                          const SensitivityProbes& probes,
                                          const Sensitivities& damages) {
  return Allocation(space, budget, probes, damages).Run();
}

}  // namespace tmpq
