// Zero points, groups of scales, static scales and rotation: what they mean, and that every set of
// kernels gives the reference's bytes.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <numeric>

#include "kernels/include/hadamard.h"
#include "kernels/include/numerics.h"
#include "kernels/include/packing.h"
#include "src/core/aligned.h"
#include "tests/kernels/kernel_values.h"

namespace tmpq::kernels {
namespace {

// Operands of a linear with offsets and groups; `a_offset`, `w_offset`: whether there are any.
struct OffsetProduct {
  int64_t m, n, k, group;
  int bits;
  bool a_offset, w_offset;
  std::vector<int8_t> a, w;
  std::vector<uint8_t> packed;
  std::vector<float> a_scale, w_scale, bias;
  std::vector<int32_t> a_offsets, w_offsets, w_sums;
  int stored_bits = 0;

  int64_t groups() const { return group > 0 ? (k + group - 1) / group : 1; }

  void Fill() {
    const int64_t stride = RoundUp(k, 4), width = group > 0 ? group : k;
    const auto plain = Integers(m * k, 127, 1);
    a.assign(m * stride, 0);
    for (int64_t r = 0; r < m; ++r) std::copy_n(plain.data() + r * k, k, a.data() + r * stride);
    w = Integers(n * k, QMax(bits), 2);
    packed.resize(PackedBytes(n, k, bits));
    PackWeights(w.data(), n, k, bits, packed.data());
    a_scale = Values(m, 3), w_scale = Values(groups() * n, 4), bias = Values(n, 5);
    for (const int8_t value : Integers(m, 127, 6)) a_offsets.push_back(value);
    for (const int8_t value : Integers(groups() * n, 127, 7)) w_offsets.push_back(value);
    w_sums.assign(groups() * n, 0);
    for (int64_t i = 0; i < n * k; ++i) w_sums[i % k / width * n + i / k] += w[i];
  }

  std::vector<float> Run(const KernelSet& set) const {
    AlignedVector<uint8_t> scratch(LinearIntScratchBytes(n, k));
    std::vector<float> out(m * n, 77.0f);
    LinearIntArgs args;
    args.m = m, args.n = n, args.k = k, args.a = a.data(), args.a_scale = a_scale.data();
    args.weights = packed.data(), args.bits = bits, args.w_scale = w_scale.data();
    args.bias = bias.data(), args.out = out.data(), args.out_stride = n;
    args.scratch = scratch.data(), args.group = group, args.stored_bits = stored_bits;
    if (a_offset) args.a_offset = a_offsets.data(), args.w_sums = w_sums.data();
    if (w_offset) args.w_offset = w_offsets.data();
    set.linear_int(args);
    return out;
  }
};

TEST(OffsetsTest, LinearMultipliesValuesWithOffsets) {
  for (const int64_t group : {0, 4, 8}) {
    OffsetProduct p{3, 5, 19, group, 4, true, true, {}, {}, {}, {}, {}, {}, {}, {}, {}};
    p.Fill();
    const std::vector<float> out = p.Run(ReferenceKernels());
    for (int64_t i = 0; i < p.m; ++i) {
      for (int64_t j = 0; j < p.n; ++j) {
        double expected = p.bias[j], size = std::fabs(expected);
        for (int64_t c = 0; c < p.k; ++c) {
          const int64_t g = (group > 0 ? c / group : 0) * p.n + j;
          const double term = static_cast<double>(p.a_scale[i]) * p.w_scale[g] *
                              (p.a[i * RoundUp(p.k, 4) + c] + p.a_offsets[i]) *
                              (p.w[j * p.k + c] + p.w_offsets[g]);
          expected += term, size += std::fabs(term);
        }
        EXPECT_NEAR(out[i * p.n + j], expected, 1e-6 * size);
      }
    }
  }
}

TEST_P(KernelSetTest, OffsetsAndGroupsEqualReference) {
  int turn = 0;
  for (const int64_t m : {0, 1, 6, 7, 13, 25}) {
    for (const int64_t n : {1, 16, 17, 33, 65, 130}) {
      for (const int64_t k : {1, 5, 64, 127, 200}) {
        for (const int64_t group : {0, 4, 64}) {
          OffsetProduct p{
              m,  n,  k,  group, 2 + turn % 7, turn % 2 == 0, turn % 3 != 0, {}, {}, {}, {}, {},
              {}, {}, {}, {}};
          ++turn;
          p.Fill();
          const auto expected = p.Run(ReferenceKernels()), actual = p.Run(set());
          if (expected.empty()) continue;
          ASSERT_EQ(std::memcmp(expected.data(), actual.data(), 4 * expected.size()), 0)
              << m << "x" << n << "x" << k << " in groups of " << group;
        }
      }
    }
  }
}

// Nested weights: what is stored at a higher bit-width runs as if it had been narrowed and packed.
TEST_P(KernelSetTest, NestedWeightsRunNarrowed) {
  for (int stored = 3; stored <= 8; ++stored) {
    for (int bits = 2; bits < stored; ++bits) {
      OffsetProduct p{5, 35, 70, 0, stored, false, false, {}, {}, {}, {}, {}, {}, {}, {}, {}};
      p.Fill();
      OffsetProduct narrow = p;
      narrow.bits = bits;
      for (int8_t& w : narrow.w) w = static_cast<int8_t>(NarrowValue(w, stored, bits));
      narrow.packed.resize(PackedBytes(p.n, p.k, bits));
      PackWeights(narrow.w.data(), p.n, p.k, bits, narrow.packed.data());
      p.bits = bits, p.stored_bits = stored;
      EXPECT_EQ(p.Run(set()), narrow.Run(ReferenceKernels())) << stored << " to " << bits;
    }
  }
}

TEST(OffsetsTest, NarrowingGoesThroughEveryWidthAndIsUnbiased) {
  double sum = 0;
  for (int q = -127; q <= 127; ++q) {
    const int narrow = NarrowValue(q, 8, 4);
    EXPECT_EQ(narrow, NarrowValue(NarrowValue(q, 8, 6), 6, 4));
    EXPECT_LE(std::abs(narrow), QMax(4));
    EXPECT_NEAR(narrow, q / 16.0, 1);
    sum += narrow;
  }
  EXPECT_EQ(sum, 0);
}

// The largest sums that offsets allow: int32 holds them.
TEST_P(KernelSetTest, OffsetsHoldExtremes) {
  const int64_t k = kMaxOffsetInputs;
  OffsetProduct p{1, 1, k, 0, 8, true, true, {}, {}, {}, {}, {}, {}, {}, {}, {}};
  p.Fill();
  p.a.assign(k, 127), p.w.assign(k, 127);
  PackWeights(p.w.data(), 1, k, 8, p.packed.data());
  p.a_offsets = p.w_offsets = {128}, p.w_sums = {static_cast<int32_t>(127 * k)};
  p.a_scale = p.w_scale = {1}, p.bias = {0};
  EXPECT_EQ(p.Run(set())[0], static_cast<float>(255 * 255 * k));
}

TEST(OffsetsTest, RangesHoldZeroExactly) {
  const float ranges[][2] = {{-1, 3}, {0.5f, 2}, {-4, -1}, {0, 0}, {1e-44f, 2e-44f}, {-100, 1e-3f}};
  for (const auto& [low, high] : ranges) {
    for (int bits = 2; bits <= 8; ++bits) {
      const RangeScale scale = ScaleOfRange(low, high, bits);
      const int half = 1 << (bits - 1);
      EXPECT_EQ(QuantizeToRange(0, scale.inverse, scale.offset, bits), -scale.offset);
      for (const float value : {low, high, 0.5f * (low + high)}) {
        const int q = QuantizeToRange(value, scale.inverse, scale.offset, bits);
        EXPECT_GE(q, -half);
        EXPECT_LT(q, half);
        if (scale.scale > 0) {  // within half a step, the zero point's rounding included
          EXPECT_NEAR(scale.scale * static_cast<float>(q + scale.offset), value, scale.scale);
        }
      }
    }
  }
  EXPECT_EQ(QuantizeToRange(NAN, 1, 0, 8), -128);
}

// A range on one side of 0 uses half its integers when symmetric, all of them with a zero point.
TEST(OffsetsTest, ZeroPointsHalveTheErrorOfPositiveRows) {
  std::vector<float> x = Values(512, 8);
  for (float& value : x) value = std::fabs(value);
  const auto error = [&](bool symmetric) {
    std::vector<int8_t> q(x.size());
    float scale;
    int32_t offset = 0;
    QuantizeRowsArgs args;
    args.x = x.data(), args.rows = 1, args.cols = 512, args.x_stride = 512, args.bits = 6;
    args.q = q.data(), args.scale = &scale, args.offset = symmetric ? nullptr : &offset;
    ReferenceKernels().quantize_rows(args);
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      sum += std::pow(x[i] - scale * static_cast<float>(q[i] + offset), 2);
    }
    return std::sqrt(sum);
  };
  EXPECT_LT(error(false), 0.6 * error(true));
}

TEST_P(KernelSetTest, RowsWithOffsetsEqualReference) {
  for (const int64_t cols : {1, 3, 31, 32, 33, 64, 127, 128}) {
    const int64_t rows = 6;
    const auto x = Values(rows * cols, 7);
    const std::vector<float> fixed = {0.01f, 0.0f, 0.3f};
    const std::vector<int32_t> fixed_offset = {5, 0, -2};
    for (int turn = 0; turn < 4; ++turn) {
      ExpectSameBytes<int8_t>(
          set(), rows * (RoundUp(cols, 4) + 8), "quantize_rows",
          [&](const KernelSet& k, int8_t* q) {
            QuantizeRowsArgs args;
            args.x = x.data(), args.rows = rows, args.cols = cols, args.x_stride = cols;
            args.bits = 2 + turn, args.q = q;
            int8_t* after = q + rows * RoundUp(cols, 4);
            std::vector<float> scale(rows);
            std::vector<int32_t> offset(rows);
            args.scale = scale.data();
            if (turn % 2 == 0) args.offset = offset.data();
            if (turn >= 2) {
              args.fixed_scale = fixed.data(), args.fixed_offset = fixed_offset.data();
              args.fixed_rows = 3;
            }
            k.quantize_rows(args);
            std::memcpy(after, scale.data(), 4 * rows);
            std::memcpy(after + 4 * rows, offset.data(), 4 * rows);
          });
    }
  }
}

// Sylvester's matrix of +1 and -1; orders are powers of 2.
std::vector<int8_t> SylvesterMatrix(int64_t order) {
  std::vector<int8_t> matrix(order * order);
  for (int64_t i = 0; i < order * order; ++i)
    matrix[i] = std::popcount(static_cast<uint64_t>(i / order & i % order)) % 2 == 0 ? 1 : -1;
  return matrix;
}

TEST_P(KernelSetTest, RotationsEqualReferenceAndKeepProducts) {
  for (const int64_t order : {1, 4, 16}) {
    const std::vector<int8_t> matrix = SylvesterMatrix(order);
    for (const int64_t block : {1, 2, 4, 8, 16, 32, 64, 256}) {
      const int64_t cols = order * block, rows = 19;
      const auto x = Values(rows * (cols + 1), 1), multiply = Values(cols, 2);
      std::vector<float> scratch(kTransformScratchRows * cols), rotated(rows * cols);
      TransformRowsArgs args;
      args.x = x.data(), args.rows = rows, args.cols = cols, args.x_stride = cols + 1;
      args.multiply = multiply.data(), args.rotate = true, args.order = order;
      args.matrix = order > 1 ? matrix.data() : nullptr, args.scratch = scratch.data();
      ExpectSameBytes<float>(set(), rows * cols, "transform_rows",
                             [&](const KernelSet& k, float* out) {
                               args.out = out;
                               k.transform_rows(args);
                             });
      args.out = rotated.data();
      set().transform_rows(args);
      double before = 0, after = 0, size = 0;  // the product of the first two rows
      for (int64_t i = 0; i < cols; ++i) {
        const double m = multiply[i], a = x[i] * m, b = x[cols + 1 + i] * m;
        before += a * b, size += std::fabs(a * b);
        after += static_cast<double>(rotated[i]) * rotated[cols + i];
      }
      EXPECT_NEAR(after, before, 1e-5 * size);
    }
  }
}

}  // namespace
}  // namespace tmpq::kernels
