#include "src/eval/models/feature_space.h"

#include <gtest/gtest.h>

namespace tmpq {
namespace {

// A clip is one sample, not as many as it has frames.
TEST(FeatureSpaceTest, RandomFeaturesSeeWholeClips) {
  const FeatureSpace space = OpenFeatureSpace(kRandomFeatures, {4, 8, 6, 3}, "");
  EXPECT_EQ(space.features->image_elements(), 4 * 8 * 6 * 3);
  const FeatureSpace of_images = OpenFeatureSpace(kRandomFeatures, {8, 6, 3}, "");
  EXPECT_EQ(of_images.features->image_elements(), 8 * 6 * 3);
  EXPECT_EQ(space.features->dimension(), of_images.features->dimension());
  EXPECT_NE(space.features->hash(), of_images.features->hash());
}

}  // namespace
}  // namespace tmpq
