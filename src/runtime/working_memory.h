// What network calls need beside weights.
#pragma once

#include <cstdint>

#include "src/runtime/network.h"

namespace tmpq {

// Bytes of workspaces and outputs where each of `threads` threads calls the network with `batch`
// samples of its own. Allocates one workspace to see.
int64_t WorkingBytes(const RuntimeNetwork& network, int64_t batch, int threads);

}  // namespace tmpq
