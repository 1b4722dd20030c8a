#include "src/eval/files/file_metrics.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "src/core/error.h"
#include "src/metrics/inception_score.h"
#include "src/metrics/kernel_distance.h"
#include "src/metrics/psnr.h"
#include "src/metrics/sharpness.h"
#include "src/metrics/ssim.h"

namespace tmpq {
namespace {

constexpr const char* kDelta = "delta_";
constexpr int64_t kSpatialChannels = 7;  // of sFID

Estimate Frechet(Measurer& all) {
  const FrechetReference& reference = all.Frechet();
  return EstimateFrechet(reference, all.samples().Features(), all.FeatureHash());
}

Estimate FrechetInfinity(Measurer& all) {
  const FrechetReference& reference = all.Frechet();
  return EstimateFrechetInfinity(reference, all.samples().Features(), all.FeatureHash());
}

// An array's own maps, or those that a network makes of images.
struct SpatialMaps {
  ImageShape shape;
  std::vector<float> values;
};

SpatialMaps MapsOf(ComparedSamples& side, const FeatureExtractor* network) {
  if (network != nullptr) {
    const Shape& shape = network->feature_shape();
    return {{shape[0], shape[1], shape[2]}, side.Extract(network)};
  }
  const SampleSet& raw = side.raw();
  if (raw.dimensions() != 4 || raw.bytes)
    side.Refuse("spatial features (n, height, width, channels) of float32, or a --feature-net");
  return {raw.image(), raw.values};
}

Estimate SpatialFrechet(Measurer& all) {
  const SpatialMaps samples = MapsOf(all.samples(), all.spatial()),
                    reference = MapsOf(all.reference(), all.spatial());
  if (!(reference.shape == samples.shape))
    all.reference().Refuse("spatial features of the samples' shape");
  const ImageShape shape = samples.shape;
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
  ComparedSamples& side = all.samples();
  if (side.raw().dimensions() == 2)
    return EstimateInceptionScore(side.Features(), side.raw().shape[1]);
  const std::vector<float> logits = side.Extract(all.logits());
  return EstimateInceptionScore(logits, all.logits()->dimension());
}

Estimate Psnr(Measurer& all) {
  ComparedSamples& other = all.Paired();
  return EstimatePsnr(MeanSquaredErrors(all.samples().Images().values, other.Images().values,
                                        all.samples().count()));
}

Estimate Sqnr(Measurer& all) {
  ComparedSamples& other = all.Paired();
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
  ComparedSamples& other = all.Paired();
  const SampleSet& samples = all.samples().Images();
  return EstimateMean(MeanOfFrames(
      StructuralSimilarities(samples.values, other.Images().values, samples.image(), kWindow),
      samples.count()));
}

std::vector<double> Sharpness(ComparedSamples& side) {
  const SampleSet& samples = side.Images();
  return MeanOfFrames(LaplacianVariances(samples.values, samples.image()), samples.count());
}
std::vector<double> Flicker(ComparedSamples& side) {
  const SampleSet& clips = side.Clips();
  return FrameDifferences(clips.values, clips.clip());
}
std::vector<double> FlickerVbench(ComparedSamples& side) {
  std::vector<double> values = Flicker(side);
  for (double& value : values) value = VbenchFlicker(value);
  return values;
}
template <std::vector<double> ClipMotion::*kMember>
std::vector<double> Motion(ComparedSamples& side) {
  return side.Motion().*kMember;
}

struct Row {
  const char *name, *unit, *needs, *description;
  Estimate (*estimate)(Measurer&);                  // of the whole comparison, or
  std::vector<double> (*values)(ComparedSamples&);  // one a sample
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

// What results are called where InceptionV3 made the features.
std::string NameOfResult(const std::string& name, const Measurer& all) {
  constexpr std::pair<const char*, const char*> kNames[] = {{"fd", "fid"},
                                                            {"fd_infinity", "fid_infinity"},
                                                            {"sfd", "sfid"},
                                                            {"class_score", "inception_score"}};
  for (const auto& [ours, published] : kNames) {
    if (name == ours && all.inception()) return published;
  }
  return name;
}

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
  ComparedSamples& other = all.Paired();
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
    metrics.push_back({NameOfResult(name, all), row.unit, MeasureRow(row, name, all)});
  }
  return metrics;
}

}  // namespace tmpq
