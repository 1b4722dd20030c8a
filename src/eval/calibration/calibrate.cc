#include "src/eval/calibration/calibrate.h"

#include <omp.h>

#include <exception>
#include <vector>

#include "src/core/error.h"

namespace tmpq {
namespace {

// Chosen rows of each layer, step and branch. GPTQ's second moments need many, ranges and alphas
// few.
int RowsPerCall(const QuantRecipe& recipe) { return recipe.rounding == "gptq" ? 8 : 2; }

}  // namespace

CalibrationStatistics Calibrate(const DiffusionSampler& sampler, const ConditionList& conditions,
                                const QuantRecipe& recipe, const QuantScheme& scheme,
                                const CalibrationSettings& settings, Progress& progress) {
  const int branches = scheme.split_guidance && sampler.calls_per_step() == 2 ? 2 : 1;
  const Graph& graph = sampler.network().graph();
  const SamplingRun run = sampler.PrepareFloat(
      UniformTimesteps(recipe.calibration_steps, sampler.schedule().training_steps()));
  const auto empty = [&] {
    return CalibrationStatistics(scheme.ranges(), branches, RowsPerCall(recipe));
  };
  CalibrationStatistics all = empty();
  const int64_t samples = recipe.calibration_samples;
  std::vector<std::exception_ptr> errors(samples);
  const int threads = settings.threads > 0 ? settings.threads : omp_get_max_threads();
  progress.Begin("calibration", samples, "samples");
  // A thread a sample; what they saw is merged in their order.
#pragma omp parallel for ordered schedule(static, 1) num_threads(threads)
  for (int64_t sample = 0; sample < samples; ++sample) {
    CalibrationStatistics own = empty();
    SamplerOptions options;
    options.batch = 1, options.threads = 1, options.interrupted = settings.interrupted;
    options.observer = [&](int step, int timestep, int branch, int64_t first, int64_t /*batch*/,
                           NodeId id, const float* x) {
      // Branches that share statistics draw rows of their own.
      const int call = step * sampler.calls_per_step() + branch;
      own.Observe(graph, id, x,
                  {first, call, scheme.RangeOf(timestep), branches == 2 ? branch : 0});
    };
    try {
      sampler.Sample(run, {settings.seed, RandomPurpose::kCalibration, sample, 1, conditions},
                     options);
    } catch (...) {
      errors[sample] = std::current_exception();
    }
#pragma omp ordered
    {
      all.Merge(own);
      if (omp_get_thread_num() == 0) progress.Update(sample + 1);
    }
  }
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
  progress.End();
  return all;
}

}  // namespace tmpq
