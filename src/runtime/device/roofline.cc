#include "src/runtime/device/roofline.h"

#include <algorithm>

namespace tmpq {

const std::vector<GpuModel>& GpuModels() {
  static const std::vector<GpuModel> models = {
      {"A100", 108, 1.410e9, 312e12, 1.555e12, true},
      {"RTX 4090", 128, 2.520e9, 330e12, 1.008e12, true},
      {"H100", 132, 1.830e9, 989e12, 3.350e12, false},
  };
  return models;
}

double Roofline::seconds() const { return std::max({mma, shared, memory}); }

const char* Roofline::bound() const {
  return mma >= shared && mma >= memory ? "mma" : shared >= memory ? "shared" : "memory";
}

Roofline Predict(const GpuModel& gpu, const emulation::Counters& counters, int64_t bytes) {
  constexpr double kMultiplyAdds = 16 * 8 * 32;  // of an m16n8k32
  const double busy = std::min(gpu.processors, static_cast<double>(counters.blocks));
  return {static_cast<double>(counters.mma) * kMultiplyAdds /
              (gpu.mma_per_second * busy / gpu.processors),
          static_cast<double>(counters.shared_wavefronts) / (busy * gpu.clock),
          static_cast<double>(bytes) / gpu.bytes_per_second};
}

}  // namespace tmpq
