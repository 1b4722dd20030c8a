#include "src/eval/proxies/runtime_evaluator.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "src/core/error.h"
#include "src/eval/models/pipeline_model.h"
#include "src/eval/proxies/losses.h"
#include "src/eval/proxies/noise_blocks.h"
#include "src/metrics/psnr.h"
#include "src/metrics/temporal.h"

namespace tmpq {
namespace {

// kTemporalConsistency of each of the clips (n, shape).
std::vector<double> ConsistenciesOf(std::span<const float> clips, const Shape& shape) {
  std::vector<double> values = FrameDifferences(clips, {shape[0], {shape[1], shape[2], shape[3]}});
  for (double& value : values) value = VbenchFlicker(value);
  return values;
}

}  // namespace

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
                                       std::span<const float> samples, const Shape& shape,
                                       int64_t first) {
  if (settings.encoder == nullptr) return {};
  const Pictures pictures =
      DecodeSamples(settings.pipeline, {samples.begin(), samples.end()}, shape, settings.threads);
  std::vector<std::string> texts = settings.prompts.texts;
  std::rotate(texts.begin(), texts.begin() + first % std::ssize(texts), texts.end());
  return settings.encoder->Similarities(pictures.values, pictures.shape, texts, settings.threads);
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

std::span<const float> RuntimeEvaluator::Converged(RandomPurpose purpose, int64_t count) {
  std::vector<float>& samples = converged_[purpose];
  const auto size = static_cast<size_t>(count * sampler_.sample_elements());
  if (samples.size() < size) {
    const auto timesteps =
        UniformTimesteps(settings_.trajectory_steps, sampler_.schedule().training_steps());
    samples = SampleRun(sampler_.PrepareFloat(timesteps), purpose, count);
  }
  return std::span(samples).first(size);
}

std::span<const float> RuntimeEvaluator::Exact(RandomPurpose purpose, int64_t count) {
  std::vector<float>& samples = exact_[purpose];
  const auto size = static_cast<size_t>(count * sampler_.sample_elements());
  if (samples.size() < size) samples = Sample(reference_, purpose, count);
  return std::span(samples).first(size);
}

std::map<std::string, std::vector<double>> RuntimeEvaluator::ValuesOf(
    std::span<const float> samples, int64_t first) const {
  std::map<std::string, std::vector<double>> values;
  if (!settings_.prompts.judge.empty()) {
    values[kTextAlignment] =
        JudgeAlignments(settings_.prompts, samples, sampler_.sample_elements(), first);
  }
  const Shape& shape = sampler_.sample_shape();
  if (settings_.encoder != nullptr) {
    values[kTextSimilarity] = TextSimilaritiesOf(settings_, samples, shape, first);
  }
  if (shape.size() == 4 && shape[0] > 1) {
    values[kTemporalConsistency] = ConsistenciesOf(samples, shape);
  }
  return values;
}

RuntimeEvaluator::SampleLosses RuntimeEvaluator::LossesOf(const std::vector<std::string>& names,
                                                          std::span<const float> samples,
                                                          RandomPurpose purpose, int64_t first,
                                                          int64_t all) {
  const int64_t elements = sampler_.sample_elements();
  const auto count = static_cast<int64_t>(samples.size()) / elements;
  const auto own = [&](std::span<const float> of_all) {
    return of_all.subspan(first * elements, samples.size());
  };
  const Shape& shape = sampler_.sample_shape();
  SampleLosses losses;
  for (const std::string& name : names) {
    if (name == kDistance) {
      losses.features = features_.Extract(samples, shape, settings_.threads);
      continue;
    }
    std::vector<double>& values = losses.values[name];
    if (name == kTrajectoryError) {
      values = MeanSquaredErrors(samples, own(Converged(purpose, all)), count);
    } else if (name == kErrorToFloat) {
      values = MeanSquaredErrors(samples, own(Exact(purpose, all)), count);
    } else if (name == kTemporalConsistencyLoss) {
      values = ConsistenciesOf(samples, shape);
      const std::vector<double> exact = ConsistenciesOf(own(Exact(purpose, all)), shape);
      for (int64_t i = 0; i < count; ++i) values[i] = std::abs(values[i] - exact[i]);
    } else {
      values = name == kTextAlignmentLoss
                   ? JudgeAlignments(settings_.prompts, samples, elements, first)
                   : TextSimilaritiesOf(settings_, samples, shape, first);
      for (double& value : values) value = 1 - value;
    }
  }
  return losses;
}

Measurements RuntimeEvaluator::MeansOf(const SampleLosses& losses) const {
  Measurements means;
  for (const auto& [name, values] : losses.values) means[name] = MeanLoss(name, values);
  if (losses.features.empty()) return means;
  FeatureAccumulator accumulator(features_.dimension(), features_.hash());
  accumulator.Add(losses.features);
  means[kDistance] = statistics_.DistanceTo(accumulator.Finish());
  return means;
}

RuntimeEvaluator::SampleLosses RuntimeEvaluator::TrajectoryLosses(const Candidate& candidate,
                                                                  int64_t first, int64_t count) {
  SampleRequest request = RequestOf(RandomPurpose::kSearchNoise, count);
  request.first = first;
  const std::vector<float> samples = trajectories_.Sample(
      sampler_, candidate, sampler_.Prepare(candidate, &weights_), request, MakeOptions());
  progress_.Advance(count);
  std::vector<std::string> names = settings_.trajectory_losses;
  names.emplace_back(kTrajectoryError);
  return LossesOf(names, samples, RandomPurpose::kSearchNoise, first, settings_.trajectory_samples);
}

Measurements RuntimeEvaluator::MeasureProbe(const Candidate& candidate) {
  SampleLosses losses = TrajectoryLosses(candidate, 0, settings_.probe_samples);
  Measurements means = MeansOf(losses);
  probed_[candidate.hash()] = std::move(losses);
  return means;
}

Measurements RuntimeEvaluator::MeasureTrajectory(const Candidate& candidate) {
  const auto probed = probed_.extract(candidate.hash());
  if (!probed) return MeansOf(TrajectoryLosses(candidate, 0, settings_.trajectory_samples));
  SampleLosses losses = std::move(probed.mapped());
  const SampleLosses rest = TrajectoryLosses(
      candidate, settings_.probe_samples, settings_.trajectory_samples - settings_.probe_samples);
  for (auto& [name, values] : losses.values) {
    values.insert(values.end(), rest.values.at(name).begin(), rest.values.at(name).end());
  }
  losses.features.insert(losses.features.end(), rest.features.begin(), rest.features.end());
  return MeansOf(losses);
}

Measurements RuntimeEvaluator::MeasureSamples(const Candidate& candidate, Fidelity fidelity) {
  const bool selects = fidelity == Fidelity::kSelection;
  const RandomPurpose purpose =
      selects ? RandomPurpose::kSelectionNoise : RandomPurpose::kSearchNoise;
  const int64_t count = SamplesOf(settings_, fidelity);
  std::vector<std::string> names = selects ? settings_.selection_losses : settings_.metric_losses;
  names.emplace_back(kDistance);
  const SampleLosses losses = LossesOf(names, Sample(candidate, purpose, count), purpose, 0, count);
  Measurements result = MeansOf(losses);
  if (!selects) return result;
  for (const auto& [name, values] : losses.values) SetBlocks(result, name, values);
  std::vector<double> influences(count, 0.0);
  if (std::isfinite(result.at(kDistance))) {
    influences = statistics_.Influences(
        StatisticsOf(losses.features, features_.dimension(), features_.hash()), losses.features);
  }
  SetBlocks(result, kDistance, influences);
  return result;
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
      case Fidelity::kSelection:
        results.push_back(MeasureSamples(candidate, fidelity));
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
