#include "src/eval/driver/bench_settings.h"

#include "src/core/error.h"
#include "src/eval/models/any_model.h"

namespace tmpq {

SamplerSettings SamplerSettingsFor(const ModelFile& model, const SearchConfig& config) {
  SamplerSettings settings = SamplerOf(model);
  if (!config.sampler.empty()) {
    CheckMethod(config.sampler);
    settings.method = config.sampler;
  }
  if (config.guidance >= 0) {
    settings.guidance_scale = config.guidance;
    settings.guidance_ranges.clear();
  }
  if (settings.method == "plms") {
    throw Error(ErrorCode::kUnsupported, "sampler plms",
                "calls the network once more than it has steps, which budgets do not count",
                "search with another sampler");
  }
  return settings;
}

EvaluatorSettings EvaluatorSettingsFor(const SearchConfig& config, const SearchSession& session) {
  EvaluatorSettings settings;
  settings.seed = config.seed;
  settings.batch = session.batch;
  settings.threads = session.threads;
  settings.trajectory_steps = config.trajectory_steps;
  settings.trajectory_samples = config.trajectory_samples;
  settings.probe_samples = config.probe_samples;
  settings.metric_samples = config.metric_samples;
  settings.selection_samples = config.selection_samples;
  settings.selection_errors = config.select_by == kSelectByError;
  settings.report_samples = config.report_samples;
  settings.converged_samples = config.converged_samples;
  settings.trajectory_cache_bytes = session.trajectory_cache_bytes;
  settings.interrupted = session.interrupted;
  return settings;
}

}  // namespace tmpq
