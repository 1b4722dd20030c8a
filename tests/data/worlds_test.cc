// Captioned worlds: their words, pictures and judges.
#include <gtest/gtest.h>

#include <set>

#include "src/core/error.h"
#include "src/data/scenes.h"
#include "src/data/sprites.h"

namespace tmpq {
namespace {

TEST(VocabularyTest, EncodesAndRefuses) {
  const Vocabulary& vocabulary = SceneWorld().vocabulary();
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

class WorldTest : public testing::TestWithParam<const char*> {
 protected:
  const CaptionedWorld& world() const { return *FindWorld(GetParam()); }
  std::vector<float> Drawn(const AttributeValues& values, uint64_t stream = 0) const {
    std::vector<float> sample(world().elements());
    RandomStream random(1, RandomPurpose::kTest, stream);
    world().Draw(values, random, sample);
    return sample;
  }
};

TEST_P(WorldTest, EveryCombinationHasItsOwnCaption) {
  std::set<std::string> captions;
  for (int64_t i = 0; i < world().count(); ++i) {
    const AttributeValues values = world().ValuesOf(i);
    captions.insert(world().Caption(values));
    EXPECT_EQ(world().ValuesOfCaption(world().Caption(values)), values);
  }
  EXPECT_EQ(static_cast<int64_t>(captions.size()), world().count());
  EXPECT_EQ(world().ValuesOf(world().count()), world().ValuesOf(0));
}

// The judge that later reads generated samples is right on drawn ones.
TEST_P(WorldTest, JudgeReadsWhatWasDrawn) {
  const int64_t rounds = 2;
  std::vector<int64_t> right(world().attributes().size());
  for (int64_t i = 0; i < rounds * world().count(); ++i) {
    const AttributeValues values = world().ValuesOf(i);
    const AttributeValues judged = world().Judge(Drawn(values, i));
    for (size_t a = 0; a < values.size(); ++a) right[a] += judged[a] == values[a];
  }
  for (size_t a = 0; a < right.size(); ++a) {
    EXPECT_GE(right[a], rounds * world().count() * 995 / 1000) << world().attributes()[a].name;
  }
}

TEST_P(WorldTest, AlignmentCountsWhatWasAskedFor) {
  AttributeValues values(world().attributes().size(), 1);
  const std::vector<float> sample = Drawn(values);
  EXPECT_EQ(world().Alignment(world().Caption(values), sample), 1);
  values[1] = 0;
  const auto n = static_cast<double>(values.size());
  EXPECT_EQ(world().Alignment(world().Caption(values), sample), (n - 1) / n);
  const std::string right = world().attributes()[2].words[1],
                    wrong = world().attributes()[3].words[0];
  EXPECT_EQ(world().Alignment(right, sample), 1);
  EXPECT_EQ(world().Alignment(right + " " + wrong, sample), 0.5);
  EXPECT_EQ(world().Alignment("", sample), 1);
}

TEST_P(WorldTest, JudgeSeesNothingOnAPlainGround) {
  const std::vector<float> plain(world().elements(), -0.8f);
  const AttributeValues values = world().Judge(plain);
  EXPECT_EQ(values[1], -1);
  EXPECT_EQ(values[2], -1);
}

INSTANTIATE_TEST_SUITE_P(All, WorldTest, testing::Values("scenes", "sprites"));

TEST(WorldsTest, UnknownNamesFindNothing) { EXPECT_EQ(FindWorld("photographs"), nullptr); }

// A still or vanishing figure has no direction.
TEST(SpritesTest, StillFiguresDoNotMove) {
  const CaptionedWorld& world = SpriteWorld();
  std::vector<float> clip(world.elements());
  RandomStream random(1, RandomPurpose::kTest);
  world.Draw({1, 0, 0, 3, 1, 2}, random, clip);
  const int64_t frame = world.elements() / world.shape()[0];
  for (int64_t f = 1; f < world.shape()[0]; ++f) {
    std::copy_n(clip.begin(), frame, clip.begin() + f * frame);
  }
  const AttributeValues seen = world.Judge(clip);
  EXPECT_EQ(seen[2], 0);
  EXPECT_EQ(seen[3], -1);
  EXPECT_EQ(seen[4], -1);
}

}  // namespace
}  // namespace tmpq
