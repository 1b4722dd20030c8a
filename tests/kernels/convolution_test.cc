// Integer convolutions: the reference is the sum over windows, other sets give its bytes, whatever
// the sizes.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/include/numerics.h"
#include "src/core/aligned.h"
#include "tests/kernels/kernel_values.h"

namespace tmpq::kernels {
namespace {

struct Case {
  ConvolutionShape shape;
  int weight_bits = 8, stored_bits = 8, a_bits = 8;
  bool a_offset = false, w_offset = false, fixed = false, bias = true;
};

ConvolutionShape Shape(int64_t height, int64_t width, int64_t channels, int64_t outputs,
                       int64_t kernel, int64_t stride, int64_t padding) {
  ConvolutionShape s;
  s.height = height, s.width = width, s.channels = channels, s.outputs = outputs;
  s.kernel_height = s.kernel_width = kernel, s.stride = stride, s.above = s.left = padding;
  s.out_height = (height + 2 * padding - kernel) / stride + 1;
  s.out_width = (width + 2 * padding - kernel) / stride + 1;
  return s;
}

// Everything that a case's arguments point to.
struct Operands {
  explicit Operands(const Case& c) {
    const ConvolutionShape& s = c.shape;
    const int64_t n = s.outputs, k = s.inputs();
    x = Values(s.height * s.width * s.channels, 1), w_scale = Values(n, 2), bias = Values(n, 3);
    w = Integers(n * k, QMax(c.stored_bits), 4);
    packed.resize(PackedBytes(n, k, c.stored_bits));
    PackWeights(w.data(), n, k, c.stored_bits, packed.data());
    for (int8_t& q : w) q = static_cast<int8_t>(NarrowValue(q, c.stored_bits, c.weight_bits));
    for (int64_t i = 0; i < n; ++i) {
      w_offset.push_back(static_cast<int32_t>(i % 7) - 3);
      w_sums.push_back(0);
      for (int64_t j = 0; j < k; ++j) w_sums[i] += w[i * k + j];
    }
    bytes.resize(PackedBytes(n, k, 8));
    scratch.resize(ConvIntScratchBytes(s) + 64, 0x5A);
  }
  ConvIntArgs Args(const Case& c, const KernelSet& set, float* out) {
    set.unpack_weights({packed.data(), c.shape.outputs, c.shape.inputs(), c.stored_bits,
                        c.weight_bits, bytes.data()});
    ConvIntArgs args;
    args.shape = c.shape, args.x = x.data(), args.a_bits = c.a_bits, args.symmetric = !c.a_offset;
    if (c.fixed) args.fixed_scale = &scale, args.fixed_offset = &offset;
    args.weights = bytes.data(), args.bits = c.weight_bits;
    args.w_scale = w_scale.data(), args.w_offset = c.w_offset ? w_offset.data() : nullptr;
    args.w_sums = w_sums.data(), args.bias = c.bias ? bias.data() : nullptr;
    args.out = out, args.out_stride = c.shape.outputs, args.scratch = scratch.data();
    return args;
  }
  void ExpectGuard() const {
    for (size_t i = scratch.size() - 64; i < scratch.size(); ++i) ASSERT_EQ(scratch[i], 0x5A);
  }

  std::vector<float> x, w_scale, bias;
  std::vector<int8_t> w;
  std::vector<int32_t> w_offset, w_sums;
  AlignedVector<uint8_t> packed, bytes, scratch;
  float scale = 0.05f;
  int32_t offset = 11;
};

TEST(ConvolutionTest, ReferenceIsTheSumOverWindows) {
  Case c;
  c.shape = Shape(5, 4, 3, 2, 3, 2, 1), c.a_offset = c.w_offset = c.fixed = true;
  Operands operands(c);
  const ConvolutionShape& s = c.shape;
  std::vector<float> out(s.out_height * s.out_width * s.outputs);
  ReferenceKernels().conv_int(operands.Args(c, ReferenceKernels(), out.data()));
  for (int64_t i = 0; i < static_cast<int64_t>(out.size()); ++i) {
    const int64_t n = i % s.outputs, pixel = i / s.outputs;
    const int64_t top = pixel / s.out_width * 2 - 1, left = pixel % s.out_width * 2 - 1;
    int64_t sum = 0;
    for (int64_t k = 0; k < s.inputs(); ++k) {
      const int64_t y = top + k / 9, x = left + k / 3 % 3;
      if (y < 0 || y >= s.height || x < 0 || x >= s.width) continue;
      const float value = operands.x[(y * s.width + x) * 3 + k % 3];
      const int a = QuantizeToRange(value, 1.0f / operands.scale, operands.offset, 8);
      sum += static_cast<int64_t>(a + operands.offset) *
             (operands.w[n * s.inputs() + k] + operands.w_offset[n]);
    }
    EXPECT_EQ(out[i], std::fmaf(static_cast<float>(sum), operands.scale * operands.w_scale[n],
                                operands.bias[n]));
  }
}

TEST(ConvolutionTest, EverySetGivesTheBytesOfTheReference) {
  std::vector<ConvolutionShape> shapes;
  for (const int64_t channels : {1, 3, 4, 12, 16, 22, 32, 100}) {
    for (const int64_t outputs : {1, 16, 17, 70, 129}) {
      shapes.push_back(Shape(7, 9, channels, outputs, 3, 1, 1));
    }
    shapes.push_back(Shape(6, 5, channels, 33, 1, 1, 0));
    shapes.push_back(Shape(8, 8, channels, 20, 3, 2, 1));
    shapes.push_back(Shape(9, 7, channels, 5, 5, 3, 2));
    shapes.push_back(Shape(1, 1, channels, 16, 3, 1, 1));
    ConvolutionShape end = Shape(8, 8, channels, 20, 3, 2, 1);  // zeros below and right only
    end.above = end.left = 0;
    shapes.push_back(end);
    ConvolutionShape row = Shape(4, 9, channels, 18, 1, 1, 0);  // windows of one row
    row.kernel_width = 7, row.left = 3;
    shapes.push_back(row);
  }
  int turn = 0;
  for (const ConvolutionShape& shape : shapes) {
    for (int variant = 0; variant < 3; ++variant, ++turn) {
      Case c;
      c.shape = shape;
      c.weight_bits = 2 + turn % 7, c.stored_bits = variant == 2 ? 8 : c.weight_bits;
      c.a_bits = 8 - turn % 3, c.a_offset = turn % 2 == 1, c.w_offset = turn % 4 > 1;
      c.fixed = variant == 1, c.bias = turn % 5 > 0;
      const int64_t size = shape.out_height * shape.out_width * shape.outputs;
      for (int i = 1; i < kKernelSetCount; ++i) {
        if (!AllKernels()[i]->supported()) continue;
        Operands operands(c);
        ExpectSameBytes<float>(
            *AllKernels()[i], size, "case " + std::to_string(turn),
            [&](const KernelSet& set, float* out) { set.conv_int(operands.Args(c, set, out)); });
        operands.ExpectGuard();
      }
    }
  }
}

// Concatenated channels and pixels that stand for four: as if someone had made the picture.
TEST(ConvolutionTest, ReadsPartsWhereTheyLie) {
  int turn = 0;
  for (const int64_t channels : {2, 16, 24, 70}) {
    for (const int64_t beside : {int64_t{0}, int64_t{1}, channels / 2}) {  // 0: doubled instead
      Case c;
      c.shape = Shape(6, 10, channels, 19, 3, 1 + turn % 2, 1);
      c.a_offset = turn % 2 == 1, c.fixed = turn % 5 == 4, c.a_bits = 8 - turn % 3;
      ++turn;
      Operands operands(c);
      std::vector<float> first, second;
      for (int64_t i = 0; i < static_cast<int64_t>(operands.x.size()); ++i) {
        const int64_t channel = i % channels, x = i / channels % 10, y = i / channels / 10;
        if (beside > 0) {
          (channel < channels - beside ? first : second).push_back(operands.x[i]);
        } else if (y % 2 == 0 && x % 2 == 0) {
          first.push_back(operands.x[i]);
        } else {
          operands.x[i] = operands.x[(y / 2 * 20 + x / 2 * 2) * channels + channel];
        }
      }
      const ConvolutionShape& s = c.shape;
      std::vector<float> expected(s.out_height * s.out_width * s.outputs), out(expected.size());
      ReferenceKernels().conv_int(operands.Args(c, ReferenceKernels(), expected.data()));
      for (int i = 0; i < kKernelSetCount; ++i) {
        const KernelSet& set = *AllKernels()[i];
        if (!set.supported()) continue;
        ConvIntArgs args = operands.Args(c, set, out.data());
        args.x = first.data(), args.doubled = beside == 0;
        if (beside > 0) args.beside = second.data(), args.beside_channels = beside;
        set.conv_int(args);
        EXPECT_EQ(out, expected) << set.name << ", " << channels << " channels, " << beside;
        operands.ExpectGuard();
      }
    }
  }
}

// Every activation at the lower end of its bits, every weight at the upper end: nothing saturates.
TEST(ConvolutionTest, HoldsExtremes) {
  Case c;
  c.shape = Shape(6, 6, 32, 20, 3, 1, 1), c.a_offset = c.fixed = true;
  const int64_t size = c.shape.out_height * c.shape.out_width * c.shape.outputs;
  for (c.a_bits = 2; c.a_bits <= 8; ++c.a_bits) {
    for (c.weight_bits = 2; c.weight_bits <= 8; ++c.weight_bits) {
      c.stored_bits = c.weight_bits;
      Operands operands(c);
      std::fill(operands.x.begin(), operands.x.end(), -1e6f);
      operands.offset = 0;
      const std::vector<int8_t> most(operands.w.size(), static_cast<int8_t>(QMax(c.weight_bits)));
      PackWeights(most.data(), c.shape.outputs, c.shape.inputs(), c.weight_bits,
                  operands.packed.data());
      for (int i = 1; i < kKernelSetCount; ++i) {
        if (!AllKernels()[i]->supported()) continue;
        ExpectSameBytes<float>(
            *AllKernels()[i], size, std::to_string(c.weight_bits),
            [&](const KernelSet& set, float* out) { set.conv_int(operands.Args(c, set, out)); });
      }
    }
  }
}

}  // namespace
}  // namespace tmpq::kernels
