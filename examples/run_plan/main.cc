// run_plan PLAN OUT.{png,npy} COUNT: draws samples with a plan of an unconditional or class
// conditional model, as tmpq-run does.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "kernels/include/kernels.h"
#include "src/core/error.h"
#include "src/data/image_writer.h"
#include "src/runtime/plan_file.h"
#include "src/runtime/sampler.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: run_plan PLAN OUT.{png,npy} COUNT\n");
    return 2;
  }
  try {
    const tmpq::PlanFile plan(argv[1]);
    const tmpq::PlanDescription& description = plan.description();
    const tmpq::RuntimeNetwork network(description.graph, plan.parameters(),
                                       tmpq::kernels::BestKernels());
    const tmpq::DiffusionSampler sampler(network, description.schedule, description.sampler);
    const int64_t count = std::atoll(argv[3]);
    const std::vector<float> samples = sampler.Sample(
        sampler.Prepare(description.candidate, &plan.weights()),
        {/*seed=*/0, tmpq::RandomPurpose::kSampleNoise, /*first=*/0, count, sampler.AllLabels()},
        {});
    tmpq::WriteImages(argv[2], tmpq::BatchOf(samples, count, sampler.sample_shape()));
    std::printf("%lld samples in %d steps\n", static_cast<long long>(count),
                description.candidate.steps());
  } catch (const tmpq::Error& error) {
    std::fprintf(stderr, "run_plan: %s\n", error.what());
    return 1;
  }
}
