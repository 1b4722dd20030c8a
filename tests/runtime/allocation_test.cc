// Nothing is allocated between the first and the last network call of a trajectory: by calls of any
// op, nor by the sampler between them. Counted at operator new, which this file replaces for its
// program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "src/runtime/sampler.h"
#include "src/supernet/supernet.h"
#include "tests/runtime/op_cases.h"
#include "tests/test_path.h"

namespace {

std::atomic<int64_t> allocations{0};

void* Allocate(size_t size, size_t alignment) {
  ++allocations;
  const size_t rounded = (std::max<size_t>(size, 1) + alignment - 1) / alignment * alignment;
  void* const memory = std::aligned_alloc(alignment, rounded);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(size_t size) { return Allocate(size, alignof(std::max_align_t)); }
void* operator new(size_t size, std::align_val_t alignment) {
  return Allocate(size, static_cast<size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }

namespace tmpq {
namespace {

constexpr int64_t kBatch = 2;

class AllocationTest : public testing::TestWithParam<int> {
 protected:
  const Graph graph_ = OpCases()[GetParam()];
};

INSTANTIATE_TEST_SUITE_P(Ops, AllocationTest,
                         testing::Range(0, static_cast<int>(OpCases().size())));

TEST_P(AllocationTest, CallsAllocateNothing) {
  const auto path = TestPath();
  const std::vector<BitWidth> widths = {BitWidth::Of(4)};
  Progress silent;
  Supernet::Build(graph_, RandomParameters(graph_), HashString("m"), widths, path, silent);
  const Supernet supernet(path, graph_, HashString("m"), widths);
  const RuntimeNetwork network(graph_, RandomParameters(graph_), kernels::BestKernels());
  const RandomBatch random(graph_, kBatch);
  const NetworkInputs inputs = random.Inputs(graph_, 0, kBatch);
  std::vector<float> out(kBatch * ElementsOf(graph_.output_shape()));
  for (const bool floats : {true, false}) {
    const ActivePolicy policy =
        floats ? network.ActivateFloat()
               : network.Activate(UniformPolicy(graph_.sites(), widths[0], widths[0]),
                                  &supernet.weights());
    for (const int threads : {1, 2}) {
      Workspace workspace = network.MakeWorkspace(kBatch, threads);
      const int64_t before = allocations;
      network.Run(policy, inputs, out.data(), workspace);
      EXPECT_EQ(allocations - before, 0)
          << graph_.name() << (floats ? " in float, " : " in integers, ") << threads << " threads";
    }
  }
}

TEST(SamplerAllocationTest, StepsAllocateNothing) {
  const Graph graph = SmallDenoiser();
  const RuntimeNetwork network(graph, RandomParameters(graph), kernels::BestKernels());
  const TimestepSequence steps({49, 40, 30, 20, 10, 0}, 50);
  for (const char* method : {"ddim", "ddpm", "plms", "dpmpp-2m", "dpmpp-2s", "unipc"}) {
    for (const double guidance : {1.0, 2.0}) {
      for (const bool apart : {false, true}) {
        SamplerSettings settings;
        settings.method = method, settings.guidance_scale = guidance;
        const DiffusionSampler sampler(network, NoiseSchedule::Make("linear", 50), settings);
        SamplingRun run = sampler.PrepareFloat(steps);
        if (apart) run.null_policies = run.policies;
        std::vector<int64_t> seen;
        seen.reserve(64);
        SamplerOptions options;
        options.threads = 1;
        options.spy = [&](int, int, int) { seen.push_back(allocations); };
        sampler.Sample(run, {3, RandomPurpose::kTest, 0, 3, sampler.AllLabels()}, options);
        ASSERT_GE(seen.size(), 6u);
        EXPECT_THAT(seen, testing::Each(seen.front())) << method << ", guidance " << guidance;
      }
    }
  }
}

}  // namespace
}  // namespace tmpq
