#include "src/eval/files/file_metrics.h"

#include <algorithm>
#include <sstream>

#include "src/core/error.h"
#include "src/metrics/frechet.h"
#include "src/metrics/inception_score.h"
#include "src/metrics/kernel_distance.h"
#include "src/metrics/manifold.h"
#include "src/metrics/psnr.h"
#include "src/metrics/sharpness.h"
#include "src/metrics/ssim.h"

namespace tmpq {
namespace {

constexpr const char* kDelta = "delta_";
constexpr int64_t kSpatialChannels = 7;  // of sFID

// One side of the comparison; what several metrics need is computed once.
class Side {
 public:
  Side(SampleSet samples, const FileComparison& comparison)
      : samples_(std::move(samples)), comparison_(comparison) {}

  const SampleSet& raw() const { return samples_; }
  int64_t count() const { return samples_.count(); }

  // Images or clips in [-1, 1].
  const SampleSet& Images() {
    if (samples_.dimensions() < 4) Refuse("images or clips");
    if (!normalized_) NormalizeImages(samples_);
    normalized_ = true;
    return samples_;
  }

  const SampleSet& Clips() {
    if (samples_.dimensions() != 5) Refuse("clips (n, frames, height, width, channels)");
    if (samples_.shape[1] < 2) {
      throw Error(ErrorCode::kInput, samples_.where, "has clips of one frame", "at least two");
    }
    return Images();
  }

  // (n, dimension), given or made by the feature network.
  const std::vector<float>& Features() {
    if (samples_.dimensions() == 2) {
      if (samples_.bytes) Refuse("float32 features");
      return samples_.values;
    }
    if (features_.empty()) features_ = Extract();
    return features_;
  }
  int64_t dimension() const {
    return samples_.dimensions() == 2 ? samples_.shape[1] : comparison_.features->dimension();
  }

  const ClipMotion& Motion() {
    if (motion_.flow_score.empty()) motion_ = MeasureMotion(Clips().values, samples_.clip());
    return motion_;
  }

  [[noreturn]] void Refuse(const std::string& wanted) const {
    throw Error(ErrorCode::kUsage, samples_.where,
                "has the shape " + ShapeText(samples_.shape) + (samples_.bytes ? " of bytes" : ""),
                "this metric needs " + wanted);
  }

 private:
  std::vector<float> Extract() {
    const FeatureExtractor* network = comparison_.features;
    if (network == nullptr) {
      throw Error(ErrorCode::kUsage, "--feature-net", "is missing",
                  samples_.where + " holds samples, whose features this metric compares");
    }
    const std::vector<int64_t>& shape = Images().shape;
    const Shape from(shape.begin() + 1, shape.end()), to = network->sample_shape();
    if (from == to) return network->Extract(samples_.values, 0);
    // Frames and channels stay; only the two extents between them can be resized.
    const bool resizable = from.size() == to.size() && from.back() == to.back() &&
                           std::equal(from.begin(), from.end() - 3, to.begin());
    if (!resizable || !comparison_.resize.has_value()) {
      throw Error(ErrorCode::kInput, samples_.where, "holds samples of " + ShapeText(from),
                  "the feature network takes " + ShapeText(to) +
                      (resizable ? "; --resize names a filter" : ""));
    }
    return network->Extract(ResizeImages(samples_.values, samples_.image(), to[to.size() - 3],
                                         to[to.size() - 2], *comparison_.resize),
                            0);
  }

  SampleSet samples_;
  const FileComparison& comparison_;
  bool normalized_ = false;
  std::vector<float> features_;
  ClipMotion motion_;
};

// What a metric may look at.
class Measurer {
 public:
  explicit Measurer(FileComparison comparison)
      : comparison_(std::move(comparison)), samples_(std::move(comparison_.samples), comparison_) {
    if (comparison_.reference.has_value())
      reference_.emplace(std::move(*comparison_.reference), comparison_);
  }

  Side& samples() { return samples_; }
  Side& reference() {
    if (!reference_.has_value()) {
      throw Error(ErrorCode::kUsage, "--reference", "names no samples",
                  "this metric needs a folder of PNGs or a file F.npy to compare with");
    }
    return *reference_;
  }
  // The reference, of the same shape as the samples.
  Side& Paired() {
    if (reference().raw().shape != samples_.raw().shape) {
      throw Error(
          ErrorCode::kInput, reference_->raw().where,
          "has the shape " + ShapeText(reference_->raw().shape),
          "pairs need that of " + samples_.raw().where + ", " + ShapeText(samples_.raw().shape));
    }
    return *reference_;
  }

  // Rows of both sides in one space.
  struct Rows {
    const std::vector<float>&samples, &reference;
    int64_t dimension;
  };
  Rows FeatureRows() {
    Side& other = reference();
    const Rows rows{samples_.Features(), other.Features(), samples_.dimension()};
    CheckDimension(other.dimension(), other.raw().where);
    return rows;
  }

  const FrechetReference& Frechet() {
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
  // Arrays do not say which network made them; their owner vouches for them.
  Hash128 FeatureHash() const {
    if (samples_.raw().dimensions() > 2) return comparison_.features->hash();
    return comparison_.statistics.has_value() ? comparison_.statistics->feature_hash : Hash128{};
  }

  const ManifoldMetrics& Manifolds() {
    if (!manifolds_.has_value()) {
      const Rows rows = FeatureRows();
      ManifoldSettings settings;
      settings.seed = comparison_.seed;
      manifolds_ = EstimateManifolds(rows.samples, rows.reference, rows.dimension, settings);
    }
    return *manifolds_;
  }

 private:
  void CheckDimension(int64_t dimension, const std::string& where) const {
    if (dimension == samples_.dimension()) return;
    throw Error(ErrorCode::kInput, where,
                "has features of dimension " + std::to_string(dimension) + ", but " +
                    samples_.raw().where + " has " + std::to_string(samples_.dimension()));
  }

  FileComparison comparison_;
  Side samples_;
  std::optional<Side> reference_;
  std::optional<FrechetReference> frechet_;
  std::optional<ManifoldMetrics> manifolds_;
};

Estimate Frechet(Measurer& all) {
  const FrechetReference& reference = all.Frechet();
  return EstimateFrechet(reference, all.samples().Features(), all.FeatureHash());
}

Estimate FrechetInfinity(Measurer& all) {
  const FrechetReference& reference = all.Frechet();
  return EstimateFrechetInfinity(reference, all.samples().Features(), all.FeatureHash());
}

Estimate SpatialFrechet(Measurer& all) {
  const SampleSet &samples = all.samples().raw(), &reference = all.reference().raw();
  if (samples.dimensions() != 4 || samples.bytes)
    all.samples().Refuse("spatial features (n, height, width, channels) of float32");
  if (reference.dimensions() != 4 || !(reference.image() == samples.image()))
    all.reference().Refuse("spatial features of the samples' shape");
  const ImageShape shape = samples.image();
  const int64_t kept = std::min(kSpatialChannels, shape.channels);
  const int64_t dimension = shape.height * shape.width * kept;
  return EstimateFrechet(FrechetReference(StatisticsOf(
                             FlattenSpatial(reference.values, shape, kept), dimension, Hash128{})),
                         FlattenSpatial(samples.values, shape, kept), Hash128{});
}

Estimate Kernel(Measurer& all) {
  const auto rows = all.FeatureRows();
  return EstimateKernelDistance(rows.samples, rows.reference, rows.dimension);
}

Estimate ClassScore(Measurer& all) {
  if (all.samples().raw().dimensions() != 2) all.samples().Refuse("logits (n, classes)");
  return EstimateInceptionScore(all.samples().Features(), all.samples().raw().shape[1]);
}

Estimate Psnr(Measurer& all) {
  Side& other = all.Paired();
  return EstimatePsnr(MeanSquaredErrors(all.samples().Images().values, other.Images().values,
                                        all.samples().count()));
}

Estimate Sqnr(Measurer& all) {
  Side& other = all.Paired();
  return EstimateSqnr(all.samples().Images().values, other.Images().values, all.samples().count());
}

// One value an image; for clips the mean over frames.
std::vector<double> MeanOfFrames(const std::vector<double>& values, int64_t count) {
  const auto frames = static_cast<int64_t>(values.size()) / count;
  std::vector<double> means(count, 0.0);
  for (size_t i = 0; i < values.size(); ++i) means[i / frames] += values[i];
  for (double& mean : means) mean /= static_cast<double>(frames);
  return means;
}

template <SsimWindow kWindow>
Estimate Ssim(Measurer& all) {
  Side& other = all.Paired();
  const SampleSet& samples = all.samples().Images();
  return EstimateMean(MeanOfFrames(
      StructuralSimilarities(samples.values, other.Images().values, samples.image(), kWindow),
      samples.count()));
}

std::vector<double> Sharpness(Side& side) {
  const SampleSet& samples = side.Images();
  return MeanOfFrames(LaplacianVariances(samples.values, samples.image()), samples.count());
}
std::vector<double> Flicker(Side& side) {
  const SampleSet& clips = side.Clips();
  return FrameDifferences(clips.values, clips.clip());
}
std::vector<double> FlickerVbench(Side& side) {
  std::vector<double> values = Flicker(side);
  for (double& value : values) value = VbenchFlicker(value);
  return values;
}
template <std::vector<double> ClipMotion::*kMember>
std::vector<double> Motion(Side& side) {
  return side.Motion().*kMember;
}

struct Row {
  const char *name, *unit, *needs, *description;
  Estimate (*estimate)(Measurer&);       // of the whole comparison, or
  std::vector<double> (*values)(Side&);  // one a sample
};

const Row kRows[] = {
    {"fd", "1", "features", "squared Frechet distance", Frechet, nullptr},
    {"fd_infinity", "1", "features", "the same, extrapolated to infinitely many samples",
     FrechetInfinity, nullptr},
    {"sfd", "1", "spatial features", "Frechet distance of flattened maps (sFID's form)",
     SpatialFrechet, nullptr},
    {"kid", "1", "features", "kernel distance, cubic, unbiased", Kernel, nullptr},
    {"precision", "1", "features", "k-NN precision, k = 3",
     [](Measurer& all) { return all.Manifolds().precision; }, nullptr},
    {"recall", "1", "features", "k-NN recall, k = 3",
     [](Measurer& all) { return all.Manifolds().recall; }, nullptr},
    {"density", "1", "features", "density, k = 5",
     [](Measurer& all) { return all.Manifolds().density; }, nullptr},
    {"coverage", "1", "features", "coverage, k = 5",
     [](Measurer& all) { return all.Manifolds().coverage; }, nullptr},
    {"class_score", "1", "logits", "inception score of a classifier's logits, 10 splits",
     ClassScore, nullptr},
    {"psnr", "dB", "pairs", "peak signal-to-noise ratio, pooled", Psnr, nullptr},
    {"sqnr", "dB", "pairs", "signal-to-quantization-noise ratio, pooled", Sqnr, nullptr},
    {"ssim", "1", "pairs", "structural similarity, 7 x 7 mean", Ssim<SsimWindow::kUniform7>,
     nullptr},
    {"ssim_gaussian", "1", "pairs", "structural similarity, Gaussian window",
     Ssim<SsimWindow::kGaussian11>, nullptr},
    {"sharpness", "1", "images", "variance of the Laplacian", nullptr, Sharpness},
    {"flicker", "1", "clips", "mean absolute difference of successive frames", nullptr, Flicker},
    {"flicker_vbench", "1", "clips", "the same as (255 - grey levels) / 255", nullptr,
     FlickerVbench},
    {"flicker_static", "1", "clips", "flicker where the flow is below .25 pixels", nullptr,
     Motion<&ClipMotion::static_difference>},
    {"flow_score", "pixels", "clips", "mean length of the optical flow", nullptr,
     Motion<&ClipMotion::flow_score>},
    {"flow_change", "pixels", "clips", "mean change of the flow: low is smooth motion", nullptr,
     Motion<&ClipMotion::flow_change>},
    {"warping_error", "1", "clips", "squared difference along the flow, visible pixels", nullptr,
     Motion<&ClipMotion::warping_error>},
};

const Row* FindRow(const std::string& name) {
  for (const Row& row : kRows) {
    if (name == row.name || (row.values != nullptr && name == kDelta + std::string(row.name)))
      return &row;
  }
  return nullptr;
}

Estimate MeasureRow(const Row& row, const std::string& name, Measurer& all) {
  if (row.estimate != nullptr) return row.estimate(all);
  if (name == row.name) return EstimateOfDefined(row.values(all.samples()));
  Side& other = all.Paired();
  return EstimateDefinedDifference(row.values(all.samples()), row.values(other));
}

}  // namespace

std::string FileMetricHelp() {
  std::string text;
  for (const Row& row : kRows) {
    std::string name = row.name;
    name.resize(std::max<size_t>(name.size(), 15), ' ');
    text += "  " + name + " " + row.description + " (" + row.needs + ")\n";
  }
  return text +
         "  delta_NAME      NAME of samples minus NAME of reference, paired (images or clips)\n";
}

std::vector<std::string> ParseFileMetrics(const std::string& list) {
  std::vector<std::string> names;
  std::istringstream stream(list);
  for (std::string name; std::getline(stream, name, ',');) {
    if (FindRow(name) == nullptr) {
      std::string known;
      for (const Row& row : kRows) known += std::string(known.empty() ? "" : ", ") + row.name;
      throw Error(ErrorCode::kUsage, "--metrics", "\"" + name + "\" is unknown",
                  "known are " + known + ", and delta_NAME for measures of single samples");
    }
    names.push_back(name);
  }
  if (names.empty()) throw Error(ErrorCode::kUsage, "--metrics", "is empty", "see --help");
  return names;
}

std::vector<FileMetric> MeasureFiles(FileComparison comparison,
                                     const std::vector<std::string>& names) {
  Measurer all(std::move(comparison));
  std::vector<FileMetric> metrics;
  for (const std::string& name : names) {
    const Row& row = *FindRow(name);
    metrics.push_back({name, row.unit, MeasureRow(row, name, all)});
  }
  return metrics;
}

}  // namespace tmpq
