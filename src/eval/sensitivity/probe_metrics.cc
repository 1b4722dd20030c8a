#include "src/eval/sensitivity/probe_metrics.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "src/core/error.h"
#include "src/metrics/psnr.h"
#include "src/metrics/ssim.h"
#include "src/metrics/temporal.h"

namespace tmpq {
namespace {

constexpr int64_t kSsimSide = 7;  // of its window

bool AreClips(const Shape& shape) { return shape.size() == 4 && shape[0] > 1; }

ImageShape FrameOf(const Shape& shape) {
  return {shape[shape.size() - 3], shape[shape.size() - 2], shape.back()};
}

// All that a model has.
std::vector<SensitivityMetric> AllMetrics(const SearchBench& bench, bool with_psnr) {
  const Shape& shape = bench.sampler().sample_shape();
  std::vector<SensitivityMetric> all = {
      {kSquaredError, "1", "mean squared error of the final sample to the float model's"},
      {kNextStepError, "1", "mean squared error after one step from the float model's states"},
      {kFeatureError, "1",
       "mean squared difference of " + bench.feature_net() + "' features to the float model's"}};
  if (std::min(FrameOf(shape).height, FrameOf(shape).width) >= kSsimSide) {
    all.push_back({kSsimError, "1", "1 - structural similarity to the float model's sample"});
  }
  const auto add = [&](const std::string& name, const std::string& meaning) {
    all.push_back({name, "1", meaning});
    all.push_back({name + kDeparture, "1", "mean distance of it to the float model's sample's"});
  };
  if (bench.text_encoder() != nullptr) add(kTextSimilarity, "cosine of a sample and its prompt");
  if (!bench.evaluator_settings().prompts.judge.empty()) {
    add(kTextAlignment, "share of the prompt's attributes that a sample shows");
  }
  if (AreClips(shape)) add(kFrameDifference, "mean absolute difference of successive frames");
  if (with_psnr) {
    all.push_back({kPsnr, "dB", "PSNR to the float model, of the pooled error"});
  }
  return all;
}

}  // namespace

ProbeMetrics::ProbeMetrics(const SearchBench& bench, const std::string& wanted, bool with_psnr)
    : bench_(bench), metrics_(AllMetrics(bench, with_psnr)) {
  if (wanted.empty()) return;
  std::vector<std::string> names = {kSquaredError, kNextStepError};
  std::istringstream list(wanted);
  for (std::string name; std::getline(list, name, ',');) {
    if (!Has(name)) {
      std::string known;
      for (const SensitivityMetric& metric : metrics_) {
        known += (known.empty() ? "" : ", ") + metric.name;
      }
      throw Error(ErrorCode::kUsage, "metrics", "\"" + name + "\" is none of this model's",
                  "it has " + known);
    }
    names.push_back(name);
  }
  std::erase_if(metrics_, [&](const SensitivityMetric& metric) {
    return std::find(names.begin(), names.end(), metric.name) == names.end();
  });
}

bool ProbeMetrics::Has(const std::string& name) const {
  return std::any_of(metrics_.begin(), metrics_.end(),
                     [&](const SensitivityMetric& metric) { return metric.name == name; });
}

void ProbeMetrics::SetReference(const std::vector<float>& samples) {
  reference_ = samples;
  values_ = OwnValues(samples);
  if (Has(kFeatureError)) {
    features_ = bench_.features().Extract(samples, bench_.sampler().sample_shape(),
                                          bench_.evaluator_settings().threads);
  }
}

std::map<std::string, std::vector<double>> ProbeMetrics::OwnValues(
    const std::vector<float>& samples) const {
  const EvaluatorSettings& settings = bench_.evaluator_settings();
  const Shape& shape = bench_.sampler().sample_shape();
  const auto wants = [&](const std::string& name) { return Has(name) || Has(name + kDeparture); };
  std::map<std::string, std::vector<double>> values;
  if (wants(kTextSimilarity)) {
    values[kTextSimilarity] = TextSimilaritiesOf(settings, samples, shape);
  }
  if (wants(kTextAlignment)) {
    values[kTextAlignment] = JudgeAlignments(settings.prompts, samples, ElementsOf(shape));
  }
  if (wants(kFrameDifference)) {
    values[kFrameDifference] = FrameDifferences(samples, {shape[0], FrameOf(shape)});
  }
  return values;
}

std::map<std::string, std::vector<double>> ProbeMetrics::Of(
    const std::vector<float>& samples) const {
  const Shape& shape = bench_.sampler().sample_shape();
  const auto count = static_cast<int64_t>(samples.size()) / ElementsOf(shape);
  std::map<std::string, std::vector<double>> values;
  values[kSquaredError] = MeanSquaredErrors(samples, reference_, count);
  if (Has(kFeatureError)) {
    const std::vector<float> features =
        bench_.features().Extract(samples, shape, bench_.evaluator_settings().threads);
    values[kFeatureError] = MeanSquaredErrors(features, features_, count);
  }
  if (Has(kSsimError)) {
    // One value a frame; the mean over a sample's frames.
    const std::vector<double> similarities =
        StructuralSimilarities(samples, reference_, FrameOf(shape), SsimWindow::kUniform7);
    const size_t frames = similarities.size() / count;
    std::vector<double>& errors = values[kSsimError];
    errors.assign(count, 0);
    for (size_t i = 0; i < similarities.size(); ++i) {
      errors[i / frames] += (1 - similarities[i]) / static_cast<double>(frames);
    }
  }
  for (auto& [name, own] : OwnValues(samples)) {
    std::vector<double> departures;
    for (size_t i = 0; i < own.size(); ++i) {
      departures.push_back(std::fabs(own[i] - values_.at(name)[i]));
    }
    if (Has(name + kDeparture)) values[name + kDeparture] = std::move(departures);
    if (Has(name)) values[name] = std::move(own);
  }
  return values;
}

}  // namespace tmpq
