// Batches of candidates that were never proposed before, and what made them.
#pragma once

#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "src/core/hash.h"
#include "src/plan/candidate.h"

namespace tmpq {

// What made a proposal.
enum class Move {
  kGiven,       // an initial candidate, a seed, one of an enumeration
  kProbe,       // to learn from: a site narrowed alone
  kAllocation,  // solved for from tables
  kRandom,
  kMutation,  // a few genes drawn anew
  kCrossover,
  kExchange,  // a gene raised while another is lowered
  kStep,      // a gene raised or lowered by one
  kTimesteps  // moved, or taken over from another parent
};
inline constexpr Move kLastMove = Move::kTimesteps;
const char* NameOf(Move move);

struct Proposal {
  Candidate candidate;
  Move move;
};

// All that was proposed, by what made it first.
using Proposed = std::map<Hash128, Move>;

// Those that are new were made by `move`.
inline void NoteAll(const std::vector<Candidate>& candidates, Move move, Proposed& proposed) {
  for (const Candidate& candidate : candidates) proposed.emplace(candidate.hash(), move);
}

// Proposals that were made before are drawn again this many times for each place in a batch.
inline constexpr size_t kAttemptsPerPlace = 50;

// Appends new candidates of `propose`, which returns a Proposal, until the batch has `size` or the
// attempts are used up.
template <typename Propose>
void AddNew(std::vector<Candidate>& batch, size_t size, Proposed& proposed, Propose propose,
            size_t attempts_per_place = kAttemptsPerPlace) {
  const size_t missing = size > batch.size() ? size - batch.size() : 0;
  for (size_t attempt = 0; attempt < missing * attempts_per_place && batch.size() < size;
       ++attempt) {
    Proposal proposal = propose();
    if (proposed.emplace(proposal.candidate.hash(), proposal.move).second)
      batch.push_back(std::move(proposal.candidate));
  }
}

}  // namespace tmpq
