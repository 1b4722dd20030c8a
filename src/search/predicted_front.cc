#include "src/search/predicted_front.h"

#include "src/search/allocation/front.h"

namespace tmpq {
namespace {

constexpr int kLevels = 20;  // of exact allocations, beside the Lagrangian sweep

}  // namespace

std::vector<ArchiveEntry> PredictFront(const SearchSpace& space, const AdditiveModel& model,
                                       const TimestepSequence& timesteps,
                                       const std::string& measurement) {
  SpaceSettings settings = space.settings();
  settings.budget = Budget();
  const SearchSpace open(space.table(), settings);
  const std::vector<std::string> costs = {kBitOps};
  ParetoArchive archive({measurement, kBitOps});
  for (const Candidate& candidate :
       AllocationFront(open, timesteps, costs, model.tables().damages, kLevels)) {
    archive.Insert(candidate, {model.Predict(candidate).error, open.CostsOf(candidate).bitops});
  }
  return archive.Entries();
}

}  // namespace tmpq
