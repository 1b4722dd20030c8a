// Metrics of what samples show by themselves: sharpness, flicker, motion.
#include "src/eval/files/metric_rows.h"
#include "src/metrics/embedding_similarity.h"
#include "src/metrics/sharpness.h"

namespace tmpq {
namespace {

std::vector<double> FrameConsistency(Measurer& all) {
  const SampleSet& clips = all.samples().Clips();
  const FeatureExtractor& network = all.frame_features();
  const ImageShape frame = clips.image();
  return FrameConsistencies(
      network.Extract(clips.values, {frame.height, frame.width, frame.channels}, all.threads()),
      clips.shape[1], network.dimension());
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

std::span<const MetricRow> SampleMetricRows() { return kRows; }

}  // namespace tmpq
