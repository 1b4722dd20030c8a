// Launches of the main kernels on sizes of real networks, for their counts: golden in
// counts_test.cc, table of docs/cuda.md by counts_main.cc.
#pragma once

#include <string>
#include <vector>

#include "kernels/cuda/instances.h"
#include "tests/cuda/device_values.h"

namespace tmpq::gpu {

struct CountedLaunch {
  std::string name;  // kernel and sizes
  emulation::Counters counters;
  int64_t bytes;  // operands and results, each once
};

// M x N x K with symmetric integers, bias, and no more.
template <typename Kernel>
CountedLaunch CountGemm(const std::string& name, int64_t m, int64_t n, int64_t k, int bits,
                        int64_t rows, int64_t columns) {
  DeviceMemory device;
  GemmParams p;
  p.m = m, p.n = n, p.k = k, p.a = device.Copy(std::vector<int8_t>(m * k, 3));
  const int64_t weight_bytes = DeviceWeightBytes(n, k, bits);
  p.weights = device.Copy(std::vector<uint8_t>(weight_bytes, 0x55));
  p.a_scale = device.Copy(std::vector<float>(m, 0.5f));
  p.w_scale = device.Copy(std::vector<float>(n, 0.25f));
  p.bias = device.Copy(std::vector<float>(n, 1.0f));
  p.out = device.Empty<float>(m * n), p.out_stride = n;
  const auto counters = emulation::LaunchKernel<Kernel>(
      {static_cast<int>(Tiles(n, columns)), static_cast<int>(Tiles(m, rows))}, Kernel::kSharedBytes,
      device.memory(), {}, p);
  return {name + ", " + std::to_string(m) + " x " + std::to_string(n) + " x " + std::to_string(k),
          counters, m * k + weight_bytes + 4 * (m + 2 * n + m * n)};
}

// LayerNorm, modulation, balancing, rotation, quantization.
inline CountedLaunch CountRows(int64_t rows, int64_t cols) {
  DeviceMemory device;
  RowsParams p;
  p.x = device.Copy(kernels::Values(rows * cols, 1)), p.rows = rows;
  p.cols = p.x_stride = p.q_stride = cols;
  p.norm = Norm::kLayer, p.sample_rows = rows;
  p.shift = device.Copy(kernels::Values(cols, 2)), p.scale = device.Copy(kernels::Values(cols, 3));
  p.multiply = device.Copy(kernels::Values(cols, 4)), p.rotate = true;
  p.q = device.Empty<int8_t>(rows * cols), p.q_scale = device.Empty<float>(rows);
  const auto counters = emulation::LaunchKernel<RowsKernel<4>>(
      {static_cast<int>(Tiles(rows, 4))}, static_cast<int>(4 * RowSharedBytes(cols, 1)),
      device.memory(), {}, p);
  return {
      "norm, modulate, rotate, quantize, " + std::to_string(rows) + " x " + std::to_string(cols),
      counters, rows * cols * 5 + 4 * (rows + 3 * cols)};
}

inline CountedLaunch CountAttention(int64_t tokens, int64_t heads) {
  constexpr int kD = 64;
  DeviceMemory device;
  AttentionParams p;
  const int64_t elements = tokens * heads * kD;
  p.queries = p.keys = tokens, p.heads = heads, p.d = kD;
  p.q = device.Copy(std::vector<int8_t>(elements, 2));
  p.k = device.Copy(std::vector<int8_t>(elements, 3));
  p.v = device.Copy(std::vector<int8_t>(elements, 4));
  p.q_scale = device.Copy(std::vector<float>(tokens * heads, 0.01f));
  p.k_scale = device.Copy(std::vector<float>(tokens * heads, 0.01f));
  p.v_scale = device.Copy(std::vector<float>(heads * kD, 0.01f));
  p.out = device.Empty<float>(elements), p.out_stride = heads * kD;
  using Kernel = AttentionKernel<kD, false>;
  const auto counters = emulation::LaunchKernel<Kernel>(
      {static_cast<int>(Tiles(tokens, 64)), static_cast<int>(heads)}, Kernel::kSharedBytes,
      device.memory(), {}, p);
  return {
      "attention, " + std::to_string(tokens) + " tokens, " + std::to_string(heads) + " heads of 64",
      counters, 7 * elements + 4 * (2 * tokens * heads + heads * kD)};
}

inline std::vector<CountedLaunch> CountLaunches() {
  return {CountGemm<GemmLarge<8>>("W8A8, 128 x 128", 1024, 1152, 1152, 8, 128, 128),
          CountGemm<GemmLarge<4>>("W4A8, 128 x 128", 1024, 1152, 1152, 4, 128, 128),
          CountGemm<GemmLarge<3>>("W3A8, 128 x 128", 1024, 1152, 1152, 3, 128, 128),
          CountGemm<GemmSmall<8>>("W8A8, 64 x 64", 256, 1152, 1152, 8, 64, 64),
          CountGemm<GemmFlat<8>>("W8A8, 16 x 64", 16, 1152, 1152, 8, 16, 64),
          CountGemm<GemmFlat<4>>("W4A8, 16 x 64", 16, 1152, 1152, 4, 16, 64),
          CountRows(64, 1024),
          CountAttention(256, 2)};
}

// One line: what a change of a kernel must not change unseen.
inline std::string CountsText(const CountedLaunch& launch) {
  const emulation::Counters& c = launch.counters;
  return launch.name + ": blocks " + std::to_string(c.blocks) + ", mma " + std::to_string(c.mma) +
         ", barriers " + std::to_string(c.barriers) + ", shared wavefronts " +
         std::to_string(c.shared_wavefronts) + ", bank conflicts " +
         std::to_string(c.bank_conflicts) + ", sectors " + std::to_string(c.global_sectors) +
         ", sector bytes unused " + std::to_string(32 * c.global_sectors - c.global_bytes) + "\n";
}

}  // namespace tmpq::gpu
