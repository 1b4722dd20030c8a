#include "src/eval/proxies/prompts.h"

#include <gtest/gtest.h>

#include <cmath>

#include "src/core/random.h"
#include "src/eval/models/measured_space.h"

namespace tmpq {
namespace {

const CaptionedWorld& Scenes() { return *FindWorld("scenes"); }

// Two samples of each of three scenes, all as their captions say but for the last.
std::vector<float> DrawScenes(std::vector<std::string>& texts) {
  const auto elements = static_cast<size_t>(Scenes().elements());
  std::vector<float> samples(6 * elements);
  for (int64_t i = 0; i < 6; ++i) {
    const AttributeValues values = Scenes().ValuesOf(i % 3 + (i == 5 ? 1 : 0));
    if (i < 3) texts.push_back(Scenes().Caption(Scenes().ValuesOf(i)));
    RandomStream random(1, RandomPurpose::kTest, static_cast<uint64_t>(i));
    Scenes().Draw(values, random, std::span(samples).subspan(i * elements, elements));
  }
  return samples;
}

TEST(JudgeColumnsTest, ReadsAttributesOffTheSamples) {
  std::vector<std::string> texts;
  const std::vector<float> samples = DrawScenes(texts);
  const auto columns = JudgeColumns(Scenes(), texts, samples);
  ASSERT_EQ(columns.size(), Scenes().attributes().size() + 1);
  EXPECT_EQ(columns.back().name, "all");
  EXPECT_EQ(columns.back().values, (std::vector<double>{1, 1, 1, 1, 1, 0}));
  double wrong = 0;
  for (size_t a = 0; a + 1 < columns.size(); ++a) {
    EXPECT_EQ(columns[a].name, Scenes().attributes()[a].name);
    for (const double value : columns[a].values) wrong += 1 - value;
  }
  EXPECT_GE(wrong, 1);
}

// What captions leave open does not count, and what one sample alone is asked for is left out.
TEST(JudgeColumnsTest, CountsWhatIsAskedFor) {
  std::vector<std::string> texts;
  const std::vector<float> samples = DrawScenes(texts);
  const CaptionAttribute& first = Scenes().attributes().front();
  const std::string one = first.words[Scenes().ValuesOf(0)[0]];
  const auto columns = JudgeColumns(Scenes(), {one, ""}, samples);
  ASSERT_EQ(columns.size(), 2u);
  EXPECT_EQ(columns[0].name, first.name);
  EXPECT_EQ(columns[0].values[0], 1);
  EXPECT_TRUE(std::isnan(columns[0].values[1]));
  const auto elements = static_cast<size_t>(Scenes().elements());
  const auto two = JudgeColumns(Scenes(), {one, ""}, std::span(samples).first(2 * elements));
  ASSERT_EQ(two.size(), 1u);
  EXPECT_EQ(two[0].name, "all");
}

TEST(TextEncoderTest, IsNamedByTheModelOrGoesWithItsJudge) {
  const std::string bundled = TMPQ_SOURCE_DIR "/checkpoints";
  const Json judged = {{"text", {{"judge", "scenes"}}}};
  EXPECT_EQ(TextEncoderOf(judged, "model", bundled), "scenes-encoder");
  EXPECT_EQ(TextEncoderOf(judged, "model", "/nowhere"), "");
  Json named = judged;
  named["text_encoder"] = "mine";
  EXPECT_EQ(TextEncoderOf(named, "model", bundled), "mine");
  EXPECT_EQ(TextEncoderOf({{"text", {{"judge", ""}}}}, "model", bundled), "");
  EXPECT_EQ(TextEncoderOf(Json(), "model", bundled), "");
  EXPECT_EQ(RewardModelOf(judged, "model", bundled), "scenes-reward");
  EXPECT_EQ(RewardModelOf(judged, "model", "/nowhere"), "");
  named["reward_model"] = "better";
  EXPECT_EQ(RewardModelOf(named, "model", bundled), "better");
  named["text_encoder"] = 3;
  EXPECT_THROW(TextEncoderOf(named, "model", bundled), Error);
}

}  // namespace
}  // namespace tmpq
