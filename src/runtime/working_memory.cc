#include "src/runtime/working_memory.h"

namespace tmpq {

int64_t WorkingBytes(const RuntimeNetwork& network, int64_t batch, int threads) {
  const Workspace workspace = network.MakeWorkspace(batch, 1, /*keep_constants=*/true);
  const auto floats = static_cast<int64_t>(workspace.arena.size() + workspace.constants.size()) +
                      batch * ElementsOf(network.graph().output_shape());
  return threads * (4 * floats + static_cast<int64_t>(workspace.scratch.size()));
}

}  // namespace tmpq
