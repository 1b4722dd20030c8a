#include "src/search/predicted_front.h"

#include <algorithm>

#include "src/search/allocation/front.h"

namespace tmpq {
namespace {

constexpr int kLevels = 20;  // of exact allocations, beside the Lagrangian sweep

// Noise makes some narrow widths look better than wide ones; allocations would take it for a gift.
Sensitivities WithoutGifts(Sensitivities damages) {
  for (auto& [change, damage] : damages) damage = std::max(damage, 0.0);
  return damages;
}

double DamageOf(const Policy& policy, const Sensitivities& damages) {
  double sum = 0;
  for (size_t s = 0; s < policy.size(); ++s) {
    const auto found = damages.find({s, policy[s]});
    if (found != damages.end()) sum += found->second;
  }
  return sum;
}

}  // namespace

std::vector<ArchiveEntry> PredictFront(const SearchSpace& space, const AdditiveModel& model,
                                       const TimestepSequence& timesteps,
                                       const std::string& measurement) {
  SpaceSettings settings = space.settings();
  settings.budget = Budget();
  const SearchSpace open(space.table(), settings);
  const std::vector<std::string> costs = {kBitOps};
  const Sensitivities damages = WithoutGifts(model.tables().damages);
  const double of_timesteps = model.TimestepError(timesteps);
  ParetoArchive archive({measurement, kBitOps});
  for (const Candidate& candidate : AllocationFront(open, timesteps, costs, damages, kLevels)) {
    archive.Insert(candidate, {of_timesteps + DamageOf(candidate.policy(0), damages),
                               open.CostsOf(candidate).bitops});
  }
  return archive.Entries();
}

}  // namespace tmpq
