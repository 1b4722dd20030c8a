// Errors of jumps between timesteps, measured on a small network's trajectories.
#include "src/eval/proxies/jump_errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/core/error.h"
#include "src/runtime/device/device_sampling.h"
#include "src/runtime/device/emulated_device.h"
#include "tests/runtime/small_model.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

using testing::ElementsAre;

constexpr int kTrainingSteps = 50;

class JumpErrorsTest : public testing::Test {
 protected:
  JumpErrorsTest()
      : graph_(SmallDenoiser()),
        parameters_(RandomParameters(graph_)),
        network_(graph_, parameters_, kernels::BestKernels()),
        sampler_(network_, NoiseSchedule::Make("linear", kTrainingSteps), SamplerSettings{}) {}

  JumpErrors Measure(int grid, int64_t batch = 4, int threads = 1,
                     NetworkCall network_call = {}) const {
    JumpErrorSettings settings;
    settings.grid = UniformTimesteps(grid, kTrainingSteps);
    settings.weights = 3, settings.samples = 3;
    settings.batch = batch, settings.threads = threads;
    settings.network_call = std::move(network_call);
    Progress progress;
    return MeasureJumpErrors(sampler_, sampler_.AllLabels(), settings, progress);
  }

  Graph graph_;
  ParameterSet parameters_;
  RuntimeNetwork network_;
  DiffusionSampler sampler_;
};

TEST_F(JumpErrorsTest, OneStepAlongTheGridHasNone) {
  const JumpErrors errors = Measure(10);
  errors.Check("measured");
  EXPECT_EQ(errors.start[0], 0);
  for (size_t i = 0; i < errors.size(); ++i) EXPECT_LT(errors.Of(i, i + 1), 1e-10) << i;
  EXPECT_GT(errors.Of(0, errors.size()), 1e-6);
  // So the whole grid is the best sequence of its length, and fewer timesteps are never better.
  const auto planned = PlanTimesteps(errors, 10);
  EXPECT_EQ(planned.back().timesteps, errors.timesteps);
  for (size_t n = 1; n < planned.size(); ++n) {
    EXPECT_LE(planned[n].error, planned[n - 1].error + 1e-10) << n;
  }
  EXPECT_GT(planned[0].error, planned.back().error);
}

// A trajectory, and for the weights of 2, 5 and 7 the rest of it.
TEST_F(JumpErrorsTest, CountsItsNetworkCalls) {
  EXPECT_EQ(Measure(10).network_calls, 3 * (10 + 8 + 5 + 3));
}

TEST_F(JumpErrorsTest, AreTheSameForAnyBatchAndThreads) {
  const JumpErrors errors = Measure(8), other = Measure(8, 1, 3);
  EXPECT_EQ(errors.start, other.start);
  EXPECT_EQ(errors.jump, other.jump);
  EmulatedDevice device;
  EXPECT_EQ(Measure(8, 4, 1, MakeDeviceCalls(network_, device, 4)()).jump, errors.jump);
}

TEST_F(JumpErrorsTest, AreWhatTheyWereInAFile) {
  const JumpErrors errors = Measure(6);
  const auto path = TestPath();
  SaveJumpErrors(errors, path);
  const JumpErrors loaded = LoadJumpErrors(path);
  EXPECT_EQ(loaded.timesteps, errors.timesteps);
  EXPECT_EQ(loaded.start, errors.start);
  EXPECT_EQ(loaded.jump, errors.jump);
  EXPECT_EQ(loaded.network_calls, errors.network_calls);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 8);
  EXPECT_THROW(LoadJumpErrors(path), Error);
}

TEST_F(JumpErrorsTest, NeedTwoTimesteps) { EXPECT_THROW(Measure(1), Error); }

TEST(JumpGridTest, HasATimestepInEveryGroup) {
  const auto groups = TimestepGroups::Make(Grouping::kQuadratic, 12, 1000);
  const TimestepSequence grid = JumpGrid(10, {groups}, 1000);
  for (int group = 0; group < groups.count(); ++group) {
    int inside = 0;
    for (const int timestep : grid.values()) inside += groups.Contains(group, timestep);
    EXPECT_GE(inside, 1) << group;
  }
  EXPECT_THAT(JumpGrid(4, {}, 100).values(), ElementsAre(99, 74, 49, 24));
}

}  // namespace
}  // namespace tmpq
