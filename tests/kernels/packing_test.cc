#include "kernels/include/packing.h"

#include <gtest/gtest.h>

#include <tuple>
#include <vector>

#include "kernels/include/numerics.h"

namespace tmpq::kernels {
namespace {

TEST(PackingTest, RoundTripsAtEveryBitWidthAndRaggedSize) {
  for (int bits = 2; bits <= 8; ++bits) {
    for (const int64_t n : {1, 15, 16, 17, 33}) {
      for (const int64_t k : {1, 3, 4, 5, 18}) {
        std::vector<int8_t> q(n * k), back(n * k, 99);
        for (int64_t i = 0; i < n * k; ++i) {
          q[i] = static_cast<int8_t>((i * 37 + bits) % (2 * QMax(bits) + 1) - QMax(bits));
        }
        std::vector<uint8_t> packed(PackedBytes(n, k, bits) + 1, 0xee);
        PackWeights(q.data(), n, k, bits, packed.data());
        UnpackWeights(packed.data(), n, k, bits, back.data());
        EXPECT_EQ(q, back) << bits << " bits, " << n << "x" << k;
        EXPECT_EQ(packed.back(), 0xee) << "wrote past its size";
      }
    }
  }
}

// The layout is a file format: these bytes must not change.
TEST(PackingTest, FourBitLayout) {
  std::vector<int8_t> q(16 * 4);
  for (int i = 0; i < 64; ++i) q[i] = static_cast<int8_t>(i % 15 - 7);
  std::vector<uint8_t> packed(PackedBytes(16, 4, 4));
  PackWeights(q.data(), 16, 4, 4, packed.data());
  ASSERT_EQ(packed.size(), 32u);
  EXPECT_EQ(packed[0], (q[0] + 8) | (q[32] + 8) << 4);
  EXPECT_EQ(packed[31], (q[31] + 8) | (q[63] + 8) << 4);
}

TEST(PackingTest, StorageIsAtTheBitWidth) {
  for (int bits = 2; bits <= 8; ++bits)
    EXPECT_EQ(PackedBytes(128, 512, bits), 128 * 512 * bits / 8);
}

// Ragged sizes, groups and zero points: (q + offset) * scale, rounded once.
TEST(PackingTest, DequantizedPanelsHoldWhatIntegersStandFor) {
  for (const int bits : {2, 5, 8}) {
    for (const auto& [n, k, group] : {std::tuple{1, 1, 0}, {16, 4, 0}, {17, 7, 0}, {33, 18, 8}}) {
      const int64_t groups = group > 0 ? (k + group - 1) / group : 1;
      std::vector<int8_t> q(n * k);
      std::vector<uint8_t> bytes(PackedBytes(n, k, 8), uint8_t(WeightOffset(bits)));
      for (int64_t i = 0; i < n * k; ++i) {
        q[i] = static_cast<int8_t>((i * 29 + bits) % (2 * QMax(bits) + 1) - QMax(bits));
        const int64_t row = i / k, column = i % k;
        bytes[(row / 16 * GroupsOfInputs(k) + column / 4) * 64 + row % 16 * 4 + column % 4] =
            static_cast<uint8_t>(q[i] + WeightOffset(bits));
      }
      std::vector<float> scale(groups * n), panels(FloatPanelElements(n, k) + 1, -7.0f);
      std::vector<int32_t> offset(groups * n);
      for (int64_t i = 0; i < groups * n; ++i) {
        scale[i] = 0.1f * static_cast<float>(i + 1), offset[i] = static_cast<int32_t>(i % 5 - 2);
      }
      for (const bool offsets : {false, true}) {
        DequantizePanels({bytes.data(), n, k, bits, scale.data(), offsets ? offset.data() : nullptr,
                          n, group, panels.data()});
        std::vector<float> values(n * k), expected(FloatPanelElements(n, k));
        for (int64_t i = 0; i < n * k; ++i) {
          const int64_t at = (group > 0 ? i % k / group : 0) * n + i / k;
          values[i] = static_cast<float>(q[i] + (offsets ? offset[at] : 0)) * scale[at];
        }
        PackFloatPanels(values.data(), n, k, expected.data());
        EXPECT_EQ(std::vector<float>(panels.begin(), panels.end() - 1), expected)
            << bits << " bits, " << n << "x" << k << ", groups of " << group;
        EXPECT_EQ(panels.back(), -7.0f) << "wrote past its size";
      }
    }
  }
}

}  // namespace
}  // namespace tmpq::kernels
