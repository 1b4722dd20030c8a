// Counts of the main kernels, as they were when last looked at (tests/cuda/counts.txt, which
// cuda_counts --golden writes), and what follows from them.
#include <gtest/gtest.h>

#include "src/core/file.h"
#include "src/runtime/device/roofline.h"
#include "tests/cuda/counted_launches.h"

namespace tmpq::gpu {
namespace {

TEST(CountsTest, AreThoseOfTheGoldenFile) {
  std::string text;
  for (const CountedLaunch& launch : CountLaunches()) {
    text += CountsText(launch);
    EXPECT_EQ(launch.counters.bank_conflicts, 0) << launch.name;
    if (launch.name[0] != 'W') continue;
    EXPECT_EQ(launch.counters.sector_use(), 1.0) << launch.name;
    // Nibbles halve the products of this size, not its outputs' way through shared memory.
    const bool nibbles = launch.name.find("nibbles") != std::string::npos;
    if (launch.name.find("128 x 128") == std::string::npos || nibbles) continue;
    // On the chip, products wait for tensor cores and not for shared memory; not on an H100, whose
    // peak is wgmma's. Float outputs may still make memory the bound (docs/cuda.md).
    for (const GpuModel& gpu : GpuModels()) {
      const Roofline roofline = Predict(gpu, launch.counters, launch.bytes);
      EXPECT_EQ(roofline.shared < roofline.mma, std::string(gpu.name) != "H100")
          << launch.name << " on " << gpu.name;
    }
  }
  EXPECT_EQ(text, ReadFile(std::string(TMPQ_SOURCE_DIR) + "/tests/cuda/counts.txt"));
}

TEST(RooflineTest, IsTheSlowestResource) {
  emulation::Counters counters;
  counters.mma = 1000, counters.shared_wavefronts = 8000, counters.blocks = 5;
  const GpuModel gpu = {"unit", 2, 1000, 4096.0 * 1000, 10, false};
  const Roofline roofline = Predict(gpu, counters, 20);
  EXPECT_EQ(roofline.mma, 1);
  EXPECT_EQ(roofline.shared, 4);
  EXPECT_EQ(roofline.memory, 2);
  EXPECT_EQ(roofline.seconds(), 4);
  EXPECT_STREQ(roofline.bound(), "shared");
  counters.blocks = 1;  // of two SMs
  EXPECT_EQ(Predict(gpu, counters, 20).mma, 2);
  EXPECT_EQ(Predict(gpu, counters, 20).shared, 8);
  EXPECT_EQ(Predict(gpu, counters, 20).memory, 2);
}

}  // namespace
}  // namespace tmpq::gpu
