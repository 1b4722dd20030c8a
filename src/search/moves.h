// Small changes of a candidate, and large ones, from which a guided search picks.
#pragma once

#include <span>

#include "src/core/random.h"
#include "src/search/proposals.h"
#include "src/search/space.h"

namespace tmpq {

// Draws a variation of one of `parents` (or a crossover of two): a gene raised while another is
// lowered, so that costs hardly change; one gene raised or lowered by one; timesteps moved, or
// taken over from another parent; a few genes drawn anew; a crossover. Legal, fits the budget.
// Parents are legal; there is one or more.
Proposal Vary(const SearchSpace& space, std::span<const Candidate> parents, RandomStream& random);

}  // namespace tmpq
