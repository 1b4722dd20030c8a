// Sampling loops on a device: the runtime's bytes for every sampler, with the samples on the device
// from the first network call to the last.
#include "src/runtime/device/device_sampling.h"

#include <gtest/gtest.h>

#include "src/runtime/device/emulated_device.h"
#include "tests/runtime/small_model.h"

namespace tmpq {
namespace {

constexpr int kTimesteps = 50, kSteps = 5;

// Samples of 18 elements, which are no whole blocks of random numbers.
Graph TinyDenoiser(int64_t outputs) {
  GraphBuilder b("tiny");
  const NodeId sample = b.Input("sample", {3, 3, 2}), timestep = b.Input("timestep", {});
  const NodeId time = b.Linear("time", b.TimestepEmbedding("frequencies", timestep, 8), 6);
  const NodeId label = b.LabelEmbedding("labels", b.Input("label", {}), 4, 6);
  const NodeId x = b.Add("x", b.Linear("in", sample, 6), b.Add("condition", time, label));
  return b.Finish(b.Linear("out", b.Silu("silu", x), outputs));
}

struct Case {
  const char* method;
  double guidance = 1, eta = 0;
  bool learned_variance = false;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.method << ", guidance " << c.guidance << ", eta " << c.eta << ", variance "
       << c.learned_variance;
}

class DeviceSamplingTest : public testing::TestWithParam<Case> {
 protected:
  DeviceSamplingTest()
      : graph_(TinyDenoiser(GetParam().learned_variance ? 4 : 2)),
        network_(graph_, RandomParameters(graph_), kernels::BestKernels()) {
    SamplerSettings settings;
    settings.method = GetParam().method, settings.eta = GetParam().eta;
    settings.guidance_scale = GetParam().guidance;
    settings.learned_variance = GetParam().learned_variance;
    sampler_ = std::make_unique<DiffusionSampler>(
        network_, NoiseSchedule::Make("linear", kTimesteps), settings);
    run_ = sampler_->PrepareFloat(UniformTimesteps(kSteps, kTimesteps));
    request_ = {7, RandomPurpose::kTest, 3, 5, sampler_->AllLabels()};
  }

  Graph graph_;
  RuntimeNetwork network_;
  std::unique_ptr<DiffusionSampler> sampler_;
  SamplingRun run_;
  SampleRequest request_;
  EmulatedDevice device_;
};

INSTANTIATE_TEST_SUITE_P(Samplers, DeviceSamplingTest,
                         testing::Values(Case{"ddim"}, Case{"ddim", 2}, Case{"ddim", 1, 0.7},
                                         Case{"ddim", 2, 1}, Case{"ddpm", 1.5},
                                         Case{"ddpm", 1, 0, true}, Case{"ddpm", 3, 0, true},
                                         Case{"dpmpp-2m", 2}, Case{"dpmpp-2s"}, Case{"unipc", 2},
                                         Case{"plms"}));

TEST_P(DeviceSamplingTest, GivesTheRuntimesBytesAndCopiesNothingBetweenCalls) {
  const std::vector<float> expected = sampler_->Sample(run_, request_, {});
  SamplerOptions options;
  options.batch = 3, options.network_call = MakeDeviceCalls(network_, device_, 6)();
  EXPECT_EQ(sampler_->Sample(run_, request_, options), expected);
  const int64_t before = device_.copies();
  EXPECT_EQ(sampler_->Sample(run_, request_, options), expected);
  // Of two chunks: sample, timestep and label there, samples back.
  EXPECT_EQ(device_.copies() - before, 2 * 4);
  // Call by call there would be more.
  options.network_call.loop = nullptr;
  EXPECT_EQ(sampler_->Sample(run_, request_, options), expected);
  EXPECT_GE(device_.copies() - before, 2 * 4 + 2 * 4 * kSteps);
}

// States between calls end a loop there; a sampler that looks back is called one by one for them.
TEST_P(DeviceSamplingTest, StatesAreThoseOfTheRuntime) {
  std::map<int, SamplerState> states = {{0, {}}, {2, {}}, {3, {}}};
  std::map<int, SamplerState> expected = states;
  SamplerOptions on_host;
  on_host.states = &expected;
  const std::vector<float> samples = sampler_->Sample(run_, request_, on_host);
  SamplerOptions options;
  options.batch = 3, options.network_call = MakeDeviceCalls(network_, device_, 6)();
  options.states = &states;
  EXPECT_EQ(sampler_->Sample(run_, request_, options), samples);
  for (const auto& [call, state] : expected) {
    EXPECT_EQ(states.at(call).samples, state.samples) << call;
    EXPECT_EQ(states.at(call).history, state.history) << call;
    SamplerOptions rest = options;
    rest.states = nullptr, rest.first_call = call, rest.start = &expected.at(call);
    EXPECT_EQ(sampler_->Sample(run_, request_, rest), samples) << call;
  }
}

}  // namespace
}  // namespace tmpq
