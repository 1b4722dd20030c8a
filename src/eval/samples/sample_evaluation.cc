#include "src/eval/samples/sample_evaluation.h"

#include <algorithm>
#include <chrono>
#include <memory>

#include "src/core/error.h"
#include "src/core/tensor_file.h"
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

  void OpenNetworks() {
    const std::string where = "model " + source_->name();
    const Json& sampling = source_->sampling();
    const auto& bundled = settings_.source.bundled;
    const std::string net =
        settings_.feature_net.empty() ? FeatureNetOf(sampling, where) : settings_.feature_net;
    const Shape shape = PictureShape();
    if (Needs(MetricNeeds::kFeatures) || Needs(MetricNeeds::kSpatialFeatures) ||
        Needs(MetricNeeds::kLogits) || Needs(MetricNeeds::kPairedFeatures)) {
      OpenFeatures(net, shape, where);
    }
    if (Needs(MetricNeeds::kFeatureMaps)) {
      if (net.empty()) {
        throw Error(ErrorCode::kUsage, "--feature-net", "is missing", where + " names none");
      }
      maps_ = std::make_unique<FeatureMapNet>(FeatureMapNet::Open(net, bundled, settings_.resize));
      result_.networks["feature_net"] = maps_->ToJson();
    }
    if (Needs(MetricNeeds::kEncoder)) {
      encoder_ = OpenEncoder("text_encoder", settings_.text_encoder, TextEncoderOf,
                             AlignmentEncoder::Open);
    }
    if (Needs(MetricNeeds::kRewardModel) || Needs(MetricNeeds::kRewardPairs)) {
      reward_model_ = OpenEncoder("reward_model", settings_.reward_model, RewardModelOf,
                                  AlignmentEncoder::OpenRewardModel);
    }
    if (Needs(MetricNeeds::kJudge) && prompts_.judge.empty()) {
      throw Error(ErrorCode::kUsage, where, "has no judge of its captions",
                  "scenes and sprites have; elsewhere text_similarity, by an encoder");
    }
    if (Needs(MetricNeeds::kFrameFeatures)) {
      const Shape frame(shape.end() - 3, shape.end());
      frames_ = OpenFeatureSpace(settings_.frame_net, frame, bundled);
      result_.networks["frame_net"] = ToJson(frames_);
    }
  }

  // Opens the network that `given` names, else the model's own, and notes it for `use`.
  template <typename Find, typename Open>
  std::unique_ptr<AlignmentEncoder> OpenEncoder(const std::string& use, const std::string& given,
                                                Find&& find, Open&& open) {
    const std::string where = "model " + source_->name();
    const auto& bundled = settings_.source.bundled;
    const std::string name = given.empty() ? find(source_->sampling(), where, bundled) : given;
    if (name.empty() || prompts_.texts.empty()) {
      std::string flag = "--" + use;
      std::replace(flag.begin(), flag.end(), '_', '-');
      throw Error(
          ErrorCode::kUsage, flag,
          prompts_.texts.empty() ? "has no texts to compare with" : "is missing",
          where + (prompts_.texts.empty() ? " is not sampled by words" : " names none of its own"));
    }
    auto encoder = std::make_unique<AlignmentEncoder>(open(name, bundled));
    result_.networks[use] = {{"name", encoder->name()}, {"hash", encoder->hash().Hex()}};
    return encoder;
  }

  void OpenFeatures(const std::string& net, const Shape& shape, const std::string& where) {
    const auto& bundled = settings_.source.bundled;
    const auto open = [&](FeatureOutput output) {
      return OpenFeatureSpace(net, shape, bundled, {settings_.resize, output});
    };
    if (Needs(MetricNeeds::kSpatialFeatures)) spatial_ = open(FeatureOutput::kMaps);
    if (Needs(MetricNeeds::kLogits)) logits_ = open(FeatureOutput::kLogits);
    const auto& reference = settings_.reference;
    const bool has_samples = !reference.empty() && reference.extension() != ".safetensors";
    if (has_samples) {
      reference_ = LoadSamples(reference);
      measured_.reference = reference.string();
    }
    if (has_samples || !Needs(MetricNeeds::kFeatures)) {
      measured_.space = open(FeatureOutput::kFeatures);
    } else {
      measured_ = OpenMeasuredSpace(net, reference.string(), source_->sampling(), shape, where,
                                    bundled, settings_.resize);
      if (measured_.statistics == nullptr) {
        throw Error(ErrorCode::kUsage, "--reference", "is missing",
                    "feature network " + measured_.space.name + " of " + where +
                        " brings no statistics of a training set");
      }
    }
    result_.reference = measured_.reference;
    result_.networks["feature_net"] = ToJson(measured_.space);
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
    if (measured_.statistics != nullptr) comparison.statistics = measured_.statistics->statistics();
    comparison.features = measured_.space.features.get();
    comparison.spatial = spatial_.features.get(), comparison.logits = logits_.features.get();
    comparison.inception = measured_.space.is_inception;
    comparison.maps = maps_.get(), comparison.encoder = encoder_.get();
    comparison.reward_model = reward_model_.get();
    comparison.frames = frames_.features.get();
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
  MeasuredSpace measured_;
  std::optional<SampleSet> reference_;
  std::unique_ptr<FeatureMapNet> maps_;
  std::unique_ptr<AlignmentEncoder> encoder_, reward_model_;
  FeatureSpace spatial_, logits_, frames_;
};

}  // namespace

SampleEvaluationResult EvaluateSamples(const SampleEvaluation& evaluation,
                                       const kernels::KernelSet& kernels) {
  return Evaluation(evaluation, kernels).Run();
}

}  // namespace tmpq
