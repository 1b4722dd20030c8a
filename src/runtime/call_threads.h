// How threads are divided between calls of a network and within each.
#pragma once

#include <algorithm>
#include <cstdint>

#include "src/runtime/network.h"

namespace tmpq {

struct CallThreads {
  int callers = 1;   // calls at a time
  int per_call = 1;  // threads of each
};

// `threads` threads take samples, of which there are `count`, each calling for its own; where there
// are fewer samples than a call of `batch` keeps threads busy, all share one call at a time.
inline CallThreads DivideThreads(const RuntimeNetwork& network, int64_t count, int64_t batch,
                                 int threads) {
  const int useful = network.UsefulThreads(batch, threads);
  if (useful > count) return {1, useful};
  return {static_cast<int>(std::clamp<int64_t>(count, 1, std::max(1, threads))), 1};
}

}  // namespace tmpq
