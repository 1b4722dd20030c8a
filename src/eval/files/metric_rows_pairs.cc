// Metrics of samples and their pairs, the float model's of the same noise.
#include "src/eval/files/metric_rows.h"
#include "src/metrics/psnr.h"
#include "src/metrics/ssim.h"

namespace tmpq {
namespace {

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

using Needs = MetricNeeds;

const MetricRow kRows[] = {
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
};

}  // namespace

std::span<const MetricRow> PairMetricRows() { return kRows; }

}  // namespace tmpq
