#include "src/runtime/device/gemm_tiling.h"

#include <algorithm>

#include "src/runtime/device/device.h"

namespace tmpq {
namespace {

constexpr int64_t kBlocksWanted = 128;  // about one for every SM of a large GPU
constexpr int64_t kFewestStages = 4;    // of a split, which fill the pipeline once
constexpr int64_t kFewRows = 32;        // whose products the weights' traffic bounds
// Outputs that a block could multiply while one of its rows or columns arrives.
constexpr int64_t kOutputsPerLoad = 64;

int64_t OutputBlocks(const GemmTiling& tiling, int64_t m, int64_t n) {
  return BlocksOf(m, tiling.rows) * BlocksOf(n, tiling.columns);
}

// Time of an input, in outputs multiplied: as many blocks at once as there are SMs, one after the
// other.
int64_t TimeOf(const GemmTiling& tiling, int64_t m, int64_t n) {
  const int64_t loads = kOutputsPerLoad * (tiling.rows + tiling.columns);
  return BlocksOf(OutputBlocks(tiling, m, n), kBlocksWanted) *
         (tiling.rows * tiling.columns + loads);
}

GemmTiling BlockOf(gpu::GemmKind kind, int64_t m, int64_t n) {
  GemmTiling best = {64, 64, 1};
  if (kind == gpu::GemmKind::kGroups || gpu::IsWindows(kind)) return best;
  if (m <= kFewRows) return {16, 64, 1};
  for (const GemmTiling& larger : {GemmTiling{128, 64, 1}, GemmTiling{128, 128, 1}}) {
    if (TimeOf(larger, m, n) < TimeOf(best, m, n)) best = larger;
  }
  return best;
}

}  // namespace

GemmTiling TilingOf(gpu::GemmKind kind, int64_t m, int64_t n, int64_t k) {
  GemmTiling tiling = BlockOf(kind, m, n);
  if (kind == gpu::GemmKind::kGroups) return tiling;
  const int64_t stages = gpu::StageTiles(gpu::IsNibbles(kind) ? gpu::NibbleBytes(k) : k);
  const int64_t wanted =
      std::min(kBlocksWanted / OutputBlocks(tiling, m, n), stages / kFewestStages);
  // As equal as stages allow, and none empty.
  if (wanted > 1) tiling.splits = BlocksOf(stages, BlocksOf(stages, wanted));
  return tiling;
}

}  // namespace tmpq
