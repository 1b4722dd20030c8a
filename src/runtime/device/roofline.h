// What a launch would take at least on a GPU, from what the emulated device counted. A prediction,
// not a measurement.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/emulation/finding.h"

namespace tmpq {

// Peak rates as the vendor publishes them.
struct GpuModel {
  const char* name;
  double processors;        // SMs
  double clock;             // Hz, boost
  double mma_per_second;    // int8 multiply-adds of dense tensor-core products
  double bytes_per_second;  // global memory
  bool nibbles;             // multiplies them too, at twice the rate
};

// A100 SXM 40 GB, RTX 4090, H100 SXM.
const std::vector<GpuModel>& GpuModels();

// Seconds that each resource needs alone; a launch takes at least the largest.
struct Roofline {
  double mma, shared, memory;

  double seconds() const;
  const char* bound() const;  // "mma", "shared", "memory"
};

// mma: an instruction takes the time of 4096 multiply-adds of int8, of nibbles it does 8192 in it;
// shared: a wavefront a clock and SM, both on as many SMs as there are blocks; memory: `bytes` that
// have to be read or written once, caches being perfect.
Roofline Predict(const GpuModel& gpu, const emulation::Counters& counters, int64_t bytes);

}  // namespace tmpq
