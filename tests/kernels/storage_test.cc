// Activations of 16 bits: against the compiler's own half, all 65,536 patterns, and every set of
// kernels.
#include "kernels/include/storage.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/include/kernels.h"
#include "tests/kernels/kernel_values.h"

namespace tmpq::kernels {
namespace {

constexpr Storage kSixteenBits[] = {Storage::kFloat16, Storage::kBfloat16};

// Of every size, near ties, and what is no number.
std::vector<float> Floats() {
  std::vector<float> values = {0.0f,      -0.0f,   65504.0f, 65519.0f, 65520.0f,
                               -65536.0f, 6.1e-5f, 3.0e-8f,  2.9e-8f,  5.9e-8f,
                               -1e-40f,   3.4e38f, INFINITY, -INFINITY};
  for (uint32_t high = 0; high < 0x7f80u; high += 3) {
    for (const uint32_t low : {0x0000u, 0x0fffu, 0x1000u, 0x1001u, 0x7fffu, 0x8000u, 0x8001u}) {
      values.push_back(FloatOfBits(static_cast<int32_t>(high << 16 | low)));
    }
  }
  for (const float value : Values(1000, 7)) values.push_back(value);
  return values;
}

#if !defined(__clang__)  // which knows no _Float16 on this target
TEST(StorageTest, HalvesAreTheCompilers) {
  for (const float value : Floats()) {
    const auto half = static_cast<_Float16>(value);
    EXPECT_EQ(BitsOfFloat(RoundToFloat16(value)), BitsOfFloat(static_cast<float>(half))) << value;
    EXPECT_EQ(BitsOfFloat(RoundToFloat16(-value)), BitsOfFloat(static_cast<float>(-half)));
  }
}
#endif

TEST(StorageTest, Bfloat16IsTheNearestWithTiesToEven) {
  for (const float value : Floats()) {
    const float rounded = RoundToBfloat16(value);
    EXPECT_EQ(BitsOfFloat(rounded) & 0xffff, 0);
    if (std::isinf(rounded)) {  // from the middle between the largest and the next power of two
      EXPECT_GE(std::fabs(value), 3.396e38f);
      continue;
    }
    const auto neighbour = [&](int32_t steps) {
      return static_cast<double>(FloatOfBits(BitsOfFloat(rounded) + steps * 65536));
    };
    const double distance = std::fabs(static_cast<double>(value) - rounded);
    const bool is_even = (BitsOfFloat(rounded) >> 16 & 1) == 0;
    for (const int32_t steps : {-1, 1}) {
      if (rounded == 0 || std::isinf(neighbour(steps))) continue;
      const double other = std::fabs(static_cast<double>(value) - neighbour(steps));
      EXPECT_TRUE(distance < other || (distance == other && is_even)) << value;
    }
  }
}

TEST(StorageTest, EveryPatternSurvives) {
  for (const Storage storage : kSixteenBits) {
    for (uint32_t bits = 0; bits < 65536; ++bits) {
      const float value = FloatOf(storage, static_cast<uint16_t>(bits));
      if (std::isnan(value)) {
        EXPECT_TRUE(std::isnan(FloatOf(storage, BitsOf(storage, value))));
        continue;
      }
      EXPECT_EQ(BitsOf(storage, value), bits);
      EXPECT_EQ(BitsOfFloat(RoundTo(storage, value)), BitsOfFloat(value));
    }
  }
}

TEST(StorageTest, StoredBitsAreTheRoundedValue) {
  for (const Storage storage : kSixteenBits) {
    for (const float value : Floats()) {
      EXPECT_EQ(BitsOfFloat(FloatOf(storage, BitsOf(storage, value))),
                BitsOfFloat(RoundTo(storage, value)))
          << value;
    }
  }
}

TEST(StorageTest, NanIsOne) {
  for (const Storage storage : kSixteenBits) {
    for (const int32_t bits : {0x7f800001, 0x7fc00000, 0x7fffffff}) {
      EXPECT_EQ(BitsOfFloat(RoundTo(storage, FloatOfBits(bits))), kNanBits);
      EXPECT_EQ(BitsOfFloat(RoundTo(storage, -FloatOfBits(bits))), kNanBits);
      EXPECT_EQ(BitsOfFloat(FloatOf(storage, BitsOf(storage, FloatOfBits(bits)))), kNanBits);
    }
  }
}

TEST(StorageTest, EverySetRoundsAlike) {
  std::vector<float> values = Floats();
  values.push_back(std::numeric_limits<float>::quiet_NaN());
  for (int i = 0; i < kKernelSetCount; ++i) {
    const KernelSet& set = *AllKernels()[i];
    if (!set.supported()) continue;
    for (int storage = 0; storage < kStorageCount; ++storage) {
      std::vector<float> rounded = values;  // in place
      set.round_activations(rounded.data(), static_cast<int64_t>(rounded.size()),
                            static_cast<Storage>(storage), rounded.data());
      for (size_t at = 0; at < values.size(); ++at) {
        EXPECT_EQ(BitsOfFloat(rounded[at]),
                  BitsOfFloat(RoundTo(static_cast<Storage>(storage), values[at])))
            << set.name << " of " << values[at];
      }
    }
  }
}

}  // namespace
}  // namespace tmpq::kernels
