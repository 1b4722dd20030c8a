// What a bench makes and keeps in its run's folder, or finds there: calibration, jump errors, the
// supernet, a reference of its own; and plans.
#include <algorithm>

#include "src/core/config.h"
#include "src/core/error.h"
#include "src/core/version.h"
#include "src/eval/calibration/calibrate.h"
#include "src/eval/driver/bench_settings.h"
#include "src/eval/driver/planned_candidates.h"
#include "src/eval/driver/search_bench.h"
#include "src/eval/models/any_model.h"
#include "src/eval/proxies/jump_errors.h"
#include "src/runtime/plan_file.h"

namespace tmpq {
namespace {

constexpr const char* kCalibrationName = "calibration.safetensors";
constexpr const char* kStatisticsName = "statistics.safetensors";  // of a reference made here
constexpr const char* kJumpErrorsName = "jump_errors.safetensors";

// Of the candidates; `with_baselines`: and of the baselines.
std::vector<BitWidth> WidthsOf(std::vector<int> bits, bool with_baselines) {
  if (with_baselines) {
    bits.insert(bits.end(), {4, 8});
    std::sort(bits.begin(), bits.end());
    bits.erase(std::unique(bits.begin(), bits.end()), bits.end());
  }
  std::vector<BitWidth> widths;
  for (const int b : bits) widths.push_back(BitWidth::Of(b));
  return widths;
}

}  // namespace

std::vector<std::string> SearchBench::ArtefactNames() {
  return {kSupernetName, kCalibrationName, kStatisticsName, kJumpErrorsName};
}

CalibrationStatistics SearchBench::OpenCalibration() {
  const auto path = session_.out / kCalibrationName;
  if (!std::filesystem::exists(path)) {
    Calibrate(*sampler_, evaluator_settings_.prompts.conditions, recipe_, scheme_,
              {config_.seed, session_.threads, session_.interrupted}, *session_.progress)
        .Save(path, model_.hash);
  }
  return CalibrationStatistics::Load(path, model_.hash);
}

JumpErrors SearchBench::OpenJumpErrors() const {
  const auto path = session_.out / kJumpErrorsName;
  if (!std::filesystem::exists(path)) {
    std::vector<TimestepGroups> groups;
    for (const auto& [steps, space] : spaces_) {
      if (const auto own = GroupsOf(space->settings())) groups.push_back(*own);
    }
    JumpErrorSettings settings;
    settings.grid = JumpGrid(std::max(config_.trajectory_steps, config_.steps.most), groups,
                             schedule_.training_steps());
    settings.weights = std::min(settings.weights, settings.grid.size());
    settings.samples = config_.trajectory_samples, settings.seed = config_.seed;
    settings.batch = evaluator_settings_.batch, settings.threads = evaluator_settings_.threads;
    settings.interrupted = evaluator_settings_.interrupted;
    if (evaluator_settings_.network_calls) {
      settings.network_call = evaluator_settings_.network_calls();
    }
    SaveJumpErrors(MeasureJumpErrors(*sampler_, evaluator_settings_.prompts.conditions, settings,
                                     *session_.progress),
                   path);
  }
  return LoadJumpErrors(path);
}

void SearchBench::OpenSupernet(bool with_baselines) {
  const auto path = session_.out / kSupernetName;
  const std::vector<BitWidth> widths = WidthsOf(config_.weight_bits, with_baselines);
  if (!std::filesystem::exists(path)) {
    SupernetOptions options{recipe_, scheme_, WidthsOf(config_.activation_bits, with_baselines)};
    if (recipe_.rounding == "adaround") UseRounding(widths, options);
    CalibrationStatistics statistics;
    if (recipe_.NeedsCalibration()) {
      statistics = OpenCalibration();
      options.statistics = &statistics;
    }
    Supernet::Build(model_.graph, model_.parameters, model_.hash, widths, path, *session_.progress,
                    options);
  }
  supernet_ = std::make_unique<Supernet>(path, model_.graph, model_.hash, widths);
  hashes_["supernet"] = supernet_->hash().Hex();
  if (recipe_.NeedsCalibration()) {
    hashes_["calibration"] = TensorFile(session_.out / kCalibrationName).hash().Hex();
  }
}

// Learned steps are for static activations; a recipe without these has none.
void SearchBench::UseRounding(const std::vector<BitWidth>& widths, SupernetOptions& options) const {
  if (!rounding_.has_value()) {
    const auto list = [](const std::vector<BitWidth>& bits) {
      std::string text;
      for (const BitWidth width : bits) text += (text.empty() ? "" : ",") + width.Name();
      return text;
    };
    throw Error(ErrorCode::kUsage, "recipe " + config_.recipe, "needs a learned rounding",
                "make it with \"tmpq-reconstruct --model " + config_.model + " --recipe " +
                    config_.recipe + " --weight-bits " + list(widths) + " --activation-bits " +
                    list(options.activation_widths) +
                    " --out DIR\" and give --rounding DIR/rounding.safetensors");
  }
  options.rounder = [this](const std::string& layer, int set, std::span<const float> weights,
                           QuantizedWeights& grid) {
    return rounding_->Round(layer, set, weights, grid);
  };
  options.steps = [this](const std::string& layer, int bits) {
    return rounding_->Steps(layer, bits);
  };
}

void SearchBench::OpenReference() {
  if (measured_.reference.statistics != nullptr) return;
  const auto path = session_.out / kStatisticsName;
  if (!std::filesystem::exists(path)) {
    const EvaluatorSettings& settings = evaluator_settings_;
    const auto timesteps = UniformTimesteps(settings.trajectory_steps, schedule_.training_steps());
    SamplerOptions options;
    options.batch = settings.batch, options.threads = settings.threads;
    options.interrupted = settings.interrupted, options.progress = session_.progress;
    if (settings.network_calls) options.network_call = settings.network_calls();
    session_.progress->Begin("sampling the float model", settings.report_samples, "samples");
    const std::vector<float> samples =
        sampler_->Sample(sampler_->PrepareFloat(timesteps),
                         {settings.seed, RandomPurpose::kCalibration, 0, settings.report_samples,
                          settings.prompts.conditions},
                         options);
    session_.progress->End();
    FeatureAccumulator accumulator(features().dimension(), features().hash());
    accumulator.Add(features().Extract(samples, sampler_->sample_shape(), settings.threads));
    WriteFeatureStatistics(accumulator.Finish(), path);
  }
  measured_.reference.statistics = std::make_unique<FrechetReference>(
      ReadFeatureStatistics(path, features().dimension(), features().hash()));
  measured_.reference.name = "float model's samples";
}

void SearchBench::WritePlanOf(const Candidate& candidate, const std::string& program,
                              const std::filesystem::path& path) const {
  const PlanDescription description{model_.name,
                                    model_.hash,
                                    model_.graph,
                                    candidate,
                                    schedule_,
                                    sampler_settings_,
                                    TextOf(model_.sampling),
                                    PipelineOf(model_),
                                    {{"program", program + " " + Version()},
                                     {"git_revision", GitRevision()},
                                     {"seed", config_.seed},
                                     {"config", ConfigText(config_)},
                                     {"recipe", recipe_.Text()},
                                     {"hashes", hashes_}}};
  WritePlan(path, description, model_.parameters, weights());
}

}  // namespace tmpq
