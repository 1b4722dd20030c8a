// A run that goes on from a stored state gives the bytes of a whole one, whatever the sampler
// keeps.
#include <gtest/gtest.h>

#include "src/runtime/sampler.h"
#include "tests/runtime/small_model.h"

namespace tmpq {
namespace {

class SamplerStateTest : public testing::TestWithParam<const char*> {
 protected:
  SamplerStateTest()
      : graph_(SmallDenoiser()),
        parameters_(RandomParameters(graph_)),
        network_(graph_, parameters_, kernels::BestKernels()) {
    settings_.method = GetParam();
    settings_.guidance_scale = 2;
    sampler_ =
        std::make_unique<DiffusionSampler>(network_, NoiseSchedule::Make("linear", 50), settings_);
    run_ = sampler_->PrepareFloat(UniformTimesteps(6, 50));
  }
  std::vector<float> Sample(const SamplerOptions& options) const {
    return sampler_->Sample(run_, {7, RandomPurpose::kTest, 0, 5, sampler_->AllLabels()}, options);
  }

  Graph graph_;
  ParameterSet parameters_;
  RuntimeNetwork network_;
  SamplerSettings settings_;
  std::unique_ptr<DiffusionSampler> sampler_;
  SamplingRun run_;
};

TEST_P(SamplerStateTest, GoingOnGivesTheSameBytes) {
  std::map<int, SamplerState> states;
  for (int call = 0; call <= 6; ++call) states[call];
  SamplerOptions whole;
  whole.states = &states, whole.batch = 2, whole.threads = 2;
  const std::vector<float> samples = Sample(whole);
  EXPECT_EQ(states.at(6).samples, samples);
  for (int call = 0; call < 6; ++call) {
    SamplerOptions rest;
    rest.first_call = call, rest.start = &states.at(call), rest.batch = 3, rest.threads = 1;
    EXPECT_EQ(Sample(rest), samples) << call;
    SamplerOptions one = rest;
    one.end_call = call + 1;
    std::map<int, SamplerState> after = {{call + 1, {}}};
    one.states = &after;
    EXPECT_EQ(Sample(one), states.at(call + 1).samples) << call;
    EXPECT_EQ(after.at(call + 1).history, states.at(call + 1).history) << call;
  }
  EXPECT_NE(states.at(3).samples, states.at(4).samples);
}

INSTANTIATE_TEST_SUITE_P(Methods, SamplerStateTest,
                         testing::Values("ddim", "ddpm", "dpmpp-2m", "dpmpp-2s", "unipc"));

}  // namespace
}  // namespace tmpq
