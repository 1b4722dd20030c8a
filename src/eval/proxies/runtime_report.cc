// What the report measures of candidates: everything, with intervals.
#include <algorithm>
#include <cmath>

#include "src/eval/proxies/runtime_evaluator.h"
#include "src/metrics/optical_flow.h"
#include "src/metrics/psnr.h"
#include "src/metrics/temporal.h"

namespace tmpq {

const RuntimeEvaluator::Reported& RuntimeEvaluator::Report(const Candidate& candidate) {
  Reported& reported = reported_[candidate.bytes()];
  if (reported.samples.empty()) {
    std::vector<float> samples =
        Sample(candidate, RandomPurpose::kReportNoise, settings_.report_samples);
    reported.features = features_.Extract(samples, sampler_.sample_shape(), settings_.threads);
    reported.values = ValuesOf(samples);
    reported.samples = std::move(samples);
  }
  return reported;
}

Measurements RuntimeEvaluator::MeasureReport(const Candidate& candidate) {
  Measurements result;
  const int64_t count = settings_.report_samples, converged_count = settings_.converged_samples;
  const Reported& own = Report(candidate);
  SetEstimate(result, kDistance, EstimateFrechet(statistics_, own.features, features_.hash()));
  const std::vector<double> errors =
      MeanSquaredErrors(own.samples, Report(reference_).samples, count);
  SetEstimate(result, kPsnrToFloat, EstimatePsnr(errors));
  const std::span<const float> converged = Converged(RandomPurpose::kReportNoise, converged_count);
  const std::span<const float> first(own.samples.data(), converged.size());
  SetEstimate(result, kPsnrToConverged,
              EstimatePsnr(MeanSquaredErrors(first, converged, converged_count)));
  const auto compare = [&](const char* name, const Candidate& other) {
    if (candidate == other) return;
    SetEstimate(result, name,
                EstimateFrechetDifference(statistics_, own.features, Report(other).features,
                                          features_.hash()));
  };
  compare(kDistanceMinusNaive, naive_), compare(kDistanceMinusFloat, reference_);
  for (const auto& [name, values] : own.values) SetEstimate(result, name, EstimateMean(values));
  if (settings_.encoder != nullptr) {
    SetEstimate(result, kTextSimilarityToFloat,
                EstimatePairedDifference(own.values.at(kTextSimilarity),
                                         Report(reference_).values.at(kTextSimilarity)));
  }
  MeasureClips(own.samples, Report(reference_).samples, result);
  if (!(candidate == naive_) && !(candidate == reference_)) reported_.erase(candidate.bytes());
  return result;
}

void RuntimeEvaluator::MeasureClips(const std::vector<float>& own,
                                    const std::vector<float>& reference,
                                    Measurements& result) const {
  const Shape& shape = sampler_.sample_shape();
  if (shape.size() != 4 || shape[0] < 2) return;
  const ClipShape clip{shape[0], {shape[1], shape[2], shape[3]}};
  SetEstimate(
      result, kFrameDifferenceToFloat,
      EstimatePairedDifference(FrameDifferences(own, clip), FrameDifferences(reference, clip)));
  if (std::min(shape[1], shape[2]) < kSmallestFlowSide) return;
  // Flow is dear: of as many clips as are compared with the converged ones.
  const auto size = static_cast<size_t>(settings_.converged_samples * clip.elements());
  const ClipMotion motion = MeasureMotion(std::span(own).first(size), clip),
                   exact = MeasureMotion(std::span(reference).first(size), clip);
  SetEstimate(result, kFlowScoreToFloat,
              EstimatePairedDifference(motion.flow_score, exact.flow_score));
  const auto defined = std::count_if(motion.warping_error.begin(), motion.warping_error.end(),
                                     [](double value) { return !std::isnan(value); });
  if (defined > 1) SetEstimate(result, kWarpingError, EstimateOfDefined(motion.warping_error));
}

}  // namespace tmpq
