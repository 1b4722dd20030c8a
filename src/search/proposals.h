// Batches of candidates that were never proposed before.
#pragma once

#include <cstddef>
#include <set>
#include <utility>
#include <vector>

#include "src/core/hash.h"
#include "src/plan/candidate.h"

namespace tmpq {

// Proposals that were made before are drawn again this many times for each place in a batch.
inline constexpr size_t kAttemptsPerPlace = 50;

// Appends new candidates of `propose` until the batch has `size` or the attempts are used up.
template <typename Propose>
void AddNew(std::vector<Candidate>& batch, size_t size, std::set<Hash128>& proposed,
            Propose propose, size_t attempts_per_place = kAttemptsPerPlace) {
  const size_t missing = size > batch.size() ? size - batch.size() : 0;
  for (size_t attempt = 0; attempt < missing * attempts_per_place && batch.size() < size;
       ++attempt) {
    Candidate candidate = propose();
    if (proposed.insert(candidate.hash()).second) batch.push_back(std::move(candidate));
  }
}

}  // namespace tmpq
