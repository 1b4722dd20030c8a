#include "src/data/scenes.h"

#include <gtest/gtest.h>

#include <set>

#include "src/core/error.h"

namespace tmpq {
namespace {

TEST(VocabularyTest, EncodesAndRefuses) {
  const Vocabulary& vocabulary = SceneVocabulary();
  const auto tokens = vocabulary.Encode("two small red circles left");
  ASSERT_EQ(tokens.size(), 5u);
  EXPECT_EQ(std::set<int32_t>(tokens.begin(), tokens.end()).size(), 5u);
  for (const int32_t token : tokens) EXPECT_TRUE(token > 0 && token < vocabulary.size());
  EXPECT_EQ(vocabulary.Encode("one"), (std::vector<int32_t>{1, 0, 0, 0, 0}));
  EXPECT_THROW(vocabulary.Encode("one pink circle"), Error);
  EXPECT_THROW(vocabulary.Encode("one one one one one one"), Error);
  const Vocabulary back = Vocabulary::FromJson(vocabulary.ToJson(), "test");
  EXPECT_EQ(back.Encode("two small red circles left"), tokens);
}

TEST(ScenesTest, EverySceneHasItsOwnCaption) {
  std::set<std::string> captions;
  for (int64_t i = 0; i < SceneCount(); ++i) captions.insert(SceneOf(i).Caption());
  EXPECT_EQ(static_cast<int64_t>(captions.size()), SceneCount());
  for (int64_t i = 0; i < SceneCount(); ++i) {
    EXPECT_EQ(SceneOfCaption(SceneOf(i).Caption()), SceneOf(i));
  }
  EXPECT_EQ(SceneOf(SceneCount()), SceneOf(0));
}

// The judge that later reads generated scenes is right on drawn ones.
TEST(ScenesTest, JudgeReadsWhatWasDrawn) {
  std::vector<float> image(kSceneElements);
  int64_t right[kSceneAttributes] = {};
  const int64_t rounds = 3;
  for (int64_t i = 0; i < rounds * SceneCount(); ++i) {
    RandomStream random(1, RandomPurpose::kTest, i);
    DrawScene(SceneOf(i), random, image);
    const Scene judged = JudgeScene(image);
    for (int a = 0; a < kSceneAttributes; ++a) {
      const bool same = SameSceneAttribute(judged, SceneOf(i), a);
      right[a] += same;
    }
  }
  for (int a = 0; a < kSceneAttributes; ++a) {
    EXPECT_GE(right[a], rounds * SceneCount() * 995 / 1000) << SceneAttributeName(a);
  }
}

TEST(ScenesTest, AlignmentCountsWhatWasAskedFor) {
  std::vector<float> image(kSceneElements);
  RandomStream random(1, RandomPurpose::kTest);
  DrawScene(SceneOfCaption("two large red squares left"), random, image);
  EXPECT_EQ(SceneAlignment("two large red squares left", image), 1);
  EXPECT_EQ(SceneAlignment("red", image), 1);
  EXPECT_EQ(SceneAlignment("red circle", image), 0.5);
  EXPECT_EQ(SceneAlignment("two small blue squares left", image), 0.6);
  EXPECT_EQ(SceneAlignment("", image), 1);
}

TEST(ScenesTest, JudgeSeesNothingInNoise) {
  std::vector<float> image(kSceneElements, -0.8f);
  EXPECT_EQ(JudgeScene(image).count, -1);
}

}  // namespace
}  // namespace tmpq
