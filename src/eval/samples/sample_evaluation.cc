#include "src/eval/samples/sample_evaluation.h"

#include <chrono>
#include <memory>

#include "src/core/error.h"
#include "src/core/tensor_file.h"
#include "src/eval/files/metric_networks.h"
#include "src/eval/models/measured_space.h"
#include "src/eval/models/pipeline_model.h"
#include "src/eval/samples/sample_drawing.h"
#include "src/metrics/psnr.h"

namespace tmpq {
namespace {

bool IsPlan(const std::filesystem::path& path) {
  if (path.extension() != ".safetensors" || !std::filesystem::is_regular_file(path)) return false;
  return TensorFile(path, TensorFile::Checksum::kIfPresent).metadata().count("tmpq.plan") > 0;
}

// Opens what the metrics need once, then samples and measures.
class Evaluation {
 public:
  Evaluation(const SampleEvaluation& settings, const kernels::KernelSet& kernels)
      : settings_(settings), kernels_(kernels), needs_(NeedsOf(settings.metrics)) {
    for (const std::string& name : settings.metrics) {
      (name == kSqnrOfSteps ? with_steps_ : with_files_) = true;
      if (name != kSqnrOfSteps) names_.push_back(name);
    }
    if (with_steps_ && settings.float_steps != 0) {
      throw Error(ErrorCode::kUsage, kSqnrOfSteps, "compares the samples' own timesteps",
                  "leave out --float-steps");
    }
  }

  SampleEvaluationResult Run() {
    SourceOptions options = settings_.source;
    options.with_model = true;  // its name for networks, and float weights
    source_ = std::make_unique<SampleSource>(options, kernels_);
    OpenPrompts();
    OpenNetworks();
    result_.model = source_->name();
    result_.steps = source_->timesteps().size();
    const Drawn own =
        Draw(*source_, source_->Run(), "samples of " + Described(options), options.plan.empty());
    Drawn in_float;
    if (NeedsFloat()) in_float = DrawFloat();
    std::optional<Drawn> other;
    if (settings_.against == kAgainstFloat && NeedsFloat() && settings_.float_steps == 0) {
      other = in_float;
    } else if (!settings_.against.empty()) {
      other = DrawAgainst();
    }
    const auto begin = Clock::now();
    if (with_files_) MeasureDrawn(own, in_float, other);
    if (with_steps_) MeasureSteps(own, in_float, other);
    result_.seconds["measuring"] += Since(begin);
    return std::move(result_);
  }

 private:
  using Clock = std::chrono::steady_clock;
  static double Since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
  }

  static std::string Described(const SourceOptions& options) {
    return options.plan.empty() ? options.model : options.plan.string();
  }

  bool Needs(MetricNeeds needs) const { return needs_.count(needs) > 0; }
  bool NeedsFloat() const { return with_steps_ || Needs(MetricNeeds::kPairs); }

  void OpenPrompts() {
    PromptSource texts = source_->prompt_source();
    if (!settings_.prompts.empty()) texts.Read(settings_.prompts);
    prompts_ = MakePrompts(source_->sampler(), texts);
  }

  // What metrics look at: pictures of the pipeline's autoencoder, where there is one.
  Shape PictureShape() const {
    const Shape& shape = source_->sampler().sample_shape();
    if (source_->pipeline().empty()) return shape;
    return DecodeSamples(source_->pipeline(),
                         std::vector<float>(source_->sampler().sample_elements()), shape, 1)
        .shape;
  }

  // By default networks are the model's own.
  void OpenNetworks() {
    const std::string where = "model " + source_->name();
    const Json& sampling = source_->sampling();
    const auto& bundled = settings_.source.bundled;
    MetricNetworkNames names{settings_.feature_net, settings_.text_encoder, settings_.reward_model,
                             settings_.frame_net, settings_.resize};
    if (names.feature_net.empty()) names.feature_net = FeatureNetOf(sampling, where);
    if (names.text_encoder.empty()) names.text_encoder = TextEncoderOf(sampling, where, bundled);
    if (names.reward_model.empty()) names.reward_model = RewardModelOf(sampling, where, bundled);
    if (Needs(MetricNeeds::kEncoder)) CheckText("--text-encoder", names.text_encoder);
    if (Needs(MetricNeeds::kRewardModel) || Needs(MetricNeeds::kRewardPairs)) {
      CheckText("--reward-model", names.reward_model);
    }
    if (Needs(MetricNeeds::kJudge) && prompts_.judge.empty()) {
      throw Error(ErrorCode::kUsage, where, "has no judge of its captions",
                  "scenes and sprites have; elsewhere text_similarity, by an encoder");
    }
    if (names.feature_net.empty()) {
      if (Needs(MetricNeeds::kFeatureMaps)) {
        throw Error(ErrorCode::kUsage, "--feature-net", "is missing", where + " names none");
      }
      names.feature_net = kRandomFeatures;
    }
    networks_.emplace(names, needs_, PictureShape(), bundled);
    result_.networks = networks_->ToJson();
    if (Needs(MetricNeeds::kFeatures)) OpenDistribution(names.feature_net, where);
  }

  // Throws kUsage unless there are texts, and a network `name` that reads them.
  void CheckText(const std::string& flag, const std::string& name) const {
    const std::string where = "model " + source_->name();
    if (prompts_.texts.empty()) {
      throw Error(ErrorCode::kUsage, flag, "has no texts to compare with",
                  where + " is not sampled by words");
    }
    if (name.empty()) {
      throw Error(ErrorCode::kUsage, flag, "is missing", where + " names none of its own");
    }
  }

  // What distances are to.
  void OpenDistribution(const std::string& net, const std::string& where) {
    const auto& path = settings_.reference;
    if (!path.empty() && path.extension() != ".safetensors") {
      reference_ = LoadSamples(path);
      result_.reference = path.string();
      return;
    }
    distribution_ = OpenReference(net, networks_->features(), path, settings_.source.bundled);
    if (distribution_.statistics == nullptr) {
      throw Error(ErrorCode::kUsage, "--reference", "is missing",
                  "feature network " + networks_->features().name + " of " + where +
                      " brings no statistics of a training set");
    }
    result_.reference = distribution_.name;
  }

  Drawn Draw(const SampleSource& source, const SamplingRun& run, const std::string& where,
             bool in_float = false) {
    const auto begin = Clock::now();
    Drawn drawn = DrawSamples(source, run, prompts_.conditions, settings_, with_steps_, in_float);
    drawn.pictures.where = where;
    result_.seconds["sampling"] += Since(begin);
    return drawn;
  }

  Drawn DrawFloat() {
    const int training_steps = source_->sampler().schedule().training_steps();
    if (settings_.float_steps != 0) {
      CheckRange("--float-steps", settings_.float_steps, 1, training_steps);
    }
    const TimestepSequence timesteps =
        settings_.float_steps == 0 ? source_->timesteps()
                                   : UniformTimesteps(settings_.float_steps, training_steps);
    return Draw(*source_, source_->RunInFloat(timesteps), "the float model's samples", true);
  }

  Drawn DrawAgainst() {
    if (settings_.against == kAgainstFloat) {
      return Draw(*source_, source_->RunInFloat(source_->timesteps()), "the float model's samples",
                  true);
    }
    SourceOptions options = settings_.source;
    const bool is_plan = IsPlan(settings_.against);
    options.in_float = false;
    options.plan = is_plan ? settings_.against : "";
    if (!is_plan) options.model = settings_.against;
    const SampleSource other(options, kernels_);
    if (other.sampler().sample_shape() != source_->sampler().sample_shape()) {
      throw Error(ErrorCode::kInput, "--against " + settings_.against,
                  "samples " + ShapeText(other.sampler().sample_shape()),
                  "pairs need " + ShapeText(source_->sampler().sample_shape()));
    }
    other.sampler().CheckConditions(prompts_.conditions);
    return Draw(other, other.Run(), "samples of " + settings_.against);
  }

  FileComparison ComparisonOf(const Drawn& drawn, const Drawn& in_float) const {
    FileComparison comparison;
    comparison.samples = drawn.pictures;
    if (NeedsFloat()) comparison.paired = in_float.pictures;
    comparison.reference = reference_;
    if (distribution_.statistics != nullptr) {
      comparison.statistics = distribution_.statistics->statistics();
    }
    networks_->LendTo(comparison);
    comparison.texts = prompts_.texts;
    comparison.judge = prompts_.judge.empty() ? nullptr : FindWorld(prompts_.judge);
    comparison.seed = settings_.seed, comparison.threads = settings_.threads;
    return comparison;
  }

  void MeasureDrawn(const Drawn& own, const Drawn& in_float, const std::optional<Drawn>& other) {
    Measurer first(ComparisonOf(own, in_float));
    result_.metrics = MeasureFiles(first, names_);
    if (!other.has_value()) return;
    Measurer second(ComparisonOf(*other, in_float));
    result_.differences = MeasureDifferences(first, second, names_);
  }

  void MeasureSteps(const Drawn& own, const Drawn& in_float, const std::optional<Drawn>& other) {
    const int steps = own.timesteps.size();
    const auto name = [](int k) { return "sqnr_step_" + std::to_string(k + 1); };
    const auto estimates =
        EstimateSqnrOfSteps(own.trajectory, in_float.trajectory, steps, settings_.count);
    for (int k = 0; k < steps; ++k) result_.metrics.push_back({name(k), "dB", estimates[k]});
    // Only at the same timesteps do the steps of two candidates answer each other.
    if (!other.has_value() || !(other->timesteps == own.timesteps)) return;
    const size_t size = own.trajectory.size() / steps;
    const auto errors = [&](const Drawn& drawn, int k) {
      return MeanSquaredErrors(std::span(drawn.trajectory).subspan(k * size, size),
                               std::span(in_float.trajectory).subspan(k * size, size),
                               settings_.count);
    };
    for (int k = 0; k < steps; ++k) {
      result_.differences.push_back(
          {name(k), "dB", EstimatePsnrDifference(errors(own, k), errors(*other, k))});
    }
  }

  const SampleEvaluation& settings_;
  const kernels::KernelSet& kernels_;
  std::set<MetricNeeds> needs_;
  std::vector<std::string> names_;  // without sqnr_steps
  bool with_steps_ = false, with_files_ = false;
  SampleEvaluationResult result_;
  std::unique_ptr<SampleSource> source_;
  Prompts prompts_;
  std::optional<MetricNetworks> networks_;
  ReferenceDistribution distribution_;
  std::optional<SampleSet> reference_;
};

}  // namespace

SampleEvaluationResult EvaluateSamples(const SampleEvaluation& evaluation,
                                       const kernels::KernelSet& kernels) {
  return Evaluation(evaluation, kernels).Run();
}

}  // namespace tmpq
