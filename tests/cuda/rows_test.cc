// Fused row kernels on the emulated device against the reference's separate ones.
#include "kernels/cuda/rows.h"

#include <gtest/gtest.h>

#include "kernels/cuda/gemm_parts.h"
#include "src/quant/hadamard.h"
#include "tests/cuda/device_values.h"

namespace tmpq::gpu {
namespace {

using kernels::Integers;
using kernels::ReferenceKernels;
using kernels::Values;

struct Case {
  int64_t cols = 64;
  Unary unary = Unary::kNone;
  Norm norm = Norm::kNone;
  bool affine = false, modulate = false, multiply = false, rotate = false;
  int bits = 8;
  bool asymmetric = false, fixed = false;
  uint64_t seed = 0;
  int64_t group = 0;
  bool out_last = false;
  bool nibbles = false;
  Storage storage = Storage::kFloat32;
};

constexpr int64_t kRows = 7, kSampleRows = 3, kSamples = 3, kFixedRows = 4;

// What both sides read.
struct Inputs {
  std::vector<float> x, weight, bias, shift, scale, multiply, fixed_scale;
  std::vector<int32_t> fixed_offset;
  Hadamard hadamard;

  explicit Inputs(const Case& c)
      : x(Values(kRows * (c.cols + 3), 1)),
        weight(Values(c.cols, 2)),
        bias(Values(c.cols, 3)),
        shift(Values(kSamples * c.cols, 4)),
        scale(Values(kSamples * c.cols, 5)),
        multiply(Values(c.cols, 6)),
        fixed_scale{0.01f, 0.5f, 0.0f, 0.03f},
        fixed_offset{3, -7, 0, 120} {
    if (c.rotate) hadamard = HadamardOf(c.cols).value();
    std::fill_n(x.begin() + 2 * (c.cols + 3), c.cols, 0.0f);  // a row of zeros
  }
};

struct Outputs {
  std::vector<float> values, q_scale;
  std::vector<int8_t> q;  // (rows, PaddedInputs(cols, group))
  std::vector<int32_t> q_offset, q_sums;
};

Outputs RunReference(const Case& c, const Inputs& in) {
  const kernels::KernelSet& set = ReferenceKernels();
  const int64_t cols = c.cols, count = kRows * cols, stride = PaddedInputs(cols, c.group);
  std::vector<float> x(count), y(count), scratch(kernels::kTransformScratchRows * cols);
  const auto rounded = [&](std::vector<float> values) {
    for (float& value : values) value = kernels::RoundTo(c.storage, value);
    return values;
  };
  const std::vector<float> shift = rounded(in.shift), scale = rounded(in.scale);
  for (int64_t i = 0; i < count; ++i) x[i] = in.x[i / cols * (cols + 3) + i % cols];
  x = rounded(x);
  y = x;
  if (c.unary == Unary::kGeluTanh) set.gelu_tanh(x.data(), count, y.data());
  if (c.unary == Unary::kGeluErf) set.gelu_erf(x.data(), count, y.data());
  if (c.unary == Unary::kSilu) set.silu(x.data(), count, y.data());
  if (c.unary == Unary::kQuickGelu) set.quick_gelu(x.data(), count, y.data());
  x = rounded(y);
  const float* weight = c.affine ? in.weight.data() : nullptr;
  const float* bias = c.affine ? in.bias.data() : nullptr;
  if (c.norm == Norm::kLayer)
    set.layer_norm({x.data(), kRows, cols, 1e-5f, weight, bias, y.data()});
  if (c.norm == Norm::kRms)
    set.rms_norm({x.data(), kRows, cols, 1e-5f, in.weight.data(), nullptr, y.data()});
  x = y = rounded(c.norm == Norm::kNone ? x : y);
  if (c.modulate) {
    for (int64_t row = 0; row < kRows; ++row) {
      const int64_t at = row / kSampleRows * cols;
      set.modulate(
          {&x[row * cols], 1, 1, cols, &shift[at], &scale[at], cols, cols, &y[row * cols]});
    }
  }
  Outputs out;
  out.values = x = y = rounded(y);
  if (c.multiply || c.rotate) {
    kernels::TransformRowsArgs args{x.data(), kRows, cols, cols};
    args.multiply = c.multiply ? in.multiply.data() : nullptr, args.rotate = c.rotate;
    args.order = in.hadamard.order;
    args.matrix = in.hadamard.order > 1 ? in.hadamard.matrix.data() : nullptr;
    args.out = y.data(), args.scratch = scratch.data();
    set.transform_rows(args);
    if (c.out_last) out.values = y;
  }
  const int64_t q_stride = kernels::RoundUp(cols, 4);
  std::vector<int8_t> q(kRows * q_stride);
  const int64_t group = c.group == 0 ? cols : c.group, groups = Tiles(cols, group);
  out.q_scale.resize(kRows), out.q_offset.resize(kRows), out.q_sums.resize(kRows * groups);
  kernels::QuantizeRowsArgs args{y.data(), kRows, cols, cols, c.bits, q.data(), out.q_scale.data()};
  if (c.asymmetric) args.offset = out.q_offset.data();
  if (c.fixed) {
    args.fixed_scale = in.fixed_scale.data(), args.fixed_rows = kFixedRows;
    if (c.asymmetric) args.fixed_offset = in.fixed_offset.data();
  }
  set.quantize_rows(args);
  out.q.assign(kRows * stride, 0);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t row = i / cols, at = i % cols, g = at / group;
    out.q[row * stride + g * (stride / groups) + at % group] = q[row * q_stride + at];
    out.q_sums[row * groups + g] += q[row * q_stride + at];
  }
  return out;
}

emulation::Counters ExpectReferenceBytes(const Case& c) {
  const Inputs in(c);
  const Outputs expected = RunReference(c, in);
  DeviceMemory device;
  RowsParams p;
  p.x = device.CopyActivations(in.x, c.storage), p.storage = c.storage, p.rows = kRows,
  p.cols = c.cols, p.x_stride = c.cols + 3;
  p.unary = c.unary, p.norm = c.norm, p.epsilon = 1e-5f;
  if (c.affine || c.norm == Norm::kRms) p.weight = device.Copy(in.weight);
  if (c.affine && c.norm == Norm::kLayer) p.bias = device.Copy(in.bias);
  if (c.modulate) {
    p.shift = device.CopyActivations(in.shift, c.storage);
    p.scale = device.CopyActivations(in.scale, c.storage);
    p.shift_stride = p.scale_stride = c.cols, p.sample_rows = kSampleRows;
  }
  if (c.multiply) p.multiply = device.Copy(in.multiply);
  p.rotate = c.rotate, p.order = in.hadamard.order;
  if (p.order > 1) p.matrix = device.Copy(in.hadamard.matrix);
  p.out = device.EmptyActivations(kRows * c.cols, c.out_last ? Storage::kFloat32 : c.storage);
  p.out_last = c.out_last, p.bits = c.bits, p.group = c.group;
  p.nibbles = c.nibbles;
  p.q_stride = PaddedInputs(c.nibbles ? NibbleBytes(c.cols) : c.cols, c.group);
  p.q = device.Empty<int8_t>(kRows * p.q_stride), p.q_scale = device.Empty<float>(kRows);
  p.q_sums = device.Empty<int32_t>(static_cast<int64_t>(expected.q_sums.size()));
  if (c.asymmetric) p.q_offset = device.Empty<int32_t>(kRows);
  if (c.fixed) {
    p.fixed_scale = device.Copy(in.fixed_scale), p.fixed_rows = kFixedRows;
    p.fixed_offset = device.Copy(in.fixed_offset);
  }
  const auto counters = emulation::LaunchKernel<RowsKernel<4>>(
      {2}, static_cast<int>(4 * RowSharedBytes(c.cols, p.order)), device.memory(), {c.seed}, p);
  const std::string what = std::to_string(c.cols) + " columns";
  ExpectBytes(expected.values, p.out, what + ", values");
  ExpectBytes(expected.q_scale, p.q_scale, what + ", scale");
  if (c.asymmetric) ExpectBytes(expected.q_offset, p.q_offset, what + ", offset");
  if (c.nibbles) {
    std::vector<int8_t> pairs(kRows * p.q_stride);
    for (int64_t row = 0; row < kRows; ++row) {
      PackNibbles(&expected.q[row * PaddedInputs(c.cols, 0)], 1, c.cols, &pairs[row * p.q_stride]);
    }
    ExpectBytes(pairs, p.q, what + ", nibbles");
  } else {
    ExpectBytes(expected.q, p.q, what + ", q");
  }
  ExpectBytes(expected.q_sums, p.q_sums, what + ", sums");
  return counters;
}

TEST(RowsTest, QuantizesAtEveryWidth) {
  for (const int64_t cols : {1, 3, 31, 32, 33, 64, 127, 130, 300}) {
    for (int bits = 2; bits <= 8; ++bits) {
      for (int kind = 0; kind < 4; ++kind) {
        Case c{cols};
        c.bits = bits, c.asymmetric = kind % 2 == 1, c.fixed = kind >= 2, c.seed = bits % 3;
        ExpectReferenceBytes(c);
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(RowsTest, PacksNibbles) {
  for (const int64_t cols : {1, 2, 7, 64, 127, 128, 129, 300}) {
    for (const int bits : {2, 3, 4}) {
      Case c{cols};
      c.nibbles = true, c.bits = bits, c.asymmetric = cols % 2 == 1;
      ExpectReferenceBytes(c);
    }
  }
}

TEST(RowsTest, NormalizesAndModulates) {
  for (const int64_t cols : {1, 31, 64, 127, 128, 290}) {
    for (const Norm norm : {Norm::kLayer, Norm::kRms}) {
      for (int kind = 0; kind < 4; ++kind) {
        Case c{cols};
        c.norm = norm, c.affine = kind % 2 == 1, c.modulate = kind >= 2;
        c.seed = static_cast<uint64_t>(kind);
        ExpectReferenceBytes(c);
      }
    }
  }
}

TEST(RowsTest, AppliesFunctionsBeforeQuantization) {
  for (const Unary unary : {Unary::kGeluTanh, Unary::kGeluErf, Unary::kSilu, Unary::kQuickGelu}) {
    Case c{100};
    c.unary = unary, c.bits = 4;
    ExpectReferenceBytes(c);
  }
}

// What each step gives is rounded, what is quantized after balancing and rotation is not.
TEST(RowsTest, StoresSixteenBits) {
  for (const Storage storage : {Storage::kFloat16, Storage::kBfloat16}) {
    for (int kind = 0; kind < 6; ++kind) {
      Case c{96};
      c.storage = storage, c.unary = kind % 3 == 1 ? Unary::kSilu : Unary::kNone;
      c.norm = kind % 3 == 2 ? Norm::kLayer : Norm::kNone, c.affine = true;
      c.modulate = kind >= 3, c.multiply = c.rotate = c.out_last = kind % 2 == 1;
      ExpectReferenceBytes(c);
    }
  }
}

// Orders 1, 12 and more; blocks below and above a warp's lanes.
TEST(RowsTest, RotatesEverySize) {
  for (const int64_t cols : {4, 8, 16, 32, 64, 256, 12, 24, 48, 96, 192, 384, 20, 72, 288, 144}) {
    if (!HadamardOf(cols)) continue;
    for (const bool multiply : {false, true}) {
      Case c{cols};
      c.norm = Norm::kLayer, c.modulate = true, c.multiply = multiply, c.rotate = true, c.bits = 4;
      c.seed = static_cast<uint64_t>(cols % 5);
      ExpectReferenceBytes(c);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(RowsTest, PadsGroupsAndSumsEach) {
  for (const int64_t cols : {32, 100, 256}) {
    for (const int64_t group : {4, 12, 64, 68, 128}) {
      Case c{cols};
      c.group = group, c.asymmetric = group % 8 == 0, c.multiply = true, c.out_last = true;
      ExpectReferenceBytes(c);
    }
  }
}

TEST(RowsTest, MeetsNoBankConflictAndWholeSectors) {
  Case c{256};
  c.norm = Norm::kLayer, c.modulate = true, c.multiply = true, c.rotate = true;
  const auto counters = ExpectReferenceBytes(c);
  EXPECT_EQ(counters.bank_conflicts, 0);
}

}  // namespace
}  // namespace tmpq::gpu
