// Pictures become what transformers' image processors make of them
// (tests/fixtures/make_feature_networks.py), and what those ask for that is not done is refused.
#include "src/eval/models/image_processor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "tests/eval/expect_error.h"
#include "tests/eval/folder_copy.h"
#include "tests/eval/network_case.h"

namespace tmpq {
namespace {

// `pictures` of a case against `pixels`. Fixed-point weights round some pixels the other way there.
void ExpectPixels(const NetworkCase& c, const std::string& pictures, const std::string& pixels,
                  const Shape& to) {
  const Preprocessing processor = ReadImageProcessor(c.folder(), to);
  const auto [samples, shape] = c.Pictures(pictures);
  CheckPreprocessing(processor, shape, to, pictures);
  const std::vector<float> found = Preprocess(processor, samples, shape, to);
  const std::vector<float> expected = c.Images(pixels);
  ASSERT_EQ(found.size(), expected.size());
  double worst = 0;
  int differ = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    const double levels = std::fabs(found[i] - expected[i]) * processor.deviation[i % 3] * 255;
    worst = std::max(worst, levels);
    differ += levels > 1e-3 ? 1 : 0;
  }
  std::printf("  %s: %.2f grey levels, %d of %zu values differ\n", pictures.c_str(), worst, differ,
              found.size());
  EXPECT_LT(worst, 1.01);
  EXPECT_LT(differ, static_cast<int>(found.size() / 50));
}

TEST(ImageProcessorTest, PicturesEqualTransformersToAGreyLevel) {
  ExpectPixels(NetworkCase("clip"), "large.images", "large.pixels", {16, 16, 3});
  ExpectPixels(NetworkCase("clip"), "small.images", "small.pixels", {16, 16, 3});
  ExpectPixels(NetworkCase("videomae"), "clips", "pixels", {4, 16, 16, 3});
}

TEST(ImageProcessorTest, FilesOfFirstVersionsAreRead) {
  const FolderCopy copy(NetworkCase("clip").folder());
  const auto read = [&] { return ToJson(ReadImageProcessor(copy.folder(), {16, 16, 3})); };
  const Json expected = read();
  copy.Replace("preprocessor_config.json", "{\n    \"shortest_edge\": 18\n  }", "18");
  copy.Replace("preprocessor_config.json", "{\n    \"height\": 16,\n    \"width\": 16\n  }", "16");
  EXPECT_EQ(read(), expected);
}

TEST(ImageProcessorTest, StretchingIsRead) {
  const FolderCopy copy(NetworkCase("clip").folder());
  copy.Replace("preprocessor_config.json", "\"shortest_edge\": 18",
               "\"height\": 16, \"width\": 16");
  copy.Replace("preprocessor_config.json", "\"do_center_crop\": true", "\"do_center_crop\": false");
  EXPECT_EQ(ReadImageProcessor(copy.folder(), {16, 16, 3}).shorter_side, 0);
}

TEST(ImageProcessorTest, WhatIsNotDoneIsRefused) {
  const auto refuse = [](const std::string& what, const std::string& by, const std::string& part) {
    const FolderCopy copy(NetworkCase("clip").folder());
    copy.Replace("preprocessor_config.json", what, by);
    ExpectError([&] { ReadImageProcessor(copy.folder(), {16, 16, 3}); }, part);
  };
  refuse("\"resample\": 3", "\"resample\": 1", "resample = 1");
  refuse("\"resample\": 3,", "", "resample");
  refuse("\"image_std\": [", "\"image_std\": [0.2,", "image_std");
  refuse("0.26862954", "0", "image_std is not positive");
  refuse("0.26862954", "\"x\"", "image_std");
  refuse("\"width\": 16", "\"width\": 12", "pictures of (16, 12)");
  refuse("\"shortest_edge\": 18", "\"shortest_edge\": 12", "cuts out more");
  refuse("\"shortest_edge\": 18", "\"shortest_edge\": -1", "shortest_edge is -1");
  refuse("\"do_normalize\": true", "\"do_normalize\": false", "do_normalize");
  refuse("0.00392156862745098", "1.0", "rescale_factor");
}

}  // namespace
}  // namespace tmpq
