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

// M x N x K with symmetric integers, bias, and no more: the product, and where its inputs are split
// what adds the parts.
template <typename Kernel>
std::vector<CountedLaunch> CountGemm(const std::string& name, int64_t m, int64_t n, int64_t k,
                                     int bits, int64_t rows, int64_t columns, int64_t splits = 1,
                                     bool nibbles = false) {
  const std::string sizes =
      ", " + std::to_string(m) + " x " + std::to_string(n) + " x " + std::to_string(k);
  DeviceMemory device;
  GemmParams p;
  const int64_t row_bytes = nibbles ? NibbleBytes(k) : k;
  p.m = m, p.n = n, p.k = k, p.a = device.Copy(std::vector<int8_t>(m * row_bytes, 3));
  const int64_t weight_bytes = DeviceWeightBytes(n, row_bytes, bits);
  p.weights = device.Copy(std::vector<uint8_t>(weight_bytes, 0x55));
  p.a_scale = device.Copy(std::vector<float>(m, 0.5f));
  p.w_scale = device.Copy(std::vector<float>(n, 0.25f));
  p.bias = device.Copy(std::vector<float>(n, 1.0f));
  p.out = FloatsAt(device.Empty<float>(m * n)), p.out_stride = n;
  p.splits = splits;
  if (splits > 1) p.partial = device.Empty<int32_t>(splits * m * n);
  const int64_t scales = 4 * (m + 2 * n), outputs = 4 * m * n;
  const auto product =
      emulation::LaunchKernel<Kernel>({static_cast<int>(Tiles(n, columns)),
                                       static_cast<int>(Tiles(m, rows)), static_cast<int>(splits)},
                                      Kernel::kSharedBytes, device.memory(), {}, p);
  const int64_t operands = m * row_bytes + weight_bytes;
  if (splits == 1) return {{name + sizes, product, operands + scales + outputs}};
  const auto sum = emulation::LaunchKernel<FinishSplitKernel>(
      {static_cast<int>(Tiles(m * n, kElementThreads))}, 0, device.memory(), {}, p);
  const std::string parts = ", " + std::to_string(splits) + " parts";
  return {{name + parts + sizes, product, operands + splits * outputs},
          {"sum of" + parts.substr(1) + sizes, sum, (splits + 1) * outputs + scales}};
}

// LayerNorm, modulation, balancing, rotation, quantization.
inline CountedLaunch CountRows(int64_t rows, int64_t cols) {
  DeviceMemory device;
  RowsParams p;
  p.x = FloatsAt(device.Copy(kernels::Values(rows * cols, 1))), p.rows = rows;
  p.cols = p.x_stride = p.q_stride = cols;
  p.norm = Norm::kLayer, p.sample_rows = rows;
  p.shift = FloatsAt(device.Copy(kernels::Values(cols, 2)));
  p.scale = FloatsAt(device.Copy(kernels::Values(cols, 3)));
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
  p.out = FloatsAt(device.Empty<float>(elements)), p.out_stride = heads * kD;
  using Kernel = AttentionKernel<kD, false>;
  const auto counters = emulation::LaunchKernel<Kernel>(
      {static_cast<int>(Tiles(tokens, 64)), static_cast<int>(heads)}, Kernel::kSharedBytes,
      device.memory(), {}, p);
  return {
      "attention, " + std::to_string(tokens) + " tokens, " + std::to_string(heads) + " heads of 64",
      counters, 7 * elements + 4 * (2 * tokens * heads + heads * kD)};
}

inline std::vector<CountedLaunch> CountLaunches() {
  std::vector<CountedLaunch> launches;
  const auto add = [&](const std::vector<CountedLaunch>& more) {
    launches.insert(launches.end(), more.begin(), more.end());
  };
  add(CountGemm<GemmLarge<8>>("W8A8, 128 x 128", 1024, 1152, 1152, 8, 128, 128));
  add(CountGemm<GemmLarge<4>>("W4A8, 128 x 128", 1024, 1152, 1152, 4, 128, 128));
  add(CountGemm<GemmLarge<3>>("W3A8, 128 x 128", 1024, 1152, 1152, 3, 128, 128));
  add(CountGemm<GemmNibblesLarge>("W4A4 nibbles, 128 x 128", 1024, 1152, 1152, 8, 128, 128, 1,
                                  true));
  add(CountGemm<GemmMiddle<8>>("W8A8, 128 x 64", 512, 1152, 1152, 8, 128, 64));
  add(CountGemm<GemmSmall<8>>("W8A8, 64 x 64", 256, 1152, 1152, 8, 64, 64));
  add(CountGemm<GemmFlat<8>>("W8A8, 16 x 64", 16, 1152, 1152, 8, 16, 64));
  add(CountGemm<GemmFlat<4>>("W4A8, 16 x 64", 16, 1152, 1152, 4, 16, 64));
  add(CountGemm<GemmFlat<8>>("W8A8, 16 x 64", 16, 1152, 4608, 8, 16, 64));
  add(CountGemm<GemmFlat<8>>("W8A8, 16 x 64", 16, 1152, 4608, 8, 16, 64, 7));
  launches.push_back(CountRows(64, 1024));
  launches.push_back(CountAttention(256, 2));
  return launches;
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
