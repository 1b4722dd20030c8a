// Group normalization by blocks of groups: the bytes of the plain loops, for any width.
#include <gtest/gtest.h>

#include <vector>

#include "kernels/include/kernels.h"
#include "tests/kernels/kernel_values.h"

namespace tmpq::kernels {
namespace {

TEST(GroupNormTest, EveryWidthGivesTheBytesOfTheReference) {
  for (const int64_t width : {1, 2, 3, 4, 5, 8, 10, 16, 20, 24, 32, 40, 64, 600, 1030}) {
    for (const int64_t groups : {1, 3, 33}) {
      for (const int64_t pixels : {1, 7, 50}) {
        const int64_t channels = width * groups;
        const std::vector<float> x = Values(pixels * channels, 1), weight = Values(channels, 2),
                                 bias = Values(channels, 3);
        std::vector<float> expected(x.size()), out(x.size());
        ReferenceKernels().group_norm({x.data(), pixels, channels, groups, channels, channels,
                                       1e-5f, weight.data(), bias.data(), expected.data()});
        for (int i = 1; i < kKernelSetCount; ++i) {
          const KernelSet& set = *AllKernels()[i];
          if (!set.supported()) continue;
          set.group_norm({x.data(), pixels, channels, groups, channels, channels, 1e-5f,
                          weight.data(), bias.data(), out.data()});
          EXPECT_EQ(out, expected)
              << set.name << ": " << width << " x " << groups << ", " << pixels << " pixels";
        }
      }
    }
  }
}

TEST(GroupNormTest, ReadsAndWritesSomeGroupsOfWiderSamples) {
  constexpr int64_t kPixels = 9, kWidth = 6, kGroups = 2, kChannels = kWidth * kGroups;
  const std::vector<float> x = Values(kPixels * kChannels, 1), weight = Values(kChannels, 2),
                           bias = Values(kChannels, 3);
  std::vector<float> expected(x.size());
  ReferenceKernels().group_norm({x.data(), kPixels, kChannels, kGroups, kChannels, kChannels, 1e-5f,
                                 weight.data(), bias.data(), expected.data()});
  constexpr int64_t kXStride = 17, kOutStride = 14;
  std::vector<float> wide(kPixels * kXStride);
  for (size_t i = 0; i < x.size(); ++i) wide[i / kChannels * kXStride + i % kChannels] = x[i];
  for (int i = 0; i < kKernelSetCount; ++i) {
    const KernelSet& set = *AllKernels()[i];
    if (!set.supported()) continue;
    std::vector<float> out(kPixels * kOutStride, 7.0f);
    set.group_norm({wide.data(), kPixels, kChannels, kGroups, kXStride, kOutStride, 1e-5f,
                    weight.data(), bias.data(), out.data()});
    for (int64_t at = 0; at < static_cast<int64_t>(out.size()); ++at) {
      const int64_t pixel = at / kOutStride, channel = at % kOutStride;
      EXPECT_EQ(out[at], channel < kChannels ? expected[pixel * kChannels + channel] : 7.0f)
          << set.name;
    }
  }
}

}  // namespace
}  // namespace tmpq::kernels
