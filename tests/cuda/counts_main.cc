// Prints the tables of counts and predictions of docs/cuda.md; with --golden,
// tests/cuda/counts.txt.
#include <cstdio>
#include <cstring>

#include "src/runtime/device/roofline.h"
#include "tests/cuda/counted_launches.h"

int main(int argc, char** argv) {
  using tmpq::gpu::CountedLaunch;
  const std::vector<CountedLaunch> launches = tmpq::gpu::CountLaunches();
  if (argc > 1 && std::strcmp(argv[1], "--golden") == 0) {
    for (const CountedLaunch& launch : launches)
      std::printf("%s", tmpq::gpu::CountsText(launch).c_str());
    return 0;
  }
  std::printf(
      "Counts of the emulated device:\n\n| launch | mma | barriers | shared wavefronts | "
      "bank conflicts | sectors | of these used |\n|---|---|---|---|---|---|---|\n");
  for (const CountedLaunch& launch : launches) {
    const auto& c = launch.counters;
    std::printf("| %s | %lld | %lld | %lld | %lld | %lld | %.1f %% |\n", launch.name.c_str(),
                static_cast<long long>(c.mma), static_cast<long long>(c.barriers),
                static_cast<long long>(c.shared_wavefronts),
                static_cast<long long>(c.bank_conflicts), static_cast<long long>(c.global_sectors),
                100 * c.sector_use());
  }
  std::printf(
      "\nPredicted least time in microseconds, and what bounds it (no GPU was there to "
      "measure):\n\n| launch |");
  for (const auto& gpu : tmpq::GpuModels()) std::printf(" %s |", gpu.name);
  std::printf("\n|---|---|---|---|\n");
  for (const CountedLaunch& launch : launches) {
    std::printf("| %s |", launch.name.c_str());
    for (const auto& gpu : tmpq::GpuModels()) {
      const tmpq::Roofline roofline = tmpq::Predict(gpu, launch.counters, launch.bytes);
      std::printf(" %.2f (%s) |", 1e6 * roofline.seconds(), roofline.bound());
    }
    std::printf("\n");
  }
  return 0;
}
