// Products of quantized rows with packed weights of 2..8 bits: LinearIntArgs of
// kernels/include/kernels.h, byte for byte, with what follows a linear fused where a flag asks.
//
// A block makes BM x BN outputs: stages of 64 inputs arrive by cp.async, rows swizzled so that
// ldmatrix meets no bank conflict, weights in the order in which lanes want them (weights.h). Each
// warp multiplies BM / WarpsM x BN / WarpsN with mma.m16n8k32, or nibbles with m16n8k64, whose
// operands lie in the same registers byte for byte; sums are exact in int32.
#pragma once

#include "kernels/cuda/gemm_parts.h"

namespace tmpq::gpu {

template <int kBm, int kBn, int kWarpsM, int kWarpsN, int kBits, int kStages,
          GemmKind kKind = GemmKind::kRows>
struct GemmKernel {
  using Params = GemmParams;
  static constexpr int kThreads = 32 * kWarpsM * kWarpsN;
  static constexpr const char* kName = "gemm";
  static constexpr int kMinBlocks = kKind == GemmKind::kGroups ? 3 : kBm == 64 ? 4 : 0;
  static constexpr int kTileM = kBm / kWarpsM / 16, kTileN = kBn / kWarpsN / 16;  // of a warp
  static constexpr int kRowBytes = kBm * kStageInputs;
  static constexpr int kStageBytes = kRowBytes + kBn / kTileOutputs * TileBytes(kBits);
  static constexpr int kSharedBytes = kStages * kStageBytes;
  static constexpr int kShift = kKind == GemmKind::kGroups ? 0 : 8 - kBits;
  using Sums = int32_t[kTileM][2 * kTileN][4];  // of a lane
  // Of a warp's 16 rows of sums, and what belongs to the rows; 8 words more a row, so that
  // fragments meet no bank conflict.
  static constexpr int kSliceStride = 4 * (16 * kTileN + 8);
  static constexpr int kSliceBytes = 16 * kSliceStride + 3 * 64;
  static_assert(kTileM > 0 && kTileN % 2 == 0 && kStages >= 2);
  static_assert(!IsNibbles(kKind) || kBits == 8);  // two nibbles are a byte as it is
  static_assert(kWarpsM * kWarpsN * kSliceBytes <= kSharedBytes);

  // Of the warp's outputs; rows by tiles of 16.
  TMPQ_DEVICE static int64_t FirstRow(int tile) {
    return static_cast<int64_t>(BlockY()) * kBm + (Warp() % kWarpsM * kTileM + tile) * 16;
  }
  TMPQ_DEVICE static int64_t FirstColumn() {
    return static_cast<int64_t>(BlockX()) * kBn + Warp() / kWarpsM * kTileN * 16;
  }

  // Stages first .. end of the inputs, which a block sums.
  struct Stages {
    int64_t first, end, all;
  };
  TMPQ_DEVICE static Stages StagesOf(const Params& p) {
    const int64_t row_inputs = IsNibbles(kKind) ? NibbleBytes(p.k) : p.k;
    const int64_t all = PaddedInputs(row_inputs, p.group) / kStageInputs;
    if (kKind == GemmKind::kGroups || p.splits == 1) return {0, all, all};
    const int64_t share = (all + p.splits - 1) / p.splits, first = BlockZ() * share;
    return {first, first + share < all ? first + share : all, all};
  }

  TMPQ_DEVICE static void CopyStage(const Params& p, const Stages& stages, int64_t step) {
    if (step >= stages.end) return;
    const int64_t k_tiles = stages.all;
    const auto stage = static_cast<uint32_t>(step % kStages * kStageBytes);
    const int64_t first_row = static_cast<int64_t>(BlockY()) * kBm;
    for (int i = ThreadIndex(); i < kBm * 4; i += kThreads) {
      const int64_t row = first_row + i / 4;
      const int8_t* from = p.a + (row * k_tiles + step) * kStageInputs + i % 4 * 16;
      bool valid = row < p.m;
      if constexpr (IsWindows(kKind)) {
        from = WindowChunk(p, row, static_cast<int>(step) * 4 + i % 4, IsNibbles(kKind) ? 2 : 1);
        valid = from != nullptr;
      }
      CopyAsync16(stage + SwizzledChunk(i / 4, i % 4), valid ? from : p.a, valid);
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

  TMPQ_DEVICE static void MultiplyStage(uint32_t stage, Sums sums) {
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
          if constexpr (IsNibbles(kKind))
            MmaS4S4(sums[i][j], a, Words2{{regs[0], regs[1]}});
          else
            MmaS8S8(sums[i][j], a, Words2{{regs[0], regs[1]}});
        }
      }
    }
  }

  // 16 rows of a warp at a time go through shared memory, so that outputs leave in whole lines.
  TMPQ_DEVICE static void Store(const Params& p, const Sums sums) {
    const int lane = Lane();
    const uint32_t slice = Warp() * kSliceBytes, terms = slice + 16 * kSliceStride;
    TMPQ_UNROLL
    for (int i = 0; i < kTileM; ++i) {
      const int64_t first_row = FirstRow(i);
      SyncWarp();
      TMPQ_UNROLL
      for (int j = 0; j < 4 * kTileN; ++j) {
        const int row = lane / 4 + j % 2 * 8, column = j / 2 * 8 + lane % 4 * 2;
        const int32_t* pair = sums[i][j / 2] + j % 2 * 2;
        StoreShared(slice + row * kSliceStride + column * 4,
                    Words2{{static_cast<uint32_t>(pair[0] >> kShift),
                            static_cast<uint32_t>(pair[1] >> kShift)}});
      }
      StoreRowTerms(p, terms, first_row + lane, lane < 16 && first_row + lane < p.m);
      SyncWarp();
      for (int part = 0; part < kTileN / 2; ++part) {
        const int64_t column = FirstColumn() + lane + part * 32;
        StoreColumn(p, slice + (lane + part * 32) * 4, terms, first_row, column);
      }
    }
  }

  TMPQ_DEVICE static void StoreRowTerms(const Params& p, uint32_t terms, int64_t row, bool inside) {
    if (kKind != GemmKind::kGroups && p.splits > 1) return;
    const RowTerms row_terms = LoadRowTerms(p, 0, row, inside);
    if (Lane() >= 16) return;
    StoreShared(terms + Lane() * 4, row_terms.scale);
    if (p.a_offset == nullptr && p.w_offset == nullptr) return;
    StoreShared(terms + 64 + Lane() * 4, row_terms.offset);
    StoreShared(terms + 128 + Lane() * 4, row_terms.sum);
  }

  // 16 rows of one column a lane.
  TMPQ_DEVICE static void StoreColumn(const Params& p, uint32_t slice, uint32_t terms,
                                      int64_t first_row, int64_t column) {
    if (kKind != GemmKind::kGroups && p.splits > 1) return StorePart(p, slice, first_row, column);
    const ColumnTerms column_terms = LoadColumnTerms(p, 0, column, column < p.n);
    const bool offsets = p.a_offset != nullptr || p.w_offset != nullptr;
    for (int i = 0; i < 16; ++i) {
      const int64_t row = first_row + i;
      const bool inside = row < p.m && column < p.n;
      RowTerms row_terms = {LoadShared<float>(terms + i * 4), 0, 0};
      if (offsets) {
        row_terms.offset = LoadShared<int32_t>(terms + 64 + i * 4);
        row_terms.sum = LoadShared<int32_t>(terms + 128 + i * 4);
      }
      const auto sum = LoadShared<int32_t>(slice + i * kSliceStride);
      float value;
      if constexpr (kKind == GemmKind::kGroups) {
        value = fmaf(kernels::FloatOfBits(sum), row_terms.scale, column_terms.bias);
      } else {
        value = OutputOf(p, sum, row_terms, column_terms);
      }
      p.out.StoreIf(inside, row * p.out_stride + column,
                    FinishOutput(p, value, row, column, inside));
    }
  }

  TMPQ_DEVICE static void StorePart(const Params& p, uint32_t slice, int64_t first_row,
                                    int64_t column) {
    for (int i = 0; i < 16; ++i) {
      const int64_t row = first_row + i;
      StoreGlobalIf(row < p.m && column < p.n, p.partial + (BlockZ() * p.m + row) * p.n + column,
                    LoadShared<int32_t>(slice + i * kSliceStride));
    }
  }

  // Sums of a group of inputs into the scaled sums of all groups; sums begin anew.
  TMPQ_DEVICE static void FoldGroup(const Params& p, int64_t group, Sums sums,
                                    float scaled[kTileM][2 * kTileN][4]) {
    const int64_t left = p.k - group * p.group, inputs = left < p.group ? left : p.group;
    TMPQ_UNROLL
    for (int j = 0; j < 2 * kTileN; ++j) {
      TMPQ_UNROLL
      for (int i = 0; i < 4 * kTileM; ++i) {
        const int64_t row = FirstRow(i / 4) + Lane() / 4 + i % 4 / 2 * 8;
        const int64_t column = FirstColumn() + j * 8 + Lane() % 4 * 2 + i % 2;
        const bool inside = row < p.m && column < p.n;
        const ColumnTerms terms = LoadColumnTerms(p, group, column, inside);
        int32_t& sum = sums[i / 4][j][i % 4];
        float& total = scaled[i / 4][j][i % 4];
        const int32_t whole =
            AddOffsets(inputs, sum >> (8 - kBits), LoadRowTerms(p, group, row, inside), terms);
        total = fmaf(static_cast<float>(whole), terms.scale, total);
        sum = 0;
      }
    }
  }

  TMPQ_DEVICE static void Run(const Params& p) {
    const Stages stages = StagesOf(p);
    int32_t sums[kTileM][2 * kTileN][4] = {};
    float scaled[kKind == GemmKind::kGroups ? kTileM : 1][2 * kTileN][4] = {};
    TMPQ_UNROLL
    for (int step = 0; step < kStages - 1; ++step) {
      CopyStage(p, stages, stages.first + step);
      CommitCopies();
    }
    for (int64_t step = stages.first; step < stages.end; ++step) {
      WaitCopies<kStages - 2>();
      SyncThreads();
      // Into the stage that was multiplied last, which the barrier shows all are done with.
      CopyStage(p, stages, step + kStages - 1);
      CommitCopies();
      MultiplyStage(static_cast<uint32_t>(step % kStages * kStageBytes), sums);
      if constexpr (kKind == GemmKind::kGroups) {
        const int64_t tiles = StageTiles(p.group);
        if (step % tiles + 1 == tiles) FoldGroup(p, step / tiles, sums, scaled);
      }
    }
    WaitCopies<0>();
    SyncThreads();
    if constexpr (kKind == GemmKind::kGroups) {
      TMPQ_UNROLL
      for (int i = 0; i < kTileM * 2 * kTileN * 4; ++i) {
        const int m = i / (8 * kTileN), n = i / 4 % (2 * kTileN);
        sums[m][n][i % 4] = kernels::BitsOfFloat(scaled[m][n][i % 4]);
      }
    }
    Store(p, sums);
  }
};

}  // namespace tmpq::gpu
