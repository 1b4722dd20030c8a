// Shared beginnings give the bytes of whole runs, and exactly the calls that they should are saved.
#include "src/eval/proxies/trajectory_cache.h"

#include <gtest/gtest.h>

#include <memory>

#include "src/runtime/device/device_sampling.h"
#include "src/runtime/device/emulated_device.h"
#include "src/supernet/supernet.h"
#include "tests/runtime/small_model.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

constexpr int kTrainingSteps = 50;
constexpr int64_t kSamples = 3, kEnough = 64 << 20;

class TrajectoryCacheTest : public testing::TestWithParam<const char*> {
 protected:
  TrajectoryCacheTest()
      : graph_(SmallDenoiser()),
        parameters_(RandomParameters(graph_)),
        network_(graph_, parameters_, kernels::BestKernels()) {
    SamplerSettings settings;
    settings.method = GetParam();
    settings.guidance_scale = 2;
    sampler_ = std::make_unique<DiffusionSampler>(
        network_, NoiseSchedule::Make("linear", kTrainingSteps), settings);
    const auto path = TestPath();
    const std::vector<BitWidth> widths = {BitWidth::Of(4), BitWidth::Of(8)};
    Progress silent;
    Supernet::Build(graph_, parameters_, Hash128{1, 2}, widths, path, silent);
    supernet_ = std::make_unique<Supernet>(path, graph_, Hash128{1, 2}, widths);
  }

  // Six steps, of which those in `narrow` have four bits; the last timestep is `last`.
  Candidate Make(const std::vector<int>& narrow, int last = 0) const {
    std::vector<Policy> policies(6,
                                 UniformPolicy(graph_.sites(), BitWidth::Of(8), BitWidth::Of(8)));
    for (const int step : narrow) {
      policies[step] = UniformPolicy(graph_.sites(), BitWidth::Of(4), BitWidth::Of(8));
    }
    return Candidate::Make(TimestepSequence({49, 40, 31, 22, 13, last}, kTrainingSteps), policies);
  }

  SampleRequest Request(uint64_t seed) const {
    return {seed, RandomPurpose::kTest, 0, kSamples, sampler_->AllLabels()};
  }
  std::vector<float> Whole(const Candidate& candidate, uint64_t seed = 7) const {
    return sampler_->Sample(sampler_->Prepare(candidate, &supernet_->weights()), Request(seed), {});
  }
  // Through the cache; checks the bytes. Returns the calls of the network that it saved, of one
  // sample and branch.
  int64_t Saved(TrajectoryCache& cache, const Candidate& candidate, uint64_t seed = 7) const {
    const int64_t before = cache.calls_saved(), made = cache.calls();
    const auto samples =
        cache.Sample(*sampler_, candidate, sampler_->Prepare(candidate, &supernet_->weights()),
                     Request(seed), {});
    EXPECT_EQ(samples, Whole(candidate, seed));
    const int64_t saved = (cache.calls_saved() - before) / (2 * kSamples);
    EXPECT_EQ((cache.calls() - made) / (2 * kSamples) + saved, 6);
    return saved;
  }

  Graph graph_;
  ParameterSet parameters_;
  RuntimeNetwork network_;
  std::unique_ptr<DiffusionSampler> sampler_;
  std::unique_ptr<Supernet> supernet_;
};

TEST_P(TrajectoryCacheTest, SavesTheCallsOfASharedBeginning) {
  TrajectoryCache cache(kEnough);
  EXPECT_EQ(Saved(cache, Make({})), 0);
  EXPECT_EQ(Saved(cache, Make({3})), 3);
  EXPECT_EQ(Saved(cache, Make({3, 5})), 5);
  EXPECT_EQ(Saved(cache, Make({0})), 0);
  EXPECT_EQ(Saved(cache, Make({0, 5})), 5);
  EXPECT_EQ(Saved(cache, Make({})), 5);  // all but the last call, whose samples are not kept
  EXPECT_EQ(Saved(cache, Make({}), 8), 0);
}

// The call before a timestep knows it; of a solver that plans ahead, earlier ones may as well.
TEST_P(TrajectoryCacheTest, KnowsTheTimestepsThatACallLooksAheadTo) {
  TrajectoryCache cache(kEnough);
  Saved(cache, Make({}));
  const int64_t saved = Saved(cache, Make({}, 4));
  EXPECT_LE(saved, 4);
  if (std::string(GetParam()) == "ddim") {
    EXPECT_EQ(saved, 4);
  }
}

TEST_P(TrajectoryCacheTest, StaysWithinItsMemory) {
  TrajectoryCache all(kEnough);
  Saved(all, Make({}));
  const int64_t one = all.bytes() / 5;  // of five states between six calls
  TrajectoryCache little(2 * one);
  EXPECT_EQ(Saved(little, Make({})), 0);
  EXPECT_EQ(little.bytes(), 2 * one);
  EXPECT_EQ(Saved(little, Make({5})), 2);  // the earliest are kept
  TrajectoryCache none(0);
  Saved(none, Make({}));
  EXPECT_EQ(Saved(none, Make({})), 0);
  EXPECT_EQ(none.bytes(), 0);
}

// Runs come and go, their policies at the same addresses; what a device captured of one is not
// replayed for another.
TEST_P(TrajectoryCacheTest, OnADeviceGivesTheSameBytes) {
  EmulatedDevice device;
  const auto calls = MakeDeviceCalls(network_, device, 2 * kSamples);
  TrajectoryCache cache(kEnough);
  for (const std::vector<int>& narrow : {std::vector<int>{5}, {}, {0}, {4}}) {
    SamplerOptions options;
    options.network_call = calls();
    const auto run =
        std::make_unique<SamplingRun>(sampler_->Prepare(Make(narrow), &supernet_->weights()));
    EXPECT_EQ(cache.Sample(*sampler_, Make(narrow), *run, Request(7), options),
              Whole(Make(narrow)));
  }
}

INSTANTIATE_TEST_SUITE_P(Methods, TrajectoryCacheTest,
                         testing::Values("ddim", "ddpm", "dpmpp-2m", "unipc"));

}  // namespace
}  // namespace tmpq
