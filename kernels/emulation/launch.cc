#include "kernels/emulation/launch.h"

#include "kernels/emulation/block.h"

namespace tmpq::emulation {

Counters Launch(const std::string& name, Grid grid, int threads, int shared_bytes,
                GlobalMemory* memory, const LaunchOptions& options,
                const std::function<void()>& kernel) {
  Counters counters;
  const int64_t blocks = static_cast<int64_t>(grid.x) * grid.y * grid.z;
  if (blocks == 0) return counters;
  Block block(name, threads, shared_bytes, memory);
  for (int64_t i = 0; i < blocks; ++i) {
    const int64_t at = options.seed % 2 == 0 ? i : blocks - 1 - i;
    const Place place = {static_cast<int>(at % grid.x), static_cast<int>(at / grid.x % grid.y),
                         static_cast<int>(at / grid.x / grid.y)};
    const uint64_t seed = options.seed == 0 ? 0 : options.seed * 0x9e3779b97f4a7c15u + at;
    block.Run(place, seed, kernel, &counters);
  }
  return counters;
}

}  // namespace tmpq::emulation
