#include "src/search/proposals.h"

#include "src/core/error.h"

namespace tmpq {

const char* NameOf(Move move) {
  switch (move) {
    case Move::kGiven:
      return "given";
    case Move::kProbe:
      return "probe";
    case Move::kAllocation:
      return "allocation";
    case Move::kRandom:
      return "random";
    case Move::kMutation:
      return "mutation";
    case Move::kCrossover:
      return "crossover";
    case Move::kExchange:
      return "exchange";
    case Move::kStep:
      return "step";
    case Move::kTimesteps:
      return "timesteps";
  }
  TMPQ_CHECK(false, "an unknown move");
}

}  // namespace tmpq
