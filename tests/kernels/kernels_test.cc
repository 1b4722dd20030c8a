// Every set of kernels gives the reference's bytes, over sizes around every tile boundary and all
// bit-widths.
#include "kernels/include/kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "kernels/include/numerics.h"
#include "kernels/include/packing.h"
#include "src/core/aligned.h"
#include "tests/kernels/kernel_values.h"

namespace tmpq::kernels {
namespace {

INSTANTIATE_TEST_SUITE_P(Sets, KernelSetTest, testing::Range(0, kKernelSetCount),
                         [](const auto& set) {
                           return std::string(AllKernels()[set.param]->name);
                         });

// `shift`: bytes from a cache line to where the weights begin; `sums`: instead of the result.
std::vector<float> LinearInt(const KernelSet& set, int64_t m, int64_t n, int64_t k, int bits,
                             int a_bits, bool bias, int64_t stride, int64_t shift = 0,
                             std::vector<int32_t>* sums = nullptr) {
  const int64_t a_stride = RoundUp(k, 4);
  std::vector<int8_t> a(m * a_stride), values = Integers(m * k, QMax(a_bits), 1);
  for (int64_t r = 0; r < m; ++r) std::copy_n(values.data() + r * k, k, a.data() + r * a_stride);
  const std::vector<int8_t> w = Integers(n * k, QMax(bits), 2);
  AlignedVector<uint8_t> packed(shift + PackedBytes(n, k, bits));
  PackWeights(w.data(), n, k, bits, packed.data() + shift);
  const std::vector<float> a_scale = Values(m, 3), w_scale = Values(n, 4), b = Values(n, 5);
  AlignedVector<uint8_t> scratch(LinearIntScratchBytes(n, k));
  std::vector<float> out(m * stride, 77.0f);
  LinearIntArgs args;
  args.m = m, args.n = n, args.k = k, args.a = a.data(), args.a_scale = a_scale.data();
  args.weights = packed.data() + shift, args.bits = bits, args.a_bits = a_bits;
  args.w_scale = w_scale.data(), args.bias = bias ? b.data() : nullptr, args.out = out.data(),
  args.out_stride = stride;
  args.scratch = scratch.data();
  if (sums != nullptr) sums->assign(m * stride, 77), args.sums = sums->data();
  set.linear_int(args);
  return out;
}

TEST(ReferenceTest, LinearIntIsTheIntegerProduct) {
  const int64_t m = 3, n = 5, k = 7;
  const auto a = Integers(m * k, 127, 1), w = Integers(n * k, QMax(3), 2);
  const auto a_scale = Values(m, 3), w_scale = Values(n, 4), bias = Values(n, 5);
  const auto out = LinearInt(ReferenceKernels(), m, n, k, 3, 8, true, n);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      int64_t sum = 0;
      for (int64_t c = 0; c < k; ++c) sum += a[i * k + c] * w[j * k + c];
      EXPECT_EQ(out[i * n + j],
                std::fmaf(static_cast<float>(sum), a_scale[i] * w_scale[j], bias[j]));
    }
  }
}

TEST_P(KernelSetTest, LinearIntEqualsReference) {
  const int64_t ms[] = {0, 1, 5, 6, 7, 8, 11, 12, 13, 25};
  const int64_t ns[] = {1, 15, 16, 17, 32, 33, 48, 63, 64, 65, 80, 130},
                ks[] = {1, 3, 4, 5, 64, 127};
  int turn = 0;
  for (const int64_t m : ms) {
    for (const int64_t n : ns) {
      for (const int64_t k : ks) {
        const int bits = 2 + turn % 7, a_bits = 8 - turn / 7 % 7;
        const bool bias = turn++ % 3 != 0;
        const int64_t stride = n + turn % 2 * 5;
        const auto expected = LinearInt(ReferenceKernels(), m, n, k, bits, a_bits, bias, stride);
        const int64_t shift = turn % 2 * 16;
        const auto actual = LinearInt(set(), m, n, k, bits, a_bits, bias, stride, shift);
        ASSERT_EQ(expected.size(), actual.size());
        if (expected.empty()) continue;
        ASSERT_EQ(std::memcmp(expected.data(), actual.data(), expected.size() * sizeof(float)), 0)
            << m << "x" << n << "x" << k << " at " << bits << " bits";
      }
    }
  }
}

// More rows than there is room for sums of.
TEST_P(KernelSetTest, LinearIntTakesManyRows) {
  const int64_t m = 2 * LinearRowSums(5) + 3;
  const auto expected = LinearInt(ReferenceKernels(), m, 17, 5, 4, 8, true, 17);
  EXPECT_TRUE(expected == LinearInt(set(), m, 17, 5, 4, 8, true, 17));
}

TEST_P(KernelSetTest, LinearIntGivesTheSumsThemselves) {
  for (const int64_t m : {1, 7, 25}) {
    std::vector<int32_t> expected, actual;
    const auto untouched = LinearInt(ReferenceKernels(), m, 65, 70, 5, 8, true, 67, 0, &expected);
    EXPECT_EQ(untouched, LinearInt(set(), m, 65, 70, 5, 8, true, 67, 0, &actual));
    EXPECT_EQ(expected, actual);
    EXPECT_EQ(expected[65], 77);  // between two rows
  }
}

TEST_P(KernelSetTest, QuantizationOfWhatIsNotFinite) {
  const float nan = std::nanf(""), infinity = INFINITY;
  for (const int64_t cols : {5, 64, 83}) {
    for (const float odd : {nan, -nan, infinity, -infinity, 1e-42f, 3e38f}) {
      auto x = Values(2 * cols, 7);
      x[1] = x[cols + cols / 2] = odd;
      ExpectSameBytes<int8_t>(set(), 2 * RoundUp(cols, 4), std::to_string(odd),
                              [&](const KernelSet& k, int8_t* q) {
                                float scale[2];
                                k.quantize_rows({x.data(), 2, cols, cols, 8, q, scale});
                              });
    }
  }
}

// The largest magnitudes that can meet: nothing saturates on the way.
TEST_P(KernelSetTest, LinearIntHoldsExtremes) {
  const int64_t m = 5, n = 16, k = 512;
  for (int a_bits = 2; a_bits <= 8; ++a_bits) {
    for (const int activation : {QMax(a_bits), -1 - QMax(a_bits)}) {
      for (int bits = 2; bits <= 8; ++bits) {
        for (const int weight : {QMax(bits), -QMax(bits)}) {
          const std::vector<int8_t> a(m * k, static_cast<int8_t>(activation)),
              w(n * k, static_cast<int8_t>(weight));
          std::vector<uint8_t> packed(PackedBytes(n, k, bits));
          PackWeights(w.data(), n, k, bits, packed.data());
          AlignedVector<uint8_t> scratch(LinearIntScratchBytes(n, k));
          const std::vector<float> ones(n, 1.0f);
          std::vector<float> out(m * n);
          LinearIntArgs args;
          args.m = m, args.n = n, args.k = k, args.a = a.data(), args.a_scale = ones.data();
          args.weights = packed.data(), args.bits = bits, args.a_bits = a_bits;
          args.w_scale = ones.data(), args.out = out.data();
          args.out_stride = n, args.scratch = scratch.data();
          set().linear_int(args);
          for (const float value : out) ASSERT_EQ(value, activation * weight * k) << bits;
        }
      }
    }
  }
}

TEST_P(KernelSetTest, LinearF32EqualsReference) {
  const int64_t ms[] = {1, 5, 6, 7, 12}, ns[] = {1, 16, 17, 63, 64, 80}, ks[] = {1, 3, 64, 127};
  for (const int64_t m : ms) {
    for (const int64_t n : ns) {
      for (const int64_t k : ks) {
        const auto x = Values(m * (k + 2), 1), w = Values(n * k, 2), bias = Values(n, 3);
        std::vector<float> panels(FloatPanelElements(n, k));
        PackFloatPanels(w.data(), n, k, panels.data());
        for (const bool with_bias : {false, true}) {
          ExpectSameBytes<float>(
              set(), m * (n + 3), "linear_f32", [&](const KernelSet& kernels, float* out) {
                LinearF32Args args;
                args.m = m, args.n = n, args.k = k, args.x = x.data(), args.x_stride = k + 2;
                args.panels = panels.data(), args.bias = with_bias ? bias.data() : nullptr;
                args.out = out, args.out_stride = n + 3;
                kernels.linear_f32(args);
              });
        }
      }
    }
  }
}

struct AttentionCase {
  int64_t queries, keys, heads, head_dim;
  int bits, softmax_bits;
};

TEST_P(KernelSetTest, AttentionEqualsReference) {
  const AttentionCase cases[] = {
      {1, 1, 1, 1, 8, 8},    {2, 3, 2, 4, 2, 4},     {49, 49, 4, 32, 8, 8}, {49, 49, 4, 32, 4, 16},
      {31, 33, 1, 16, 3, 8}, {64, 20, 3, 40, 5, 16}, {7, 5, 2, 17, 6, 2},   {6, 65, 1, 72, 7, 7}};
  for (const AttentionCase& c : cases) {
    const int64_t width = c.heads * c.head_dim, stride = 3 * width + 1;
    const auto qkv = Values(std::max(c.queries, c.keys) * stride, 6);
    AlignedVector<uint8_t> scratch(AttentionScratchBytes(c.queries, c.keys, c.head_dim));
    AttentionArgs args;
    args.queries = c.queries, args.keys = c.keys, args.heads = c.heads, args.head_dim = c.head_dim;
    args.q = qkv.data(), args.k = qkv.data() + width, args.v = qkv.data() + 2 * width;
    args.q_stride = args.k_stride = args.v_stride = stride;
    args.q_bits = args.k_bits = args.v_bits = c.bits, args.softmax_bits = c.softmax_bits;
    args.out_stride = width, args.scratch = scratch.data();
    const std::string what = std::to_string(c.queries) + "x" + std::to_string(c.keys);
    ExpectSameBytes<float>(set(), c.queries * width, "attention_int " + what,
                           [&](const KernelSet& kernels, float* out) {
                             args.out = out;
                             kernels.attention_int(args);
                           });
    ExpectSameBytes<float>(set(), c.queries * width, "attention_f32 " + what,
                           [&](const KernelSet& kernels, float* out) {
                             args.out = out;
                             kernels.attention_f32(args);
                           });
  }
}

TEST_P(KernelSetTest, RowFunctionsEqualReference) {
  for (const int64_t cols : {1, 3, 31, 32, 33, 64, 127, 128}) {
    const int64_t rows = 6;
    const auto x = Values(rows * cols, 7), y = Values(rows * cols, 8), side = Values(6 * cols, 9);
    const std::string what = std::to_string(cols) + " columns";
    const auto check = [&](auto call) { ExpectSameBytes<float>(set(), rows * cols, what, call); };
    check([&](const KernelSet& k, float* out) {
      k.layer_norm({x.data(), rows, cols, 1e-6f, nullptr, nullptr, out});
    });
    check([&](const KernelSet& k, float* out) {
      k.layer_norm({x.data(), rows, cols, 1e-6f, side.data(), side.data() + cols, out});
    });
    check([&](const KernelSet& k, float* out) {
      k.rms_norm({x.data(), rows, cols, 1e-6f, side.data(), nullptr, out});
    });
    check([&](const KernelSet& k, float* out) { k.gelu_erf(x.data(), rows * cols, out); });
    check([&](const KernelSet& k, float* out) { k.quick_gelu(x.data(), rows * cols, out); });
    check([&](const KernelSet& k, float* out) { k.scale(x.data(), rows * cols, 0.3f, out); });
    check(
        [&](const KernelSet& k, float* out) { k.multiply(x.data(), y.data(), rows * cols, out); });
    check([&](const KernelSet& k, float* out) { k.silu(x.data(), rows * cols, out); });
    check([&](const KernelSet& k, float* out) { k.gelu_tanh(x.data(), rows * cols, out); });
    check([&](const KernelSet& k, float* out) { k.add(x.data(), y.data(), rows * cols, out); });
    check([&](const KernelSet& k, float* out) { k.mean_rows({x.data(), rows, cols, out}); });
    check([&](const KernelSet& k, float* out) {
      k.modulate({x.data(), 2, 3, cols, side.data(), side.data() + cols, 2 * cols, 2 * cols, out});
    });
    check([&](const KernelSet& k, float* out) {
      k.gated_add({x.data(), y.data(), 2, 3, cols, side.data(), 2 * cols, out});
    });
    check([&](const KernelSet& k, float* out) {
      k.group_norm({x.data(), rows, cols, cols % 3 == 0 ? 3 : 1, cols, cols, 1e-5f, side.data(),
                    side.data() + cols, out});
    });
    for (int bits = 2; bits <= 8; ++bits) {
      ExpectSameBytes<int8_t>(
          set(), rows * RoundUp(cols, 4), what, [&](const KernelSet& k, int8_t* q) {
            std::vector<float> scale(rows);
            k.quantize_rows({x.data(), rows, cols, cols, bits, q, scale.data()});
          });
    }
  }
  for (const float t : {0.0f, 1.0f, 499.0f, 999.0f}) {
    ExpectSameBytes<float>(set(), 128, "timestep", [&](const KernelSet& k, float* out) {
      k.timestep_embedding({t, 128, 0, false, out});
    });
    ExpectSameBytes<float>(set(), 128, "shifted timestep", [&](const KernelSet& k, float* out) {
      k.timestep_embedding({t, 128, 1, true, out});
    });
  }
}

// Sets take as many rows together as a vector has lanes.
TEST_P(KernelSetTest, AnyNumberOfRowsEqualsReference) {
  for (const int64_t rows : {1, 7, 8, 9, 15, 16, 17, 33}) {
    for (const int64_t cols : {1, 5, 32, 48, 200}) {
      const auto x = Values(rows * cols, 7), side = Values(2 * cols, 9);
      const std::string what = std::to_string(rows) + " rows of " + std::to_string(cols);
      ExpectSameBytes<float>(set(), rows * cols, what, [&](const KernelSet& k, float* out) {
        k.layer_norm({x.data(), rows, cols, 1e-6f, side.data(), side.data() + cols, out});
      });
      ExpectSameBytes<float>(set(), rows * cols, what, [&](const KernelSet& k, float* out) {
        k.rms_norm({x.data(), rows, cols, 1e-6f, side.data(), nullptr, out});
      });
      std::vector<int8_t> q(rows * RoundUp(cols, 4));
      ExpectSameBytes<float>(set(), rows, what, [&](const KernelSet& k, float* scale) {
        k.quantize_rows({x.data(), rows, cols, cols, 8, q.data(), scale});
      });
    }
  }
}

TEST_P(KernelSetTest, ActivationsOfWhatIsNotFiniteEqualReference) {
  std::vector<float> x = Values(40, 7);
  x[3] = NAN, x[8] = INFINITY, x[21] = -INFINITY, x[30] = -1e30f, x[37] = NAN, x[39] = 1e30f;
  const auto count = static_cast<int64_t>(x.size());
  for (const auto function :
       {&KernelSet::silu, &KernelSet::gelu_tanh, &KernelSet::quick_gelu, &KernelSet::gelu_erf}) {
    std::vector<float> expected(x.size()), out(x.size());
    (ReferenceKernels().*function)(x.data(), count, expected.data());
    (set().*function)(x.data(), count, out.data());
    for (size_t i = 0; i < x.size(); ++i) {  // any NaN is as good as another
      EXPECT_TRUE(out[i] == expected[i] || (out[i] != out[i] && expected[i] != expected[i]))
          << "of " << x[i] << ": " << out[i] << ", not " << expected[i];
    }
  }
}

// Against double arithmetic: the definition itself means what it should.
TEST(ReferenceTest, FloatAttentionIsAttention) {
  const int64_t tokens = 9, d = 8;
  const auto q = Values(tokens * d, 1), k = Values(tokens * d, 2), v = Values(tokens * d, 3);
  AlignedVector<uint8_t> scratch(AttentionScratchBytes(tokens, tokens, d));
  std::vector<float> out(tokens * d), integer(tokens * d);
  AttentionArgs args;
  args.queries = args.keys = tokens, args.heads = 1, args.head_dim = d, args.q = q.data(),
  args.k = k.data();
  args.v = v.data(), args.q_stride = args.k_stride = args.v_stride = args.out_stride = d;
  args.softmax_bits = 16, args.out = out.data(), args.scratch = scratch.data();
  ReferenceKernels().attention_f32(args);
  args.out = integer.data();
  ReferenceKernels().attention_int(args);
  for (int64_t i = 0; i < tokens; ++i) {
    std::vector<double> p(tokens);
    double sum = 0;
    for (int64_t j = 0; j < tokens; ++j) {
      double score = 0;
      for (int64_t c = 0; c < d; ++c) score += static_cast<double>(q[i * d + c]) * k[j * d + c];
      sum += p[j] = std::exp(score / std::sqrt(static_cast<double>(d)));
    }
    for (int64_t c = 0; c < d; ++c) {
      double expected = 0, largest = 0;
      for (int64_t j = 0; j < tokens; ++j) {
        expected += p[j] / sum * v[j * d + c];
        largest = std::max(largest, static_cast<double>(std::fabs(v[j * d + c])));
      }
      EXPECT_NEAR(out[i * d + c], expected, 1e-5 * largest);
      EXPECT_NEAR(integer[i * d + c], expected, 0.05 * largest);  // 8-bit q, k, v
    }
  }
}

// Two queries, three keys, by hand: scores times 2, a bias, and later keys left out.
TEST(ReferenceTest, BiasScaleAndCausalityReachTheScores) {
  const std::vector<float> q = {1, -1, 0}, k = {0.5f, 0.25f, 1}, v = {1, 10, 100},
                           bias = {0, 0, 0, 0.5f, 0, 0, 0, 0, 0};
  AlignedVector<uint8_t> scratch(AttentionScratchBytes(3, 3, 1));
  std::vector<float> out(3);
  AttentionArgs args;
  args.queries = args.keys = 3, args.heads = args.head_dim = 1;
  args.q = q.data(), args.k = k.data(), args.v = v.data();
  args.q_stride = args.k_stride = args.v_stride = args.out_stride = 1;
  args.score_scale = 2, args.bias = bias.data(), args.causal = true;
  args.out = out.data(), args.scratch = scratch.data();
  ReferenceKernels().attention_f32(args);
  EXPECT_EQ(out[0], 1);  // sees the first key only
  const double first = std::exp(-1 + 0.5), second = std::exp(-0.5);
  EXPECT_NEAR(out[1], (first + 10 * second) / (first + second), 1e-5);
  EXPECT_NEAR(out[2], 37, 1e-4);
}

TEST(KernelsTest, AreFoundByName) {
  EXPECT_EQ(FindKernels("reference"), &ReferenceKernels());
  EXPECT_EQ(FindKernels("abacus"), nullptr);
  EXPECT_TRUE(BestKernels().supported());
}

}  // namespace
}  // namespace tmpq::kernels
