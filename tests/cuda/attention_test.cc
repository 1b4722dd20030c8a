// Integer attention on the emulated device against the reference.
#include "kernels/cuda/attention.h"

#include <gtest/gtest.h>

#include "src/core/aligned.h"
#include "tests/cuda/device_values.h"

namespace tmpq::gpu {
namespace {

using kernels::Values;

struct Case {
  int64_t queries, keys, heads, d;
  int bits = 8, softmax_bits = 8;
  int64_t samples = 1, groups = 1, key_groups = 1;
  int mask = 0;  // 0: none, 1: some keys, 2: all zero in the first sample
  uint64_t seed = 0;
};

std::vector<float> Mask(const Case& c) {
  std::vector<float> mask(c.samples * c.keys);
  for (int64_t i = 0; i < c.samples * c.keys; ++i)
    mask[i] = c.mask == 2 && i < c.keys ? 0.0f : i * 7 % 3 != 0 ? 1.0f : 0.0f;
  return mask;
}

template <int kD, bool kWide>
emulation::Counters ExpectReferenceBytes(const Case& c) {
  const int64_t width = c.heads * c.d, stride = width + 3, out_stride = width + 1;
  const int64_t groups = c.samples * c.groups, key_groups = c.samples * c.key_groups;
  const auto q = Values(groups * c.queries * stride, 1),
             k = Values(key_groups * c.keys * stride, 2),
             v = Values(key_groups * c.keys * stride, 3), mask = Mask(c);
  std::vector<float> expected(groups * c.queries * out_stride, 77.0f);
  AlignedVector<uint8_t> scratch(kernels::AttentionScratchBytes(c.queries, c.keys, c.d));
  for (int64_t i = 0; i < groups; ++i) {
    const int64_t sample = i / c.groups;
    const int64_t key_group = sample * c.key_groups + (c.key_groups == 1 ? 0 : i % c.groups);
    kernels::AttentionArgs args;
    args.queries = c.queries, args.keys = c.keys, args.heads = c.heads, args.head_dim = c.d;
    args.q = q.data() + i * c.queries * stride;
    args.k = k.data() + key_group * c.keys * stride;
    args.v = v.data() + key_group * c.keys * stride;
    args.q_stride = args.k_stride = args.v_stride = stride;
    args.q_bits = args.k_bits = args.v_bits = c.bits, args.softmax_bits = c.softmax_bits;
    if (c.mask != 0) args.mask = mask.data() + sample * c.keys;
    args.out = expected.data() + i * c.queries * out_stride, args.out_stride = out_stride;
    args.scratch = scratch.data();
    kernels::ReferenceKernels().attention_int(args);
  }

  DeviceMemory device;
  const int64_t padded_q = PaddedKeys(c.queries), padded_k = PaddedKeys(c.keys);
  const auto heads = [&](const std::vector<float>& x, int64_t count, int64_t tokens,
                         int64_t padded) {
    QuantizeHeadsParams h;
    h.x = FloatsAt(device.Copy(x)), h.groups = count, h.tokens = tokens, h.heads = c.heads,
    h.d = c.d;
    h.x_stride = stride, h.bits = c.bits, h.padded_d = kD, h.padded_tokens = padded;
    h.q = device.Empty<int8_t>(count * c.heads * padded * kD);
    h.scale = device.Empty<float>(count * c.heads * padded);
    const int blocks = static_cast<int>(Tiles(count * c.heads * padded, 4));
    emulation::LaunchKernel<QuantizeHeadsKernel>({blocks}, 0, device.memory(), {c.seed}, h);
    return h;
  };
  const auto q_heads = heads(q, groups, c.queries, padded_q);
  const auto k_heads = heads(k, key_groups, c.keys, padded_k);
  QuantizeValuesParams values;
  values.x = FloatsAt(device.Copy(v)), values.groups = key_groups, values.keys = c.keys;
  values.heads = c.heads, values.d = c.d, values.x_stride = stride, values.bits = c.bits;
  values.padded_d = kD, values.q = device.Empty<int8_t>(key_groups * c.heads * kD * padded_k);
  values.scale = device.Empty<float>(key_groups * c.heads * kD);
  const auto value_counters = emulation::LaunchKernel<QuantizeValuesKernel>(
      {kD / 32, static_cast<int>(c.heads), static_cast<int>(key_groups)},
      QuantizeValuesKernel::kSharedBytes, device.memory(), {c.seed}, values);
  EXPECT_EQ(value_counters.bank_conflicts, 0);

  AttentionParams p;
  p.queries = c.queries, p.keys = c.keys, p.heads = c.heads, p.d = c.d;
  p.groups = c.groups, p.key_groups = c.key_groups;
  p.q = q_heads.q, p.q_scale = q_heads.scale, p.k = k_heads.q, p.k_scale = k_heads.scale;
  p.v = values.q, p.v_scale = values.scale, p.softmax_bits = c.softmax_bits;
  if (c.mask != 0) p.mask = FloatsAt(device.Copy(mask));
  p.out = FloatsAt(device.Copy(std::vector<float>(groups * c.queries * out_stride, 77.0f)));
  p.out_stride = out_stride;
  using Kernel = AttentionKernel<kD, kWide>;
  const auto counters = emulation::LaunchKernel<Kernel>(
      {static_cast<int>(Tiles(c.queries, 64)), static_cast<int>(c.heads), static_cast<int>(groups)},
      Kernel::kSharedBytes, device.memory(), {c.seed}, p);
  ExpectBytes(expected, p.out,
              std::to_string(c.queries) + "x" + std::to_string(c.keys) + "x" + std::to_string(c.d));
  EXPECT_EQ(counters.bank_conflicts, 0);
  return counters;
}

template <int kD>
void CheckHeadSize(int64_t d) {
  uint64_t seed = 0;
  for (const auto& [queries, keys] : std::vector<std::pair<int64_t, int64_t>>{
           {1, 1}, {16, 64}, {49, 49}, {64, 63}, {65, 130}, {3, 77}}) {
    Case c{queries, keys, 1 + static_cast<int64_t>(seed % 2), d};
    c.bits = 2 + static_cast<int>(seed % 7), c.softmax_bits = 2 + static_cast<int>(seed * 3 % 7);
    c.seed = seed++;
    ExpectReferenceBytes<kD, false>(c);
    c.bits = 8, c.softmax_bits = 16;
    ExpectReferenceBytes<kD, true>(c);
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST(AttentionTest, HeadsUpTo32) { CheckHeadSize<32>(32), CheckHeadSize<32>(17); }
TEST(AttentionTest, HeadsUpTo64) { CheckHeadSize<64>(64), CheckHeadSize<64>(40); }
TEST(AttentionTest, HeadsUpTo96) { CheckHeadSize<96>(72); }
TEST(AttentionTest, HeadsUpTo128) { CheckHeadSize<128>(128); }

TEST(AttentionTest, MasksLeaveKeysOut) {
  for (const int mask : {1, 2}) {
    Case c{20, 70, 2, 32};
    c.mask = mask, c.samples = 2, c.seed = 3;
    ExpectReferenceBytes<32, false>(c);
  }
}

TEST(AttentionTest, GroupsShareKeysOrHaveTheirOwn) {
  Case c{9, 33, 2, 24};
  c.samples = 2, c.groups = c.key_groups = 3;
  ExpectReferenceBytes<32, false>(c);
  c.key_groups = 1, c.mask = 1;
  ExpectReferenceBytes<32, false>(c);
}

}  // namespace
}  // namespace tmpq::gpu
