// Integer products on the emulated device give the reference's bytes.
#include "kernels/cuda/gemm.h"

#include <gtest/gtest.h>

#include "kernels/cuda/gemm_split.h"
#include "kernels/cuda/instances.h"
#include "kernels/include/packing.h"
#include "src/core/aligned.h"
#include "src/runtime/device/gemm_tiling.h"
#include "tests/cuda/device_values.h"

namespace tmpq::gpu {
namespace {

using kernels::Integers;
using kernels::Values;

TEST(WeightsTest, ReshuffleKeepsEveryValueOnce) {
  for (int bits = 2; bits <= 8; ++bits) {
    const int64_t n = 19, k = 70;
    const auto q = Integers(n * k, kernels::QMax(bits), 5);
    std::vector<uint8_t> tiles(DeviceWeightBytes(n, k, bits), 0xff);
    ReshuffleWeights(q.data(), n, k, bits, tiles.data());
    for (int64_t row = 0; row < 32; ++row) {
      for (int64_t column = 0; column < 128; ++column) {
        const uint8_t* tile = tiles.data() + (row / 16 * 2 + column / 64) * TileBytes(bits);
        const TilePlace place = PlaceInTile(row % 16, column % 64);
        int value = 0;
        ForEachTileField(bits, [&](int width, int low, int offset) {
          const FieldPlace field = PlaceOfField(width, place.lane, place.reg, place.byte);
          value |= (tile[offset + field.offset] >> field.bit & ((1 << width) - 1)) << low;
        });
        const int expected = row < n && column < k ? q[row * k + column] : 0;
        ASSERT_EQ(static_cast<int8_t>(value) >> (8 - bits), expected) << bits << " bits";
      }
    }
  }
}

struct Case {
  int64_t m, n, k;
  int bits;
  bool bias = true, a_offsets = false, w_offsets = false;
  Epilogue epilogue = Epilogue::kNone;
  int64_t extra_stride = 0;
  uint64_t seed = 0;
  int64_t group = 0;
  int64_t splits = 1;
  bool nibbles = false;
  Storage storage = Storage::kFloat32;
};

int64_t Groups(const Case& c) { return c.group == 0 ? 1 : Tiles(c.k, c.group); }

// Sums of each row's groups (rows, groups).
std::vector<int32_t> Sums(const Case& c, const std::vector<int8_t>& q, int64_t rows) {
  std::vector<int32_t> sums(rows * Groups(c));
  const int64_t group = c.group == 0 ? c.k : c.group;
  for (int64_t i = 0; i < rows * c.k; ++i) sums[i / c.k * Groups(c) + i % c.k / group] += q[i];
  return sums;
}

std::vector<int32_t> Transposed(const std::vector<int32_t>& x, int64_t rows, int64_t cols) {
  std::vector<int32_t> result(x.size());
  for (int64_t i = 0; i < rows * cols; ++i) result[i % cols * rows + i / cols] = x[i];
  return result;
}

// Bytes of a row.
int64_t RowInputs(const Case& c) { return c.nibbles ? NibbleBytes(c.k) : c.k; }

// Rows with every group padded to a multiple of 64.
std::vector<int8_t> Padded(const Case& c, std::vector<int8_t> q, int64_t rows) {
  const int64_t k = RowInputs(c), stride = PaddedInputs(k, c.group);
  const int64_t group = c.group == 0 ? k : c.group;
  if (c.nibbles) {
    std::vector<int8_t> pairs(rows * k);
    PackNibbles(q.data(), rows, c.k, pairs.data());
    q = pairs;
  }
  std::vector<int8_t> padded(rows * stride);
  for (int64_t i = 0; i < rows * k; ++i) {
    const int64_t column = i % k;
    padded[i / k * stride + column / group * (stride / Groups(c)) + column % group] = q[i];
  }
  return padded;
}

// What the reference makes of it, and what the kernel does.
template <typename Kernel, int kBm, int kBn>
emulation::Counters ExpectReferenceBytes(const Case& c) {
  const int64_t stride = c.n + c.extra_stride, samples = 2, rows = (c.m + 1) / samples;
  const int64_t groups = Groups(c), padded_k = PaddedInputs(RowInputs(c), c.group);
  const int stored_bits = c.nibbles ? 8 : c.bits;
  const auto a = Integers(c.m * c.k, c.nibbles ? 7 : 127, 1),
             w = Integers(c.n * c.k, kernels::QMax(c.bits), 2);
  const auto a_scale = Values(c.m, 3), w_scale = Values(groups * c.n, 4), bias = Values(c.n, 5);
  const auto gate = Values(samples * c.n, 6), residual = Values(c.m * stride, 7);
  const auto offsets = Integers(c.m + groups * c.n, 20, 8);
  const std::vector<int32_t> a_offset(offsets.begin(), offsets.begin() + c.m),
      w_offset(offsets.begin() + c.m, offsets.end());
  const auto a_sums = Sums(c, a, c.m), w_sums = Transposed(Sums(c, w, c.n), c.n, groups);

  const int64_t host_stride = kernels::RoundUp(c.k, 4);
  std::vector<int8_t> host_a(c.m * host_stride);
  for (int64_t i = 0; i < c.m; ++i) std::copy_n(&a[i * c.k], c.k, &host_a[i * host_stride]);
  std::vector<uint8_t> packed(kernels::PackedBytes(c.n, c.k, c.bits)),
      tiles(DeviceWeightBytes(c.n, padded_k, stored_bits));
  kernels::PackWeights(w.data(), c.n, c.k, c.bits, packed.data());
  ReshuffleWeights(Padded(c, w, c.n).data(), c.n, padded_k, stored_bits, tiles.data());

  kernels::LinearIntArgs args;
  args.m = c.m, args.n = c.n, args.k = c.k, args.a = host_a.data(), args.a_scale = a_scale.data();
  args.weights = packed.data(), args.bits = c.bits, args.w_scale = w_scale.data();
  args.group = c.group;
  if (c.bias) args.bias = bias.data();
  if (c.a_offsets) args.a_offset = a_offset.data(), args.w_sums = w_sums.data();
  if (c.w_offsets) args.w_offset = w_offset.data();
  AlignedVector<uint8_t> scratch(kernels::LinearIntScratchBytes(c.n, c.k));
  std::vector<float> expected(c.m * stride, 77.0f);
  args.out = expected.data(), args.out_stride = stride, args.scratch = scratch.data();
  kernels::ReferenceKernels().linear_int(args);
  for (int64_t i = 0; i < c.m; ++i) {
    for (int64_t j = 0; j < c.n; ++j) {
      float& x = expected[i * stride + j];
      if (c.epilogue != Epilogue::kNone) x = kernels::RoundTo(c.storage, x);
      if (c.epilogue == Epilogue::kGeluTanh) x = kernels::GeluTanhF(x);
      if (c.epilogue == Epilogue::kGeluErf) x = kernels::GeluErfF(x);
      if (c.epilogue == Epilogue::kSilu) x = kernels::SiluF(x);
      if (c.epilogue == Epilogue::kGatedAdd)
        x = fmaf(kernels::RoundTo(c.storage, gate[i / rows * c.n + j]), x,
                 kernels::RoundTo(c.storage, residual[i * stride + j]));
    }
  }

  DeviceMemory device;
  GemmParams p;
  p.m = c.m, p.n = c.n, p.k = c.k, p.a = device.Copy(Padded(c, a, c.m)),
  p.a_scale = device.Copy(a_scale);
  p.weights = device.Copy(tiles), p.w_scale = device.Copy(w_scale);
  if (c.bias) p.bias = device.Copy(bias);
  if (c.a_offsets) p.a_offset = device.Copy(a_offset), p.w_sums = device.Copy(w_sums);
  if (c.w_offsets) p.w_offset = device.Copy(w_offset), p.a_sums = device.Copy(a_sums);
  p.group = c.group, p.epilogue = c.epilogue, p.product_storage = c.storage;
  p.gate = device.CopyActivations(gate, c.storage);
  p.residual = device.CopyActivations(residual, c.storage);
  p.rows = rows, p.gate_stride = c.n, p.out_stride = stride;
  p.out = device.CopyActivations(std::vector<float>(c.m * stride, 77.0f), c.storage);
  p.splits = c.splits;
  if (c.splits > 1) p.partial = device.Empty<int32_t>(c.splits * c.m * c.n);
  const emulation::Grid grid{static_cast<int>(Tiles(c.n, kBn)), static_cast<int>(Tiles(c.m, kBm)),
                             static_cast<int>(c.splits)};
  const auto counters =
      emulation::LaunchKernel<Kernel>(grid, Kernel::kSharedBytes, device.memory(), {c.seed}, p);
  if (c.splits > 1) {
    const emulation::Grid elements{static_cast<int>(Tiles(c.m * c.n, kElementThreads))};
    emulation::LaunchKernel<FinishSplitKernel>(elements, 0, device.memory(), {c.seed}, p);
  }
  ExpectBytes(expected, p.out,
              std::to_string(c.m) + "x" + std::to_string(c.n) + "x" + std::to_string(c.k) + " at " +
                  std::to_string(c.bits) + " bits");
  return counters;
}

template <int kBits, GemmKind kKind = GemmKind::kRows>
using Small = GemmKernel<64, 64, 2, 2, kBits, 3, kKind>;

template <int kBits>
void CheckBits() {
  uint64_t seed = 0;
  for (const int64_t m : {1, 17, 65}) {
    for (const int64_t n : {1, 16, 63, 66}) {
      for (const int64_t k : {1, 63, 64, 65, 200, 320}) {
        Case c{m, n, k, kBits};
        c.bias = k % 2 == 1, c.a_offsets = (m + n) % 3 == 0, c.w_offsets = (n + k) % 4 == 1;
        c.extra_stride = n % 2 * 3, c.seed = seed++ % 5;
        ExpectReferenceBytes<Small<kBits>, 64, 64>(c);
        if (testing::Test::HasFatalFailure()) return;
      }
    }
  }
}
TEST(GemmTest, TwoBits) { CheckBits<2>(); }
TEST(GemmTest, ThreeBits) { CheckBits<3>(); }
TEST(GemmTest, FourBits) { CheckBits<4>(); }
TEST(GemmTest, FiveBits) { CheckBits<5>(); }
TEST(GemmTest, SixBits) { CheckBits<6>(); }
TEST(GemmTest, SevenBits) { CheckBits<7>(); }
TEST(GemmTest, EightBits) { CheckBits<8>(); }

// Two a byte of both operands: of odd rows, at the lower end (-8) too, in splits.
TEST(GemmTest, Nibbles) {
  using Kernel = Small<8, GemmKind::kNibbles>;
  uint64_t seed = 0;
  for (const int64_t m : {1, 17, 65}) {
    for (const int64_t n : {1, 16, 66}) {
      for (const int64_t k : {1, 2, 63, 127, 128, 129, 300, 640}) {
        Case c{m, n, k, 2 + static_cast<int>(seed % 3)};
        c.nibbles = true, c.seed = seed++ % 5, c.splits = k == 640 ? 3 : 1;
        c.bias = k % 2 == 1, c.a_offsets = (m + n) % 3 == 0, c.w_offsets = (n + k) % 4 == 1;
        ExpectReferenceBytes<Kernel, 64, 64>(c);
        if (HasFatalFailure()) return;
      }
    }
  }
  Case c{256, 256, 512, 4};
  c.nibbles = true, c.w_offsets = true;
  const auto counters = ExpectReferenceBytes<GemmNibblesLarge, 128, 128>(c);
  EXPECT_EQ(counters.bank_conflicts, 0);
  EXPECT_EQ(counters.sector_use(), 1.0);
  EXPECT_EQ(counters.mma, (256 / 16) * (256 / 8) * (512 / 64));
}

TEST(WeightsTest, PacksNibblesInPairs) {
  const int8_t q[] = {-8, 7, -1, 3, 0, -2};  // two rows of three
  int8_t pairs[4];
  PackNibbles(q, 2, 3, pairs);
  EXPECT_EQ(std::vector<int>(pairs, pairs + 4), (std::vector<int>{0x78, 0x0f, 0x03, 0x0e}));
}

TEST(GemmTest, ScalesOfGroups) {
  uint64_t seed = 0;
  for (const int64_t group : {4, 32, 64, 100, 128}) {
    for (const int64_t k : {128, 200, 300}) {
      Case c{70, 67, k, 4};
      c.group = group, c.a_offsets = seed % 2 == 1, c.w_offsets = seed % 3 == 1, c.seed = seed++;
      ExpectReferenceBytes<Small<4, GemmKind::kGroups>, 64, 64>(c);
    }
  }
}

TEST(GemmTest, WhatFollowsALinearIsFused) {
  for (const Epilogue epilogue :
       {Epilogue::kGeluTanh, Epilogue::kGeluErf, Epilogue::kSilu, Epilogue::kGatedAdd}) {
    for (const int64_t splits : {1, 2}) {
      for (int storage = 0; storage < kernels::kStorageCount; ++storage) {
        Case c{35, 72, 96, 8};
        c.epilogue = epilogue, c.splits = splits, c.storage = static_cast<Storage>(storage);
        ExpectReferenceBytes<Small<8>, 64, 64>(c);
      }
    }
  }
}

// Stages that are as many as the splits, more, and no multiple of them.
template <typename Kernel, int kBm>
void CheckSplits(int bits) {
  uint64_t seed = 0;
  for (const auto& [k, splits] :
       {std::pair<int64_t, int64_t>{128, 2}, {130, 3}, {700, 4}, {640, 5}}) {
    for (const int64_t m : {1, 17, 66}) {
      Case c{m, 67, k, bits};
      c.splits = splits, c.seed = seed++;
      c.bias = seed % 2 == 1, c.a_offsets = seed % 3 == 1, c.w_offsets = seed % 4 == 1;
      c.extra_stride = seed % 2 * 3;
      ExpectReferenceBytes<Kernel, kBm, 64>(c);
    }
  }
}
TEST(GemmTest, SplitInputs) {
  CheckSplits<Small<8>, 64>(8);
  CheckSplits<Small<3>, 64>(3);
  CheckSplits<GemmKernel<16, 64, 1, 2, 4, 4>, 16>(4);
}

TEST(GemmTilingTest, SplitsFillADeviceAndAreNeverEmpty) {
  const auto block = [](int64_t m, int64_t n) {
    const GemmTiling tiling = TilingOf(GemmKind::kRows, m, n, 1152);
    return std::pair(tiling.rows, tiling.columns);
  };
  EXPECT_EQ(block(4096, 4608), std::pair(int64_t{128}, int64_t{128}));
  EXPECT_EQ(block(512, 1152), std::pair(int64_t{128}, int64_t{64}));  // 72 at once, not 144 in two
  EXPECT_EQ(block(256, 1152), std::pair(int64_t{64}, int64_t{64}));   // 18 large blocks are few
  EXPECT_EQ(block(32, 1152), std::pair(int64_t{16}, int64_t{64}));
  EXPECT_EQ(TilingOf(GemmKind::kRows, 1, 6912, 1152).splits, 1);  // 108 blocks as it is
  EXPECT_EQ(TilingOf(GemmKind::kRows, 2, 1152, 4608).splits, 7);  // 18 blocks of 72 stages
  EXPECT_EQ(TilingOf(GemmKind::kWindows, 64, 1280, 11520).splits, 6);
  EXPECT_EQ(TilingOf(GemmKind::kGroups, 2, 1152, 4608).splits, 1);
  EXPECT_EQ(TilingOf(GemmKind::kNibbles, 2, 1152, 9216).splits, 7);  // 18 blocks of 72 stages
  EXPECT_EQ(TilingOf(GemmKind::kNibbles, 4096, 4608, 1152).columns, 128);
  for (int64_t k = 1; k < 20'000; k += 61) {
    for (const int64_t n : {1, 64, 200, 1000}) {
      const int64_t splits = TilingOf(GemmKind::kRows, 3, n, k).splits;
      const int64_t stages = StageTiles(k), share = (stages + splits - 1) / splits;
      ASSERT_LT((splits - 1) * share, stages) << k;
      if (splits > 1) {
        ASSERT_GE(share, 4) << k;
      }
    }
  }
}

// Every tile, around its edges. Inner tiles meet no bank conflict and move whole sectors only.
template <int kBm, int kBn, int kWarpsM, int kWarpsN, int kBits>
void CheckTile() {
  using Kernel = GemmKernel<kBm, kBn, kWarpsM, kWarpsN, kBits, 4>;
  for (const int64_t m : {kBm - 1, kBm + 1})
    for (const int64_t n : {kBn - 1, kBn + 1})
      ExpectReferenceBytes<Kernel, kBm, kBn>({m, n, 130, kBits});
  Case c{2 * kBm, 2 * kBn, 256, kBits};
  c.epilogue = Epilogue::kGatedAdd, c.a_offsets = c.w_offsets = true;
  const emulation::Counters counters = ExpectReferenceBytes<Kernel, kBm, kBn>(c);
  EXPECT_EQ(counters.bank_conflicts, 0);
  EXPECT_EQ(counters.sector_use(), 1.0);
  EXPECT_EQ(counters.mma, 4 * (kBm / 16) * (kBn / 8) * (256 / 32));
}
TEST(GemmTest, Tile128x128) { CheckTile<128, 128, 2, 2, 8>(), CheckTile<128, 128, 2, 2, 4>(); }
TEST(GemmTest, Tile128x64) { CheckTile<128, 64, 2, 2, 8>(), CheckTile<128, 64, 2, 2, 5>(); }
TEST(GemmTest, Tile64x64) { CheckTile<64, 64, 2, 2, 8>(), CheckTile<64, 64, 2, 2, 3>(); }
TEST(GemmTest, Tile16x64) { CheckTile<16, 64, 1, 2, 8>(), CheckTile<16, 64, 1, 2, 7>(); }

}  // namespace
}  // namespace tmpq::gpu
