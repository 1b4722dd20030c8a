// Metrics of all samples at once, most of them to a distribution.
#include <algorithm>

#include "src/eval/files/metric_rows.h"
#include "src/metrics/inception_score.h"
#include "src/metrics/kernel_distance.h"

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
};

}  // namespace

std::span<const MetricRow> DistributionMetricRows() { return kRows; }

}  // namespace tmpq
