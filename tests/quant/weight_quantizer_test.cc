#include "src/quant/weight_quantizer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/include/numerics.h"
#include "kernels/include/packing.h"
#include "src/core/error.h"
#include "src/core/random.h"

namespace tmpq {
namespace {

TEST(WeightQuantizerTest, IsNearestOnASymmetricGridPerOutput) {
  std::vector<float> weights(6 * 50);
  FillNormal(1, RandomPurpose::kTest, 0, weights);
  for (int i = 0; i < 50; ++i) weights[50 + i] *= 100;  // outputs of other range
  for (int bits = 2; bits <= 8; ++bits) {
    const QuantizedWeights q = QuantizeWeights("layer", weights, 6, 50, BitWidth::Of(bits));
    const int qmax = kernels::QMax(bits);
    for (int64_t n = 0; n < 6; ++n) {
      int largest = 0;
      for (int64_t k = 0; k < 50; ++k) {
        const int value = q.q[n * 50 + k];
        largest = std::max(largest, std::abs(value));
        EXPECT_LE(std::fabs(weights[n * 50 + k] - static_cast<float>(value) * q.scale[n]),
                  q.scale[n] * 0.5001f);
      }
      EXPECT_EQ(largest, qmax);  // min-max range: the largest weight is on the end of the grid
    }
  }
}

TEST(WeightQuantizerTest, ZeroRowsStayZero) {
  const std::vector<float> weights(8, 0.0f);
  const QuantizedWeights q = QuantizeWeights("layer", weights, 2, 4, BitWidth::Of(4));
  EXPECT_EQ(q.scale, (std::vector<float>{0, 0}));
  EXPECT_EQ(q.q, std::vector<int8_t>(8, 0));
}

TEST(WeightQuantizerTest, NamesTheLayerOfBadWeights) {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    std::vector<float> weights(8, 1.0f);
    weights[5] = bad;
    try {
      QuantizeWeights("blocks.0.fc1", weights, 2, 4, BitWidth::Of(4));
      FAIL();
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("blocks.0.fc1"), std::string::npos);
      EXPECT_NE(std::string(error.what()).find("output 1"), std::string::npos);
    }
  }
}

TEST(WeightQuantizerTest, PackingKeepsTheIntegers) {
  std::vector<float> weights(17 * 9);
  FillNormal(2, RandomPurpose::kTest, 0, weights);
  for (int bits = 2; bits <= 8; ++bits) {
    const QuantizedWeights q = QuantizeWeights("layer", weights, 17, 9, BitWidth::Of(bits));
    const PackedWeights packed = Pack(q);
    std::vector<int8_t> back(q.q.size());
    kernels::UnpackWeights(packed.data.data(), 17, 9, bits, back.data());
    EXPECT_EQ(back, q.q);
    EXPECT_EQ(packed.scale, q.scale);
  }
}

TEST(WeightQuantizerTest, OneScaleForEverythingIsTheLargestWeights) {
  std::vector<float> weights(6 * 50);
  FillNormal(3, RandomPurpose::kTest, 0, weights);
  weights[120] = -9;
  const QuantizedWeights q =
      QuantizeWeights("layer", weights, 6, 50, BitWidth::Of(4), {.per_tensor = true});
  EXPECT_EQ(q.scale, std::vector<float>(6, 9.0f / 7));
  EXPECT_EQ(q.q[120], -7);
}

TEST(WeightQuantizerTest, GroupsAreQuantizedApart) {
  for (const int64_t group : {64, 128}) {
    for (const int64_t inputs : {1L, 63L, 64L, 65L, 130L, 256L, 300L}) {
      std::vector<float> weights(3 * inputs);
      FillNormal(4, RandomPurpose::kTest, inputs, weights);
      for (const bool symmetric : {true, false}) {
        const QuantizedWeights whole = QuantizeWeights("layer", weights, 3, inputs, BitWidth::Of(4),
                                                       {.symmetric = symmetric, .group = group});
        const PackedWeights packed = Pack(whole);
        ASSERT_EQ(whole.groups(), (inputs + group - 1) / group);
        for (int64_t g = 0; g < whole.groups(); ++g) {
          const int64_t begin = g * group, count = std::min(group, inputs - begin);
          for (int64_t n = 0; n < 3; ++n) {
            const std::vector<float> part(weights.begin() + n * inputs + begin,
                                          weights.begin() + n * inputs + begin + count);
            const QuantizedWeights own =
                QuantizeWeights("layer", part, 1, count, BitWidth::Of(4), {.symmetric = symmetric});
            EXPECT_EQ(whole.scale[g * 3 + n], own.scale[0]);
            int sum = 0;
            for (int64_t k = 0; k < count; ++k) {
              EXPECT_EQ(whole.q[n * inputs + begin + k], own.q[k]);
              EXPECT_EQ(whole.ValueAt(n, begin + k), own.ValueAt(0, k));
              sum += own.q[k];
            }
            EXPECT_EQ(packed.sums[g * 3 + n], sum);
          }
        }
      }
    }
  }
}

TEST(WeightQuantizerTest, ZeroPointsFitOutputsOnOneSide) {
  std::vector<float> weights(4 * 40);
  FillNormal(5, RandomPurpose::kTest, 0, weights);
  for (float& weight : weights) weight = 3 + 0.3f * weight;
  for (int bits = 2; bits <= 8; ++bits) {
    const QuantizedWeights q =
        QuantizeWeights("layer", weights, 4, 40, BitWidth::Of(bits), {.symmetric = false});
    for (int64_t i = 0; i < 160; ++i) {
      EXPECT_GE(q.q[i], -(1 << (bits - 1)));
      EXPECT_LT(q.q[i], 1 << (bits - 1));
      EXPECT_LE(std::fabs(q.ValueAt(i / 40, i % 40) - weights[i]), 0.501f * q.scale[i / 40]);
    }
  }
}

}  // namespace
}  // namespace tmpq
