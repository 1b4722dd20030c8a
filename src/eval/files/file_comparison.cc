#include "src/eval/files/file_comparison.h"

#include "src/core/error.h"
#include "src/graph/graph.h"

namespace tmpq {

const SampleSet& ComparedSamples::Images() {
  if (samples_.dimensions() < 4) Refuse("images or clips");
  if (!normalized_) NormalizeImages(samples_);
  normalized_ = true;
  return samples_;
}

const SampleSet& ComparedSamples::Clips() {
  if (samples_.dimensions() != 5) Refuse("clips (n, frames, height, width, channels)");
  if (samples_.shape[1] < 2) {
    throw Error(ErrorCode::kInput, samples_.where, "has clips of one frame", "at least two");
  }
  return Images();
}

const std::vector<float>& ComparedSamples::Features() {
  if (samples_.dimensions() == 2) {
    if (samples_.bytes) Refuse("float32 features");
    return samples_.values;
  }
  if (features_.empty()) features_ = Extract(comparison_.features);
  return features_;
}

int64_t ComparedSamples::dimension() const {
  return samples_.dimensions() == 2 ? samples_.shape[1] : comparison_.features->dimension();
}

const ClipMotion& ComparedSamples::Motion() {
  if (motion_.flow_score.empty()) motion_ = MeasureMotion(Clips().values, samples_.clip());
  return motion_;
}

void ComparedSamples::Refuse(const std::string& wanted) const {
  throw Error(ErrorCode::kUsage, samples_.where,
              "has the shape " + ShapeText(samples_.shape) + (samples_.bytes ? " of bytes" : ""),
              "this metric needs " + wanted);
}

std::vector<float> ComparedSamples::Extract(const FeatureExtractor* network) {
  if (network == nullptr) {
    throw Error(ErrorCode::kUsage, "--feature-net", "is missing",
                samples_.where + " holds samples, whose features this metric compares");
  }
  return network->Extract(Images().values, samples_.sample_shape(), comparison_.threads);
}

Measurer::Measurer(FileComparison comparison)
    : comparison_(std::move(comparison)), samples_(std::move(comparison_.samples), comparison_) {
  if (comparison_.reference.has_value())
    reference_.emplace(std::move(*comparison_.reference), comparison_);
  if (comparison_.paired.has_value()) paired_.emplace(std::move(*comparison_.paired), comparison_);
}

ComparedSamples& Measurer::reference() {
  if (!reference_.has_value()) {
    throw Error(ErrorCode::kUsage, "--reference", "names no samples",
                "this metric needs a folder of PNGs or a file F.npy to compare with");
  }
  return *reference_;
}

ComparedSamples& Measurer::Paired() {
  ComparedSamples& other = paired_.has_value() ? *paired_ : reference();
  if (other.raw().shape != samples_.raw().shape) {
    throw Error(
        ErrorCode::kInput, other.raw().where, "has the shape " + ShapeText(other.raw().shape),
        "pairs need that of " + samples_.raw().where + ", " + ShapeText(samples_.raw().shape));
  }
  return other;
}

const FeatureMapNet& Measurer::maps() const {
  if (comparison_.maps != nullptr) return *comparison_.maps;
  throw Error(ErrorCode::kUsage, "--feature-net", "is missing",
              "this metric compares the maps of a bundled feature network");
}

const FeatureExtractor& Measurer::frame_features() const {
  if (comparison_.frames != nullptr) return *comparison_.frames;
  throw Error(ErrorCode::kUsage, "--frame-net", "is missing",
              "this metric compares features of a clip's frames");
}

const AlignmentEncoder& Measurer::encoder() const {
  if (comparison_.encoder != nullptr) return *comparison_.encoder;
  throw Error(ErrorCode::kUsage, "--text-encoder", "is missing",
              "this metric compares samples with texts: a bundled encoder, or a folder of CLIP");
}

const RewardModel& Measurer::reward_model() const {
  if (comparison_.reward_model != nullptr) return *comparison_.reward_model;
  throw Error(
      ErrorCode::kUsage, "--reward-model", "is missing",
      "this metric asks which samples of a text are preferred: a bundled reward model, or the "
      "folder of ImageReward or of one of CLIP's form (PickScore)");
}

const CaptionedWorld& Measurer::judge() {
  const CaptionedWorld* judge = comparison_.judge;
  if (judge == nullptr) {
    throw Error(ErrorCode::kUsage, "--judge", "is missing",
                "this metric reads captions off samples of scenes or sprites");
  }
  if (samples_.Images().sample_shape() != judge->shape()) {
    samples_.Refuse("samples of " + ShapeText(judge->shape()) + ", as " + judge->name() + " are");
  }
  return *judge;
}

const std::vector<std::string>& Measurer::texts() const {
  if (!comparison_.texts.empty()) return comparison_.texts;
  throw Error(ErrorCode::kUsage, "--prompts", "is missing",
              "this metric needs the samples' texts, one a line");
}

Measurer::Rows Measurer::FeatureRows() {
  ComparedSamples& other = reference();
  const Rows rows{samples_.Features(), other.Features(), samples_.dimension()};
  CheckDimension(other.dimension(), other.raw().where);
  return rows;
}

const FrechetReference& Measurer::Frechet() {
  if (frechet_.has_value()) return *frechet_;
  samples_.Features();
  if (comparison_.statistics.has_value()) {
    CheckDimension(comparison_.statistics->dimension, "the statistics file");
    frechet_.emplace(*comparison_.statistics);
  } else {
    const Rows rows = FeatureRows();
    frechet_.emplace(StatisticsOf(rows.reference, rows.dimension, FeatureHash()));
  }
  return *frechet_;
}

Hash128 Measurer::FeatureHash() const {
  if (samples_.raw().dimensions() > 2) return comparison_.features->hash();
  return comparison_.statistics.has_value() ? comparison_.statistics->feature_hash : Hash128{};
}

const ManifoldMetrics& Measurer::Manifolds() {
  if (!manifolds_.has_value()) {
    const Rows rows = FeatureRows();
    ManifoldSettings settings;
    settings.seed = comparison_.seed;
    manifolds_ = EstimateManifolds(rows.samples, rows.reference, rows.dimension, settings);
  }
  return *manifolds_;
}

void Measurer::CheckDimension(int64_t dimension, const std::string& where) const {
  if (dimension == samples_.dimension()) return;
  throw Error(ErrorCode::kInput, where,
              "has features of dimension " + std::to_string(dimension) + ", but " +
                  samples_.raw().where + " has " + std::to_string(samples_.dimension()));
}

}  // namespace tmpq
