#include "src/eval/proxies/runtime_evaluator.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "src/core/error.h"
#include "src/eval/models/pipeline_model.h"
#include "src/metrics/optical_flow.h"
#include "src/metrics/psnr.h"
#include "src/metrics/temporal.h"

namespace tmpq {

void SetEstimate(Measurements& measurements, const std::string& name, const Estimate& estimate) {
  measurements[name] = estimate.value;
  measurements[name + ".low"] = estimate.low;
  measurements[name + ".high"] = estimate.high;
  measurements[name + ".n"] = static_cast<double>(estimate.n);
}

bool HasEstimate(const Measurements& measurements, const std::string& name) {
  return measurements.count(name + ".n") > 0;
}

Estimate GetEstimate(const Measurements& measurements, const std::string& name) {
  const auto member = [&](const char* suffix) {
    const auto found = measurements.find(name + suffix);
    if (found == measurements.end()) {
      throw Error(ErrorCode::kInput, "measurements", "hold no \"" + name + suffix + "\"");
    }
    return found->second;
  };
  return {member(""), member(".low"), member(".high"), static_cast<int64_t>(member(".n"))};
}

int64_t SamplesOf(const EvaluatorSettings& settings, Fidelity fidelity) {
  switch (fidelity) {
    case Fidelity::kProbe:
      return settings.probe_samples;
    case Fidelity::kTrajectory:
      return settings.trajectory_samples;
    case Fidelity::kMetrics:
      return settings.metric_samples;
    case Fidelity::kSelection:
      return settings.selection_samples;
    case Fidelity::kReport:
      return settings.report_samples;
    default:
      return 0;
  }
}

std::vector<double> TextSimilaritiesOf(const EvaluatorSettings& settings,
                                       const std::vector<float>& samples, const Shape& shape) {
  if (settings.encoder == nullptr) return {};
  const Pictures pictures = DecodeSamples(settings.pipeline, samples, shape, settings.threads);
  return settings.encoder->Similarities(pictures.values, pictures.shape, settings.prompts.texts,
                                        settings.threads);
}

RuntimeEvaluator::RuntimeEvaluator(const DiffusionSampler& sampler, const QuantTable& weights,
                                   const FeatureExtractor& features,
                                   const FrechetReference& reference_statistics,
                                   Candidate reference, Candidate naive,
                                   const EvaluatorSettings& settings, ImageProgress& progress)
    : sampler_(sampler),
      weights_(weights),
      features_(features),
      statistics_(reference_statistics),
      reference_(std::move(reference)),
      naive_(std::move(naive)),
      settings_(settings),
      progress_(progress),
      trajectories_(settings.trajectory_cache_bytes) {
  features.CheckShape(sampler.sample_shape());
}

SampleRequest RuntimeEvaluator::RequestOf(RandomPurpose purpose, int64_t count) const {
  return {settings_.seed, purpose, 0, count, settings_.prompts.conditions};
}

SamplerOptions RuntimeEvaluator::MakeOptions() {
  SamplerOptions options;
  options.batch = settings_.batch;
  options.threads = settings_.threads;
  options.interrupted = settings_.interrupted;
  options.progress = &progress_;
  if (settings_.network_calls) options.network_call = settings_.network_calls();
  return options;
}

std::vector<float> RuntimeEvaluator::SampleRun(const SamplingRun& run, RandomPurpose purpose,
                                               int64_t count) {
  std::vector<float> samples = sampler_.Sample(run, RequestOf(purpose, count), MakeOptions());
  progress_.Advance(count);
  return samples;
}

std::vector<float> RuntimeEvaluator::Sample(const Candidate& candidate, RandomPurpose purpose,
                                            int64_t count) {
  return SampleRun(sampler_.Prepare(candidate, &weights_), purpose, count);
}

const std::vector<float>& RuntimeEvaluator::Converged(RandomPurpose purpose, int64_t count) {
  std::vector<float>& samples = converged_[purpose];
  if (samples.empty()) {
    const auto timesteps =
        UniformTimesteps(settings_.trajectory_steps, sampler_.schedule().training_steps());
    samples = SampleRun(sampler_.PrepareFloat(timesteps), purpose, count);
  }
  return samples;
}

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

double RuntimeEvaluator::DistanceOf(const std::vector<float>& samples) {
  FeatureAccumulator accumulator(features_.dimension(), features_.hash());
  accumulator.Add(features_.Extract(samples, sampler_.sample_shape(), settings_.threads));
  return statistics_.DistanceTo(accumulator.Finish());
}

std::vector<double> RuntimeEvaluator::ErrorsOf(const Candidate& candidate, int64_t first,
                                               int64_t count) {
  const std::vector<float>& converged =
      Converged(RandomPurpose::kSearchNoise, settings_.trajectory_samples);
  SampleRequest request = RequestOf(RandomPurpose::kSearchNoise, count);
  request.first = first;
  const std::vector<float> samples = trajectories_.Sample(
      sampler_, candidate, sampler_.Prepare(candidate, &weights_), request, MakeOptions());
  progress_.Advance(count);
  const auto begin = static_cast<size_t>(first * sampler_.sample_elements());
  return MeanSquaredErrors(samples, std::span(converged).subspan(begin, samples.size()), count);
}

Measurements RuntimeEvaluator::MeasureProbe(const Candidate& candidate) {
  std::vector<double> errors = ErrorsOf(candidate, 0, settings_.probe_samples);
  const double mean = Mean(errors);
  probed_[candidate.hash()] = std::move(errors);
  return {{kTrajectoryError, mean}};
}

Measurements RuntimeEvaluator::MeasureTrajectory(const Candidate& candidate) {
  std::vector<double> errors;
  if (auto probed = probed_.extract(candidate.hash())) errors = std::move(probed.mapped());
  const auto first = static_cast<int64_t>(errors.size());
  const std::vector<double> rest = ErrorsOf(candidate, first, settings_.trajectory_samples - first);
  errors.insert(errors.end(), rest.begin(), rest.end());
  return {{kTrajectoryError, Mean(errors)}};
}

Measurements RuntimeEvaluator::MeasureSelection(const Candidate& candidate) {
  const int64_t count = settings_.selection_samples;
  const std::vector<float> samples = Sample(candidate, RandomPurpose::kSelectionNoise, count);
  Measurements result = {{kDistance, DistanceOf(samples)}};
  if (settings_.selection_errors) {
    result[kTrajectoryError] =
        Mean(MeanSquaredErrors(samples, Converged(RandomPurpose::kSelectionNoise, count), count));
  }
  return result;
}

Measurements RuntimeEvaluator::MeasureReport(const Candidate& candidate) {
  Measurements result;
  const int64_t count = settings_.report_samples, converged_count = settings_.converged_samples;
  const Reported& own = Report(candidate);
  SetEstimate(result, kDistance, EstimateFrechet(statistics_, own.features, features_.hash()));
  const std::vector<double> errors =
      MeanSquaredErrors(own.samples, Report(reference_).samples, count);
  SetEstimate(result, kPsnrToFloat, EstimatePsnr(errors));
  const std::vector<float>& converged = Converged(RandomPurpose::kReportNoise, converged_count);
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

std::map<std::string, std::vector<double>> RuntimeEvaluator::ValuesOf(
    const std::vector<float>& samples) const {
  std::map<std::string, std::vector<double>> values;
  if (!settings_.prompts.judge.empty()) {
    values[kTextAlignment] =
        JudgeAlignments(settings_.prompts, samples, sampler_.sample_elements());
  }
  const Shape& shape = sampler_.sample_shape();
  if (settings_.encoder != nullptr) {
    values[kTextSimilarity] = TextSimilaritiesOf(settings_, samples, shape);
  }
  if (shape.size() == 4 && shape[0] > 1) {
    std::vector<double>& consistency = values[kTemporalConsistency];
    consistency = FrameDifferences(samples, {shape[0], {shape[1], shape[2], shape[3]}});
    for (double& value : consistency) value = VbenchFlicker(value);
  }
  return values;
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

std::vector<Measurements> RuntimeEvaluator::Evaluate(std::span<const Candidate> candidates,
                                                     Fidelity fidelity) {
  std::vector<Measurements> results;
  for (const Candidate& candidate : candidates) {
    switch (fidelity) {
      case Fidelity::kProbe:
        results.push_back(MeasureProbe(candidate));
        break;
      case Fidelity::kTrajectory:
        results.push_back(MeasureTrajectory(candidate));
        break;
      case Fidelity::kMetrics:
        results.push_back({{kDistance, DistanceOf(Sample(candidate, RandomPurpose::kSearchNoise,
                                                         settings_.metric_samples))}});
        break;
      case Fidelity::kSelection:
        results.push_back(MeasureSelection(candidate));
        break;
      case Fidelity::kReport:
        results.push_back(MeasureReport(candidate));
        break;
      default:
        TMPQ_CHECK(false, "the runtime does not predict");
    }
  }
  return results;
}

}  // namespace tmpq
