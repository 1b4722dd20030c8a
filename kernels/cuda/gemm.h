// Products of quantized rows with packed weights of 2..8 bits: LinearIntArgs of
// kernels/include/kernels.h, byte for byte, with what follows a linear fused where a flag asks.
//
// A block makes BM x BN outputs: stages of 64 inputs arrive by cp.async, rows swizzled so that
// ldmatrix meets no bank conflict, weights in the order in which lanes want them (weights.h). Each
// warp multiplies BM / WarpsM x BN / WarpsN with mma.m16n8k32; sums are exact in int32.
#pragma once

#include "kernels/cuda/device.h"
#include "kernels/cuda/weights.h"
#include "kernels/include/numerics.h"

namespace tmpq::gpu {

enum class Epilogue : int { kNone, kGeluTanh, kGeluErf, kSilu, kGatedAdd };

struct GemmParams {
  int64_t m = 0, n = 0, k = 0;
  const int8_t* a = nullptr;         // (m, RoundUp(k, 64)), padding 0
  const float* a_scale = nullptr;    // (m)
  const uint8_t* weights = nullptr;  // ReshuffleWeights
  const float* w_scale = nullptr;    // (n)
  const float* bias = nullptr;       // (n) or null
  // Zero points: a_offset (m) with w_sums (n), w_offset (n) with a_sums (m); null: all 0.
  const int32_t *a_offset = nullptr, *w_sums = nullptr;
  const int32_t *w_offset = nullptr, *a_sums = nullptr;
  float* out = nullptr;
  int64_t out_stride = 0;
  Epilogue epilogue = Epilogue::kNone;
  // kGatedAdd: out = fmaf(gate, product, residual), a gate row a sample of `rows` rows.
  const float *gate = nullptr, *residual = nullptr;  // residual at out_stride
  int64_t rows = 1, gate_stride = 0;
};

constexpr int kStageInputs = kTileInputs;

// Byte of 16-byte chunk 0..3 of a row of 64 in shared memory: eight rows at one chunk, and eight
// neighbouring chunks, lie in different banks.
TMPQ_DEVICE uint32_t SwizzledChunk(int row, int chunk) {
  return static_cast<uint32_t>(row * kStageInputs + ((chunk ^ (row >> 1 & 3)) << 4));
}

// What an output becomes after its exact sum.
TMPQ_DEVICE float FinishOutput(const GemmParams& p, int32_t sum, int64_t row, int64_t column,
                               bool inside) {
  if (p.a_offset != nullptr || p.w_offset != nullptr) {
    // Modulo 2^32; the result is within int32 for k <= kMaxOffsetInputs.
    uint32_t total = static_cast<uint32_t>(sum);
    const uint32_t a_offset =
        p.a_offset == nullptr ? 0u
                              : static_cast<uint32_t>(LoadGlobalIf(inside, p.a_offset + row, 0));
    if (p.a_offset != nullptr)
      total += a_offset * static_cast<uint32_t>(LoadGlobalIf(inside, p.w_sums + column, 0));
    if (p.w_offset != nullptr) {
      const auto w_offset = static_cast<uint32_t>(LoadGlobalIf(inside, p.w_offset + column, 0));
      total += w_offset * (static_cast<uint32_t>(LoadGlobalIf(inside, p.a_sums + row, 0)) +
                           static_cast<uint32_t>(p.k) * a_offset);
    }
    sum = static_cast<int32_t>(total);
  }
  const float scale =
      LoadGlobalIf(inside, p.a_scale + row, 0.0f) * LoadGlobalIf(inside, p.w_scale + column, 0.0f);
  const float bias = p.bias == nullptr ? 0.0f : LoadGlobalIf(inside, p.bias + column, 0.0f);
  const float value = fmaf(static_cast<float>(sum), scale, bias);
  switch (p.epilogue) {
    case Epilogue::kNone:
      break;
    case Epilogue::kGeluTanh:
      return kernels::GeluTanhF(value);
    case Epilogue::kGeluErf:
      return kernels::GeluErfF(value);
    case Epilogue::kSilu:
      return kernels::SiluF(value);
    case Epilogue::kGatedAdd:
      return fmaf(LoadGlobalIf(inside, p.gate + row / p.rows * p.gate_stride + column, 0.0f), value,
                  LoadGlobalIf(inside, p.residual + row * p.out_stride + column, 0.0f));
  }
  return value;
}

template <int kBm, int kBn, int kWarpsM, int kWarpsN, int kBits, int kStages>
struct GemmKernel {
  using Params = GemmParams;
  static constexpr int kThreads = 32 * kWarpsM * kWarpsN;
  static constexpr const char* kName = "gemm";
  static constexpr int kTileM = kBm / kWarpsM / 16, kTileN = kBn / kWarpsN / 16;  // of a warp
  static constexpr int kRowBytes = kBm * kStageInputs;
  static constexpr int kStageBytes = kRowBytes + kBn / kTileOutputs * TileBytes(kBits);
  static constexpr int kSharedBytes = kStages * kStageBytes;
  static_assert(kTileM > 0 && kTileN > 0 && kStages >= 2);

  TMPQ_DEVICE static void CopyStage(const Params& p, int64_t k_tiles, int64_t step) {
    if (step >= k_tiles) return;
    const auto stage = static_cast<uint32_t>(step % kStages * kStageBytes);
    const int64_t first_row = static_cast<int64_t>(BlockY()) * kBm;
    for (int i = ThreadIndex(); i < kBm * 4; i += kThreads) {
      const int64_t row = first_row + i / 4;
      CopyAsync16(stage + SwizzledChunk(i / 4, i % 4),
                  p.a + (row * k_tiles + step) * kStageInputs + i % 4 * 16, row < p.m);
    }
    constexpr int kChunks = TileBytes(kBits) / 16;
    const int64_t first_tile = static_cast<int64_t>(BlockX()) * (kBn / kTileOutputs);
    const int64_t n_tiles = (p.n + kTileOutputs - 1) / kTileOutputs;
    for (int i = ThreadIndex(); i < kBn / kTileOutputs * kChunks; i += kThreads) {
      const int64_t tile = first_tile + i / kChunks;
      CopyAsync16(stage + kRowBytes + i * 16,
                  p.weights + (tile * k_tiles + step) * TileBytes(kBits) + i % kChunks * 16,
                  tile < n_tiles);
    }
  }

  TMPQ_DEVICE static void MultiplyStage(uint32_t stage, int32_t sums[kTileM][2 * kTileN][4]) {
    const int lane = Lane(), warp_m = Warp() % kWarpsM, warp_n = Warp() / kWarpsM;
    uint32_t b[kTileN][kTileRegisters];
    TMPQ_UNROLL
    for (int j = 0; j < kTileN; ++j) {
      LoadTile<kBits>(stage + kRowBytes + (warp_n * kTileN + j) * TileBytes(kBits), lane, b[j]);
    }
    TMPQ_UNROLL
    for (int half = 0; half < 2; ++half) {
      TMPQ_UNROLL
      for (int i = 0; i < kTileM; ++i) {
        const int row = (warp_m * kTileM + i) * 16 + (lane & 15);
        const Words4 a = LoadMatrices4(stage + SwizzledChunk(row, half * 2 + (lane >> 4)));
        TMPQ_UNROLL
        for (int j = 0; j < 2 * kTileN; ++j) {
          const uint32_t* regs = b[j / 2] + half * 4 + j % 2 * 2;
          MmaS8S8(sums[i][j], a, Words2{{regs[0], regs[1]}});
        }
      }
    }
  }

  TMPQ_DEVICE static void Store(const Params& p, const int32_t sums[kTileM][2 * kTileN][4]) {
    const int lane = Lane(), warp_m = Warp() % kWarpsM, warp_n = Warp() / kWarpsM;
    const bool pairs = p.n % 2 == 0 && p.out_stride % 2 == 0;
    TMPQ_UNROLL
    for (int i = 0; i < kTileM; ++i) {
      TMPQ_UNROLL
      for (int j = 0; j < 2 * kTileN; ++j) {
        TMPQ_UNROLL
        for (int half = 0; half < 2; ++half) {
          const int64_t row = static_cast<int64_t>(BlockY()) * kBm + (warp_m * kTileM + i) * 16 +
                              lane / 4 + half * 8;
          const int64_t column =
              static_cast<int64_t>(BlockX()) * kBn + (warp_n * kTileN * 2 + j) * 8 + lane % 4 * 2;
          const bool first = row < p.m && column < p.n, second = first && column + 1 < p.n;
          Floats2 out;
          out.v[0] = FinishOutput(p, sums[i][j][half * 2] >> (8 - kBits), row, column, first);
          out.v[1] =
              FinishOutput(p, sums[i][j][half * 2 + 1] >> (8 - kBits), row, column + 1, second);
          float* target = p.out + row * p.out_stride + column;
          if (pairs) {
            StoreGlobalIf(first, reinterpret_cast<Floats2*>(target), out);
          } else {
            StoreGlobalIf(first, target, out.v[0]);
            StoreGlobalIf(second, target + 1, out.v[1]);
          }
        }
      }
    }
  }

  TMPQ_DEVICE static void Run(const Params& p) {
    const int64_t k_tiles = (p.k + kStageInputs - 1) / kStageInputs;
    int32_t sums[kTileM][2 * kTileN][4] = {};
    TMPQ_UNROLL
    for (int step = 0; step < kStages - 1; ++step) {
      CopyStage(p, k_tiles, step);
      CommitCopies();
    }
    for (int64_t step = 0; step < k_tiles; ++step) {
      WaitCopies<kStages - 2>();
      SyncThreads();
      // Into the stage that was multiplied last, which the barrier shows all are done with.
      CopyStage(p, k_tiles, step + kStages - 1);
      CommitCopies();
      MultiplyStage(static_cast<uint32_t>(step % kStages * kStageBytes), sums);
    }
    Store(p, sums);
  }
};

}  // namespace tmpq::gpu
