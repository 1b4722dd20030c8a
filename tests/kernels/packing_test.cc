#include "kernels/include/packing.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace tmpq::kernels
