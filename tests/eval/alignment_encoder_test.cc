// Text alignment: CLIP's equals transformers' (tests/fixtures/make_feature_networks.py), the
// bundled encoders tell right captions from wrong ones, and what does not fit is refused.
#include "src/eval/models/alignment_encoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <numeric>

#include "src/core/error.h"
#include "src/data/captioned_world.h"
#include "src/metrics/embedding_similarity.h"
#include "src/models/checkpoint.h"
#include "tests/eval/expect_error.h"
#include "tests/eval/folder_copy.h"
#include "tests/eval/network_case.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

const fs::path kBundled = fs::path(TMPQ_SOURCE_DIR) / "checkpoints";

double Mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

TEST(AlignmentEncoderTest, ClipEqualsTransformers) {
  const NetworkCase c("clip");
  const AlignmentEncoder encoder = AlignmentEncoder::Open(c.folder().string(), "");
  EXPECT_TRUE(encoder.is_clip());
  EXPECT_EQ(encoder.name(), "clip");
  for (const std::string name : {"large", "small"}) {
    const auto [images, shape] = c.Pictures(name + ".images");
    const auto cosines = encoder.Similarities(images, shape, kCaseTexts, 1);
    const std::vector<float> expected = c.file().Floats(name + ".cosines");
    ASSERT_EQ(cosines.size(), expected.size());
    double worst = 0;
    for (size_t i = 0; i < cosines.size(); ++i) {
      worst = std::max(worst, std::fabs(cosines[i] - expected[i]));
    }
    std::printf("  cosines of %s pictures: largest difference %.1e\n", name.c_str(), worst);
    EXPECT_LT(worst, 5e-4) << name;
  }
}

TEST(AlignmentEncoderTest, ClipSeesClipsFrameByFrame) {
  const NetworkCase c("clip");
  const AlignmentEncoder encoder = AlignmentEncoder::Open(c.folder().string(), "");
  const auto [images, shape] = c.Pictures("large.images");
  const Shape clip = {3, shape[0], shape[1], shape[2]};
  std::vector<double> frames;
  for (int64_t i = 0; i < 3; ++i) {
    const int64_t elements = ElementsOf(shape);
    frames.push_back(encoder.Similarities(std::span(images).subspan(i * elements, elements), shape,
                                          {kCaseTexts[1]}, 1)[0]);
  }
  const auto whole = encoder.Similarities(images, clip, {kCaseTexts[1]}, 2);
  ASSERT_EQ(whole.size(), 1u);
  EXPECT_NEAR(whole[0], Mean(frames), 1e-12);
  const std::vector<float> embeddings = encoder.FrameEmbeddings(images, clip, 1);
  EXPECT_EQ(embeddings.size(), static_cast<size_t>(3 * encoder.dimension()));
  EXPECT_EQ(embeddings, encoder.FrameEmbeddings(images, shape, 2));
}

TEST(AlignmentEncoderTest, BundledEncodersKnowTheirWorlds) {
  for (const char* world_name : {"scenes", "sprites"}) {
    const CaptionedWorld& world = *FindWorld(world_name);
    const AlignmentEncoder encoder =
        AlignmentEncoder::Open(world_name + std::string("-encoder"), kBundled);
    EXPECT_FALSE(encoder.is_clip());
    EXPECT_EQ(encoder.name(), world_name + std::string("-encoder"));
    std::vector<float> samples;
    std::vector<std::string> right, wrong;
    RandomStream random(4, RandomPurpose::kTest);
    for (int64_t i = 0; i < 24; ++i) {
      std::vector<float> sample(world.elements());
      const AttributeValues values = world.ValuesOf(random.Below(world.count()));
      world.Draw(values, random, sample);
      samples.insert(samples.end(), sample.begin(), sample.end());
      right.push_back(world.Caption(values));
      wrong.push_back(world.Caption(world.ValuesOf(random.Below(world.count()))));
    }
    const auto good = encoder.Similarities(samples, world.shape(), right, 1);
    const auto bad = encoder.Similarities(samples, world.shape(), wrong, 1);
    std::printf("  %s: right captions %.3f, random captions %.3f\n", world_name, Mean(good),
                Mean(bad));
    EXPECT_GT(Mean(good), Mean(bad) + 0.3);
    EXPECT_EQ(good, encoder.Similarities(samples, world.shape(), right, 3));
  }
}

TEST(AlignmentEncoderTest, WrongSamplesAreRefused) {
  const AlignmentEncoder images = AlignmentEncoder::Open("scenes-encoder", kBundled);
  const AlignmentEncoder clips = AlignmentEncoder::Open("sprites-encoder", kBundled);
  const std::vector<float> samples(4 * 16 * 16 * 3);
  ExpectError(
      [&] {
        images.Similarities(samples, {16, 16, 3}, {"one large red circle left"}, 1);
      },
      "(16, 16, 3)");
  ExpectError([&] { clips.Similarities(samples, {4, 16, 16, 3}, {"small"}, 1); }, "8 frames");
  ExpectError([&] { clips.FrameEmbeddings(samples, {4, 16, 16, 3}, 1); }, "whole");
  ExpectError(
      [&] {
        images.Similarities(std::vector<float>(32 * 32 * 3), {32, 32, 3}, {"an elephant"}, 1);
      },
      "elephant");
}

TEST(AlignmentEncoderTest, WrongFoldersAreRefused) {
  ExpectError([] { AlignmentEncoder::Open("scenes-features", kBundled); }, "no encoder");
  ExpectError([] { AlignmentEncoder::Open("no-such-encoder", kBundled); }, "scenes-encoder");
  ExpectError(
      [] {
        AlignmentEncoder::Open(
            (fs::path(TMPQ_SOURCE_DIR) / "tests/fixtures/encoders/clip-vision").string(), "");
      },
      "both towers");
  FolderCopy copy(NetworkCase("clip").folder());
  const auto open = [&] { AlignmentEncoder::Open(copy.folder().string(), ""); };
  fs::remove(copy.folder() / "preprocessor_config.json");
  ExpectError(open, "preprocessor_config.json: is missing");
}

TEST(AlignmentEncoderTest, ATokenizerOfAnotherModelIsRefused) {
  const fs::path encoders = fs::path(TMPQ_SOURCE_DIR) / "tests/fixtures";
  FolderCopy copy(encoders / "encoders/clip");  // knows 99 tokens
  for (const char* file : {"vocab.json", "merges.txt", "preprocessor_config.json"}) {
    fs::copy(NetworkCase("clip").folder() / file, copy.folder() / file);
  }
  ExpectError([&] { AlignmentEncoder::Open(copy.folder().string(), ""); }, "knows 99 tokens");
}

}  // namespace
}  // namespace tmpq
