#include "src/eval/driver/bench_settings.h"

#include <algorithm>

#include "src/core/error.h"
#include "src/eval/models/any_model.h"
#include "src/eval/proxies/losses.h"

namespace tmpq {

namespace {

// The measurements of `objectives` but `always`, each once.
std::vector<std::string> Beside(const std::string& always,
                                const std::vector<std::string>& objectives) {
  std::vector<std::string> losses;
  for (const std::string& name : MeasurementsAmong(objectives)) {
    const bool is_new = std::find(losses.begin(), losses.end(), name) == losses.end();
    if (name != always && is_new) losses.push_back(name);
  }
  return losses;
}

void Lack(const std::string& loss, const std::string& what) {
  throw Error(ErrorCode::kUsage, "minimize, objectives or select_by",
              "ask for " + loss + ", but the model has no " + what,
              "error, psnr_to_float and distance are known of every model");
}

}  // namespace

std::vector<std::string> ObjectivesOf(const SearchConfig& config) {
  if (config.objectives.empty()) return {};
  return ParseObjectives("objectives", config.objectives);
}

void CheckLosses(const EvaluatorSettings& settings, const Shape& sample) {
  for (const auto* losses :
       {&settings.trajectory_losses, &settings.metric_losses, &settings.selection_losses}) {
    for (const std::string& name : *losses) {
      if (name == kTextAlignmentLoss && settings.prompts.judge.empty()) {
        Lack("text_alignment", "judge of its prompts");
      }
      if (name == kTextSimilarityLoss && settings.encoder == nullptr) {
        Lack("text_similarity", "text encoder (--text-encoder)");
      }
      if (name == kTemporalConsistencyLoss && (sample.size() != 4 || sample[0] < 2)) {
        Lack("temporal_consistency", "clips");
      }
    }
  }
}

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
  settings.trajectory_losses = Beside(kTrajectoryError, config.Minimized());
  std::vector<std::string> measured = {config.SelectedBy()};
  settings.selection_losses = Beside(kDistance, measured);
  if (config.selects_what_it_minimizes()) measured.clear();
  const std::vector<std::string> more = ObjectivesOf(config);
  measured.insert(measured.end(), more.begin(), more.end());
  settings.metric_losses = Beside(kDistance, measured);
  settings.report_samples = config.report_samples;
  settings.converged_samples = config.converged_samples;
  settings.trajectory_cache_bytes = session.trajectory_cache_bytes;
  settings.interrupted = session.interrupted;
  return settings;
}

}  // namespace tmpq
