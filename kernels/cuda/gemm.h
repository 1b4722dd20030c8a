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

// What belongs to a row and to a column of the outputs.
struct RowTerms {
  float scale;
  int32_t offset, sum;
};
struct ColumnTerms {
  float scale, bias;
  int32_t offset, sum;
};

TMPQ_DEVICE ColumnTerms LoadColumnTerms(const GemmParams& p, int64_t column, bool inside) {
  ColumnTerms terms = {LoadGlobalIf(inside, p.w_scale + column, 0.0f), 0.0f, 0, 0};
  if (p.bias != nullptr) terms.bias = LoadGlobalIf(inside, p.bias + column, 0.0f);
  if (p.a_offset != nullptr) terms.sum = LoadGlobalIf(inside, p.w_sums + column, 0);
  if (p.w_offset != nullptr) terms.offset = LoadGlobalIf(inside, p.w_offset + column, 0);
  return terms;
}

// Modulo 2^32; the result is within int32 for k <= kMaxOffsetInputs.
TMPQ_DEVICE int32_t AddOffsets(int64_t k, int32_t sum, const RowTerms& row,
                               const ColumnTerms& column) {
  const auto a_offset = static_cast<uint32_t>(row.offset);
  const auto w_offset = static_cast<uint32_t>(column.offset);
  return static_cast<int32_t>(
      static_cast<uint32_t>(sum) + a_offset * static_cast<uint32_t>(column.sum) +
      w_offset * (static_cast<uint32_t>(row.sum) + static_cast<uint32_t>(k) * a_offset));
}

// What an output becomes after the product.
TMPQ_DEVICE float FinishOutput(const GemmParams& p, float value, int64_t row, int64_t column,
                               bool inside) {
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
  // Of a warp's 16 rows of sums, and what belongs to the rows; 8 words more a row, so that
  // fragments meet no bank conflict.
  static constexpr int kSliceStride = 4 * (16 * kTileN + 8);
  static constexpr int kSliceBytes = 16 * kSliceStride + 3 * 64;
  static_assert(kTileM > 0 && kTileN % 2 == 0 && kStages >= 2);
  static_assert(kWarpsM * kWarpsN * kSliceBytes <= kSharedBytes);

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

  // 16 rows of a warp at a time go through shared memory, so that outputs leave in whole lines.
  TMPQ_DEVICE static void Store(const Params& p, const int32_t sums[kTileM][2 * kTileN][4]) {
    const int lane = Lane(), warp_m = Warp() % kWarpsM, warp_n = Warp() / kWarpsM;
    const uint32_t slice = Warp() * kSliceBytes, terms = slice + 16 * kSliceStride;
    TMPQ_UNROLL
    for (int i = 0; i < kTileM; ++i) {
      const int64_t first_row = static_cast<int64_t>(BlockY()) * kBm + (warp_m * kTileM + i) * 16;
      SyncWarp();
      TMPQ_UNROLL
      for (int j = 0; j < 4 * kTileN; ++j) {
        const int row = lane / 4 + j % 2 * 8, column = j / 2 * 8 + lane % 4 * 2;
        const int32_t* pair = sums[i][j / 2] + j % 2 * 2;
        StoreShared(slice + row * kSliceStride + column * 4,
                    Words2{{static_cast<uint32_t>(pair[0] >> (8 - kBits)),
                            static_cast<uint32_t>(pair[1] >> (8 - kBits))}});
      }
      StoreRowTerms(p, terms, first_row + lane, lane < 16 && first_row + lane < p.m);
      SyncWarp();
      const int64_t first_column =
          static_cast<int64_t>(BlockX()) * kBn + warp_n * kTileN * 16 + lane;
      for (int part = 0; part < kTileN / 2; ++part) {
        const int64_t column = first_column + part * 32;
        StoreColumn(p, slice + (lane + part * 32) * 4, terms, first_row, column);
      }
    }
  }

  TMPQ_DEVICE static void StoreRowTerms(const Params& p, uint32_t terms, int64_t row, bool inside) {
    const float scale = LoadGlobalIf(inside, p.a_scale + row, 0.0f);
    int32_t offset = 0, sum = 0;
    if (p.a_offset != nullptr) offset = LoadGlobalIf(inside, p.a_offset + row, 0);
    if (p.w_offset != nullptr) sum = LoadGlobalIf(inside, p.a_sums + row, 0);
    if (Lane() >= 16) return;
    StoreShared(terms + Lane() * 4, scale);
    StoreShared(terms + 64 + Lane() * 4, offset);
    StoreShared(terms + 128 + Lane() * 4, sum);
  }

  // 16 rows of one column a lane.
  TMPQ_DEVICE static void StoreColumn(const Params& p, uint32_t slice, uint32_t terms,
                                      int64_t first_row, int64_t column) {
    const ColumnTerms column_terms = LoadColumnTerms(p, column, column < p.n);
    for (int i = 0; i < 16; ++i) {
      const int64_t row = first_row + i;
      const bool inside = row < p.m && column < p.n;
      const RowTerms row_terms = {LoadShared<float>(terms + i * 4),
                                  LoadShared<int32_t>(terms + 64 + i * 4),
                                  LoadShared<int32_t>(terms + 128 + i * 4)};
      const int32_t sum =
          AddOffsets(p.k, LoadShared<int32_t>(slice + i * kSliceStride), row_terms, column_terms);
      const float value =
          fmaf(static_cast<float>(sum), row_terms.scale * column_terms.scale, column_terms.bias);
      StoreGlobalIf(inside, p.out + row * p.out_stride + column,
                    FinishOutput(p, value, row, column, inside));
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
    WaitCopies<0>();
    SyncThreads();
    Store(p, sums);
  }
};

}  // namespace tmpq::gpu
