#include <gtest/gtest.h>

#include <cmath>

#include "src/core/error.h"
#include "src/schedule/noise_schedule.h"
#include "src/schedule/sampler.h"

namespace tmpq {
namespace {

TEST(NoiseScheduleTest, ClosedForms) {
  // Products of 1 - beta at the ends of the published linear schedule.
  const NoiseSchedule linear = NoiseSchedule::Make("linear", 1000);
  EXPECT_DOUBLE_EQ(linear.alpha_bar[0], 1 - 1e-4);
  EXPECT_NEAR(linear.alpha_bar[999], 4.035830e-5, 1e-10);
  const NoiseSchedule cosine = NoiseSchedule::Make("cosine", 1000);
  const auto f = [](double t) {
    return std::pow(std::cos((t / 1000 + 0.008) / 1.008 * M_PI / 2), 2);
  };
  for (const int t : {0, 10, 500, 900}) EXPECT_NEAR(cosine.alpha_bar[t], f(t + 1) / f(0), 1e-12);
  EXPECT_DOUBLE_EQ(NoiseSchedule::Make("scaled-linear", 1000).alpha_bar[0], 1 - 0.00085);
  for (const char* kind : {"linear", "cosine", "scaled-linear"}) {
    const auto table = NoiseSchedule::Make(kind, 1000).alpha_bar;
    for (size_t t = 1; t < table.size(); ++t) EXPECT_LT(table[t], table[t - 1]);
  }
  EXPECT_THROW(NoiseSchedule::Make("square", 10), Error);
  EXPECT_THROW(NoiseSchedule::Make("linear", 0), Error);
}

TEST(NoiseScheduleTest, JsonKeepsTheTable) {
  const NoiseSchedule schedule = NoiseSchedule::Make("cosine", 20);
  EXPECT_EQ(NoiseSchedule::FromJson(schedule.ToJson(true), "test").alpha_bar, schedule.alpha_bar);
  EXPECT_EQ(NoiseSchedule::FromJson(schedule.ToJson(), "test").alpha_bar, schedule.alpha_bar);
  Json rising = schedule.ToJson(true);
  std::swap(rising["alpha_bar"][3], rising["alpha_bar"][4]);
  EXPECT_THROW(NoiseSchedule::FromJson(rising, "test"), Error);
  Json short_table = schedule.ToJson(true);
  short_table["training_steps"] = 21;
  EXPECT_THROW(NoiseSchedule::FromJson(short_table, "test"), Error);
}

TEST(SamplerSettingsTest, JsonRoundTripsAndRefuses) {
  SamplerSettings settings;
  settings.prediction = Prediction::kV;
  settings.guidance_scale = 2.5;
  const SamplerSettings back = SamplerSettings::FromJson(settings.ToJson(), "test");
  EXPECT_EQ(back.prediction, Prediction::kV);
  EXPECT_EQ(back.calls_per_step(), 2);
  EXPECT_EQ(SamplerSettings{}.calls_per_step(), 1);
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, Json>>{{"method", "ancestral"},
                                                 {"prediction", "wish"},
                                                 {"eta", 1.5},
                                                 {"guidance_scale", "much"}}) {
    Json json = settings.ToJson();
    json[key] = value;
    EXPECT_THROW(SamplerSettings::FromJson(json, "test"), Error) << key;
  }
}

TEST(SamplerSettingsTest, GuidanceMayChangeOverTimesteps) {
  const Json json = {{"method", "ddim"},
                     {"prediction", "v"},
                     {"guidance_scale", 1.0},
                     {"eta", 0.0},
                     {"guidance_ranges", {{200, 500, 3.0}, {0, 300, 2.0}}}};
  const SamplerSettings settings = SamplerSettings::FromJson(json, "test");
  EXPECT_EQ(settings.GuidanceAt(250), 3);  // the first range that holds it
  EXPECT_EQ(settings.GuidanceAt(199), 2);
  EXPECT_EQ(settings.GuidanceAt(500), 1);
  EXPECT_EQ(settings.calls_per_step(), 2);
  EXPECT_EQ(SamplerSettings::FromJson(settings.ToJson(), "test").ToJson(), settings.ToJson());
  for (const Json& bad : {Json({{500, 200, 3.0}}), Json({{0, 200}}), Json({{0, 200, 101.0}})}) {
    Json changed = json;
    changed["guidance_ranges"] = bad;
    EXPECT_THROW(SamplerSettings::FromJson(changed, "test"), Error) << bad;
  }
}

}  // namespace
}  // namespace tmpq
