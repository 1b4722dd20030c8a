#include "src/search/allocation_search.h"

#include <algorithm>

#include "src/core/error.h"

namespace tmpq {

AllocationSearch::AllocationSearch(const SearchSpace& space, std::string measurement,
                                   std::string cost, int levels, AllocationSolver solver)
    : space_(space),
      measurement_(std::move(measurement)),
      cost_(std::move(cost)),
      levels_(levels),
      solver_(solver),
      probes_(MakeProbes(space)) {
  CheckRange("levels", levels, 1, 1e6);
}

std::vector<Candidate> AllocationSearch::Ask() {
  ++asked_;
  if (asked_ == 1) {
    NoteAll(probes_.candidates, Move::kProbe, proposed_);
    return probes_.candidates;
  }
  if (asked_ > 2) return {};
  const auto asked = [&](const Candidate& candidate) {
    const auto& probes = probes_.candidates;
    return !space_.IsLegal(candidate) ||
           std::find(probes.begin(), probes.end(), candidate) != probes.end();
  };
  std::vector<Candidate> batch =
      AllocateLevels(space_, probes_.base.timesteps(), cost_, damages_, levels_, solver_);
  std::erase_if(batch, asked);
  NoteAll(batch, Move::kAllocation, proposed_);
  return batch;
}

void AllocationSearch::Tell(std::span<const Candidate> candidates,
                            std::span<const Measurements> answers) {
  TMPQ_CHECK(candidates.size() == answers.size(), "every candidate has an answer");
  if (asked_ == 1) damages_ = SensitivitiesOf(probes_, answers, measurement_);
}

UniformRows::UniformRows(const SearchSpace& space) {
  const TimestepSequence timesteps = space.NearUniform().timesteps();
  for (const BitWidth weight : space.settings().weight_bits) {
    for (const BitWidth activation : space.settings().activation_bits) {
      Candidate candidate = Candidate::Uniform(timesteps, space.UniformRow(weight, activation));
      const bool is_new =
          std::find(candidates_.begin(), candidates_.end(), candidate) == candidates_.end();
      if (is_new && space.Fits(candidate)) candidates_.push_back(std::move(candidate));
    }
  }
}

}  // namespace tmpq
