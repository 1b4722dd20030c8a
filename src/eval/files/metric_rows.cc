#include "src/eval/files/metric_rows.h"

#include <algorithm>

#include "src/core/error.h"
#include "src/metrics/embedding_similarity.h"
#include "src/metrics/inception_score.h"
#include "src/metrics/kernel_distance.h"
#include "src/metrics/psnr.h"
#include "src/metrics/sharpness.h"
#include "src/metrics/ssim.h"

namespace tmpq {
namespace {

constexpr int64_t kSpatialChannels = 7;  // of sFID

Estimate Frechet(Measurer& all) {
  const FrechetReference& reference = all.Frechet();
  return EstimateFrechet(reference, all.samples().Features(), all.FeatureHash());
}

// Against the partners as a fixed set.
Estimate FrechetToPairs(Measurer& all) {
  const std::vector<float>& partners = all.Paired().Features();
  const Hash128 network = all.FeatureHash();
  return EstimateFrechet(
      FrechetReference(StatisticsOf(partners, all.samples().dimension(), network)),
      all.samples().Features(), network);
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

// Of two candidates on the same noise.
Estimate FrechetDifference(Measurer& a, Measurer& b) {
  const FrechetReference& reference = a.Frechet();
  return EstimateFrechetDifference(reference, a.samples().Features(), b.samples().Features(),
                                   a.FeatureHash());
}

Estimate KernelDifference(Measurer& a, Measurer& b) {
  const auto rows = a.FeatureRows();
  return EstimateKernelDistanceDifference(rows.samples, b.samples().Features(), rows.reference,
                                          rows.dimension);
}

std::vector<double> SquaredErrors(Measurer& all) {
  ComparedSamples& other = all.Paired();
  return MeanSquaredErrors(all.samples().Images().values, other.Images().values,
                           all.samples().count());
}

Estimate Psnr(Measurer& all) { return EstimatePsnr(SquaredErrors(all)); }

// The signal of both is the same reference's, so SQNR has PSNR's difference.
Estimate ErrorDifference(Measurer& a, Measurer& b) {
  return EstimatePsnrDifference(SquaredErrors(a), SquaredErrors(b));
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
std::vector<double> Ssim(Measurer& all) {
  ComparedSamples& other = all.Paired();
  const SampleSet& samples = all.samples().Images();
  return MeanOfFrames(
      StructuralSimilarities(samples.values, other.Images().values, samples.image(), kWindow),
      samples.count());
}

std::vector<double> MapDistances(Measurer& all) {
  ComparedSamples& other = all.Paired();
  const FeatureMapNet& net = all.maps();
  const int threads = all.threads();
  return net.Distances(all.samples().Images().values, other.Images().values,
                       all.samples().Images().sample_shape(), threads);
}

std::vector<double> TextSimilarity(Measurer& all) {
  const AlignmentEncoder& encoder = all.encoder();
  const SampleSet& samples = all.samples().Images();
  return encoder.Similarities(samples.values, samples.sample_shape(), all.texts(), all.threads());
}

// CLIP's names belong to CLIP.
const AlignmentEncoder& Clip(Measurer& all) {
  const AlignmentEncoder& encoder = all.encoder();
  if (!encoder.is_clip()) {
    throw Error(ErrorCode::kUsage, "--text-encoder " + encoder.name(), "is not CLIP",
                "this metric is CLIP's; text_similarity is any encoder's cosine");
  }
  return encoder;
}

std::vector<double> ClipSimilarity(Measurer& all) {
  Clip(all);
  if (all.samples().raw().dimensions() != 4) all.samples().Refuse("images; clipsim is of clips");
  return TextSimilarity(all);
}

std::vector<double> ClipScore(Measurer& all) {
  std::vector<double> values = ClipSimilarity(all);
  for (double& value : values) value = ClipScoreOfCosine(value);
  return values;
}

std::vector<double> ClipSim(Measurer& all) {
  Clip(all);
  all.samples().Clips();
  return TextSimilarity(all);
}

std::vector<double> ClipTemp(Measurer& all) {
  const AlignmentEncoder& encoder = Clip(all);
  const SampleSet& clips = all.samples().Clips();
  return SuccessiveFrameSimilarities(
      encoder.FrameEmbeddings(clips.values, clips.sample_shape(), all.threads()), clips.shape[1],
      encoder.dimension());
}

std::vector<double> FrameConsistency(Measurer& all) {
  const FeatureExtractor& network = all.frame_features();
  const SampleSet& clips = all.samples().Clips();
  const ImageShape frame = clips.image();
  return FrameConsistencies(
      network.Extract(clips.values, {frame.height, frame.width, frame.channels}, all.threads()),
      clips.shape[1], network.dimension());
}

std::vector<double> TextAlignment(Measurer& all) {
  const SampleSet& samples = all.samples().Images();
  const CaptionedWorld& judge = all.judge();
  std::vector<double> shares;
  const auto elements = static_cast<size_t>(judge.elements());
  for (int64_t i = 0; i < samples.count(); ++i) {
    shares.push_back(judge.Alignment(all.texts()[i % all.texts().size()],
                                     std::span(samples.values).subspan(i * elements, elements)));
  }
  return shares;
}

std::vector<NamedValues> CaptionAccuracy(Measurer& all) {
  return JudgeColumns(all.judge(), all.texts(), all.samples().Images().values);
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

using Needs = MetricNeeds;

const MetricRow kRows[] = {
    {"fd",
     "1",
     Needs::kFeatures,
     "squared Frechet distance",
     {.whole = Frechet, .difference = FrechetDifference}},
    {"fd_infinity",
     "1",
     Needs::kFeatures,
     "the same, extrapolated to infinitely many samples",
     {.whole = FrechetInfinity}},
    {"fd_float",
     "1",
     Needs::kPairedFeatures,
     "squared Frechet distance to the samples' pairs, the float model's (FVD-FP16 of clips)",
     {.whole = FrechetToPairs}},
    {"sfd",
     "1",
     Needs::kSpatialFeatures,
     "Frechet distance of flattened maps (sFID's form)",
     {.whole = SpatialFrechet}},
    {"kid",
     "1",
     Needs::kFeatures,
     "kernel distance, cubic, unbiased",
     {.whole = Kernel, .difference = KernelDifference}},
    {"precision",
     "1",
     Needs::kFeatures,
     "k-NN precision, k = 3",
     {.whole = [](Measurer& all) { return all.Manifolds().precision; }}},
    {"recall",
     "1",
     Needs::kFeatures,
     "k-NN recall, k = 3",
     {.whole = [](Measurer& all) { return all.Manifolds().recall; }}},
    {"density",
     "1",
     Needs::kFeatures,
     "density, k = 5",
     {.whole = [](Measurer& all) { return all.Manifolds().density; }}},
    {"coverage",
     "1",
     Needs::kFeatures,
     "coverage, k = 5",
     {.whole = [](Measurer& all) { return all.Manifolds().coverage; }}},
    {"class_score",
     "1",
     Needs::kLogits,
     "inception score of a classifier's logits, 10 splits",
     {.whole = ClassScore}},
    {"psnr",
     "dB",
     Needs::kPairs,
     "peak signal-to-noise ratio, pooled",
     {.whole = Psnr, .difference = ErrorDifference}},
    {"sqnr",
     "dB",
     Needs::kPairs,
     "signal-to-quantization-noise ratio, pooled",
     {.whole = Sqnr, .difference = ErrorDifference}},
    {"ssim",
     "1",
     Needs::kPairs,
     "structural similarity, 7 x 7 mean",
     {.one_a_pair = Ssim<SsimWindow::kUniform7>}},
    {"ssim_gaussian",
     "1",
     Needs::kPairs,
     "structural similarity, Gaussian window",
     {.one_a_pair = Ssim<SsimWindow::kGaussian11>}},
    {"feature_map_distance",
     "1",
     Needs::kFeatureMaps,
     "distance of the feature network's maps, in LPIPS's form",
     {.one_a_pair = MapDistances}},
    {"text_similarity",
     "1",
     Needs::kEncoder,
     "cosine of sample and text, mean over frames",
     {.one_a_pair = TextSimilarity}},
    {"clip_similarity",
     "1",
     Needs::kEncoder,
     "the same of images by CLIP",
     {.one_a_pair = ClipSimilarity}},
    {"clip_score", "1", Needs::kEncoder, "2.5 max(cosine, 0) by CLIP", {.one_a_pair = ClipScore}},
    {"clipsim", "1", Needs::kEncoder, "text_similarity of clips by CLIP", {.one_a_pair = ClipSim}},
    {"clip_temp",
     "1",
     Needs::kEncoder,
     "cosine of successive frames by CLIP",
     {.one_a_pair = ClipTemp}},
    {"text_alignment",
     "1",
     Needs::kJudge,
     "share of the text's attributes that a sample shows",
     {.one_a_pair = TextAlignment}},
    {"caption_accuracy",
     "1",
     Needs::kJudge,
     "the same by attribute, and all at once",
     {.several = CaptionAccuracy}},
    {"sharpness", "1", Needs::kImages, "variance of the Laplacian", {.one_a_sample = Sharpness}},
    {"flicker",
     "1",
     Needs::kClips,
     "mean absolute difference of successive frames",
     {.one_a_sample = Flicker}},
    {"flicker_vbench",
     "1",
     Needs::kClips,
     "the same as (255 - grey levels) / 255",
     {.one_a_sample = FlickerVbench}},
    {"flicker_static",
     "1",
     Needs::kClips,
     "flicker where the flow is below .25 pixels",
     {.one_a_sample = Motion<&ClipMotion::static_difference>}},
    {"flow_score",
     "pixels",
     Needs::kClips,
     "mean length of the optical flow",
     {.one_a_sample = Motion<&ClipMotion::flow_score>}},
    {"flow_change",
     "pixels",
     Needs::kClips,
     "mean change of the flow: low is smooth motion",
     {.one_a_sample = Motion<&ClipMotion::flow_change>}},
    {"warping_error",
     "1",
     Needs::kClips,
     "squared difference along the flow, visible pixels",
     {.one_a_sample = Motion<&ClipMotion::warping_error>}},
    {"frame_consistency",
     "1",
     Needs::kFrameFeatures,
     "cosine of frames' features to the first and to the previous frame",
     {.one_a_pair = FrameConsistency}},
};

}  // namespace

std::span<const MetricRow> MetricRows() { return kRows; }

}  // namespace tmpq
