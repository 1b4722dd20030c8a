#include "src/eval/sensitivity/site_prober.h"

#include <cmath>

#include "src/core/error.h"
#include "src/metrics/psnr.h"

namespace tmpq {

std::string MeasurementName(int range, const std::string& metric) {
  return range == SensitivityRow::kAllRanges ? metric : "r" + std::to_string(range) + "." + metric;
}

void SetChange(Measurements& measurements, const std::string& name, const MeanChange& change) {
  measurements[name] = change.value;
  measurements[name + ".se"] = change.standard_error;
}

MeanChange GetChange(const Measurements& measurements, const std::string& name) {
  const auto value = measurements.find(name), error = measurements.find(name + ".se");
  if (value == measurements.end() || error == measurements.end()) {
    throw Error(ErrorCode::kInput, "journal", "holds no \"" + name + "\"");
  }
  return {value->second, error->second};
}

SiteProber::SiteProber(const SearchBench& bench, ProbeMetrics& metrics, ProberSettings settings)
    : bench_(bench), metrics_(metrics), settings_(std::move(settings)) {
  ranges_.assign(settings_.range_begins.size(), {steps(), 0});
  for (int k = 0; k < steps(); ++k) {
    Range& range = ranges_[RangeOfTimestep(settings_.range_begins, settings_.base.timesteps()[k])];
    range.first = std::min(range.first, k);
    range.end = k + 1;
  }
  for (const Range& range : ranges_) {
    if (range.end > 0) continue;
    throw Error(ErrorCode::kUsage, "ranges", "are so many that one has no step",
                "fewer ranges, or more steps");
  }
}

int64_t SiteProber::CallsOfProbe(bool reuse) const {
  int64_t calls = 2 * steps();  // the whole, and every next step
  if (ranges_.size() > 1) {
    for (const Range& range : ranges_) calls += steps() - (reuse ? range.first : 0);
    if (reuse) calls -= ranges_.back().end;
  }
  return calls * settings_.samples * bench_.sampler().calls_per_step();
}

std::vector<float> SiteProber::Draw(const SamplingRun& run, int first, int end,
                                    const SamplerState* start,
                                    std::map<int, SamplerState>* states) {
  const EvaluatorSettings& settings = bench_.evaluator_settings();
  SamplerOptions options;
  options.batch = settings.batch, options.threads = settings.threads;
  options.interrupted = settings.interrupted;
  options.first_call = start != nullptr ? first : 0, options.end_call = end;
  options.start = start, options.states = states;
  if (settings.network_calls) options.network_call = settings.network_calls();
  calls_ += (end - options.first_call) * settings_.samples * bench_.sampler().calls_per_step();
  return bench_.sampler().Sample(run,
                                 {settings.seed, RandomPurpose::kSearchNoise, 0, settings_.samples,
                                  settings.prompts.conditions},
                                 options);
}

void SiteProber::Prepare() {
  if (!float_states_.empty()) return;
  for (int k = 0; k <= steps(); ++k) float_states_[k];
  const DiffusionSampler& sampler = bench_.sampler();
  metrics_.SetReference(
      Draw(sampler.PrepareFloat(settings_.base.timesteps()), 0, steps(), nullptr, &float_states_));
  for (const Range& range : ranges_) base_states_[range.first];
  const SamplingRun base = sampler.Prepare(settings_.base, &bench_.weights());
  base_values_ = metrics_.Of(Draw(base, 0, steps(), nullptr, &base_states_));
  base_next_ = NextStepErrors(base);
}

std::vector<std::vector<double>> SiteProber::NextStepErrors(const SamplingRun& run) {
  std::vector<std::vector<double>> errors;
  for (int k = 0; k < steps(); ++k) {
    const std::vector<float> next = Draw(run, k, k + 1, &float_states_.at(k));
    errors.push_back(MeanSquaredErrors(next, float_states_.at(k + 1).samples, settings_.samples));
  }
  return errors;
}

std::vector<double> SiteProber::MeanOverSteps(const std::vector<std::vector<double>>& errors,
                                              Range range) const {
  std::vector<double> means(settings_.samples, 0);
  for (int k = range.first; k < range.end; ++k) {
    for (size_t i = 0; i < means.size(); ++i) means[i] += errors[k][i] / (range.end - range.first);
  }
  return means;
}

std::vector<std::vector<float>> SiteProber::SamplesOf(const Candidate& candidate) {
  const DiffusionSampler& sampler = bench_.sampler();
  const SamplingRun whole_run = sampler.Prepare(candidate, &bench_.weights());
  std::vector<std::vector<float>> samples;
  if (ranges_.size() == 1) return {Draw(whole_run, 0, steps(), nullptr)};
  // The noisiest range comes last here and first in time: the whole goes on from its end.
  std::map<int, SamplerState> after_noisiest = {{ranges_.back().end, {}}};
  for (size_t r = 0; r < ranges_.size(); ++r) {
    const Range& range = ranges_[r];
    std::vector<Policy> policies(steps(), settings_.base.policy(0));
    for (int k = range.first; k < range.end; ++k) policies[k] = candidate.policy(0);
    const SamplingRun run =
        sampler.Prepare(Candidate::Make(candidate.timesteps(), policies), &bench_.weights());
    samples.push_back(Draw(run, range.first, steps(),
                           settings_.reuse ? &base_states_.at(range.first) : nullptr,
                           r + 1 == ranges_.size() ? &after_noisiest : nullptr));
  }
  const auto& [step, state] = *after_noisiest.begin();
  samples.push_back(Draw(whole_run, step, steps(), settings_.reuse ? &state : nullptr));
  return samples;
}

void SiteProber::AddChange(int range, const std::string& metric, const std::vector<double>& values,
                           const std::vector<double>& base, Measurements& measured) const {
  std::vector<double> changes;
  for (size_t i = 0; i < values.size(); ++i) changes.push_back(values[i] - base[i]);
  SetChange(measured, MeasurementName(range, metric),
            {EstimateMean(changes).value, StandardErrorOfMean(changes)});
}

void SiteProber::AddChanges(const std::vector<float>& samples, int range,
                            Measurements& measured) const {
  const Values values = metrics_.Of(samples);
  for (const auto& [metric, own] : values) {
    AddChange(range, metric, own, base_values_.at(metric), measured);
  }
  if (!metrics_.Has(kPsnr)) return;
  const Estimate change =
      EstimatePsnrDifference(values.at(kSquaredError), base_values_.at(kSquaredError));
  SetChange(measured, MeasurementName(range, kPsnr),
            {change.value, (change.high - change.low) / 2 / StudentT975(change.n - 1)});
}

Measurements SiteProber::MeasureBase() {
  Measurements measured;
  const std::vector<double> zero(settings_.samples, 0);
  for (const auto& [metric, own] : base_values_) {
    AddChange(SensitivityRow::kAllRanges, metric, own, zero, measured);
  }
  AddChange(SensitivityRow::kAllRanges, kNextStepError, MeanOverSteps(base_next_, whole()), zero,
            measured);
  if (metrics_.Has(kPsnr)) {
    const Estimate psnr = EstimatePsnr(base_values_.at(kSquaredError));
    SetChange(measured, kPsnr,
              {psnr.value, (psnr.value - psnr.low) / StudentT975(settings_.samples - 1)});
  }
  return measured;
}

Measurements SiteProber::Measure(const Candidate& candidate) {
  TMPQ_CHECK(
      candidate.policies().size() == 1 && candidate.timesteps() == settings_.base.timesteps(),
      "a probe has one policy, and the base's timesteps");
  Prepare();
  if (candidate == settings_.base) return MeasureBase();
  Measurements measured;
  const std::vector<std::vector<float>> samples = SamplesOf(candidate);
  AddChanges(samples.back(), SensitivityRow::kAllRanges, measured);
  const auto next = NextStepErrors(bench_.sampler().Prepare(candidate, &bench_.weights()));
  AddChange(SensitivityRow::kAllRanges, kNextStepError, MeanOverSteps(next, whole()),
            MeanOverSteps(base_next_, whole()), measured);
  for (size_t r = 0; ranges_.size() > 1 && r < ranges_.size(); ++r) {
    AddChanges(samples[r], static_cast<int>(r), measured);
    AddChange(static_cast<int>(r), kNextStepError, MeanOverSteps(next, ranges_[r]),
              MeanOverSteps(base_next_, ranges_[r]), measured);
  }
  return measured;
}

std::vector<Measurements> SiteProber::Evaluate(std::span<const Candidate> candidates,
                                               Fidelity fidelity) {
  TMPQ_CHECK(fidelity == Fidelity::kTrajectory, "sites are probed at one fidelity");
  std::vector<Measurements> results;
  for (const Candidate& candidate : candidates) results.push_back(Measure(candidate));
  return results;
}

}  // namespace tmpq
