#include "src/eval/study/proxy_evaluator.h"

#include <algorithm>
#include <numeric>

#include "src/core/error.h"
#include "src/metrics/psnr.h"
#include "src/metrics/ssim.h"
#include "src/metrics/temporal.h"

namespace tmpq {
namespace {

constexpr const char* kSsimToFloat = "ssim_to_float";
constexpr const char* kFrameDifference = "frame_difference";

bool AreClips(const Shape& shape) { return shape.size() == 4 && shape[0] > 1; }

}  // namespace

std::string ProxyName(const std::string& metric, int64_t samples) {
  return metric + "@" + std::to_string(samples);
}

std::vector<ProxyLadder> LaddersOf(const SearchBench& bench, std::vector<int64_t> pair_sizes,
                                   int64_t pair_target, std::vector<int64_t> sizes,
                                   int64_t target) {
  std::vector<ProxyLadder> ladders;
  const auto add = [&](const char* metric, bool pairs) {
    ladders.push_back({metric, pairs, pairs ? pair_sizes : sizes, pairs ? pair_target : target});
  };
  add(kTrajectoryError, true);
  add(kPsnrToFloat, true);
  add(kSsimToFloat, true);
  add(kDistance, false);
  if (!bench.evaluator_settings().prompts.judge.empty()) add(kTextAlignment, false);
  if (bench.text_encoder() != nullptr) add(kTextSimilarity, false);
  if (AreClips(bench.sampler().sample_shape())) {
    add(kFrameDifference, false);
    add(kFrameDifferenceToFloat, true);
  }
  return ladders;
}

ProxyEvaluator::ProxyEvaluator(const SearchBench& bench, std::vector<ProxyLadder> ladders,
                               ImageProgress& progress)
    : bench_(bench), ladders_(std::move(ladders)), progress_(progress) {}

int64_t ProxyEvaluator::SamplesAt(Fidelity fidelity) const {
  int64_t most = 0;
  for (const ProxyLadder& ladder : ladders_) {
    most = std::max(most, fidelity == Fidelity::kReport ? ladder.target : ladder.sizes.back());
  }
  return most;
}

int64_t ProxyEvaluator::PairsAt(Fidelity fidelity) const {
  int64_t most = 0;
  for (const ProxyLadder& ladder : ladders_) {
    if (!ladder.pairs) continue;
    most = std::max(most, fidelity == Fidelity::kReport ? ladder.target : ladder.sizes.back());
  }
  return most;
}

std::vector<float> ProxyEvaluator::Draw(const SamplingRun& run, RandomPurpose purpose,
                                        int64_t count) {
  const EvaluatorSettings& settings = bench_.evaluator_settings();
  SamplerOptions options;
  options.batch = settings.batch;
  options.threads = settings.threads;
  options.interrupted = settings.interrupted;
  options.progress = &progress_;
  std::vector<float> samples = bench_.sampler().Sample(
      run, {settings.seed, purpose, 0, count, settings.prompts.conditions}, options);
  progress_.Advance(count);
  return samples;
}

const ProxyEvaluator::References& ProxyEvaluator::ReferencesOf(RandomPurpose purpose,
                                                               int64_t count) {
  References& references = references_[purpose];
  if (references.converged.empty()) {
    const auto in_float = [&](int steps) {
      const auto timesteps = UniformTimesteps(steps, bench_.schedule().training_steps());
      return Draw(bench_.sampler().PrepareFloat(timesteps), purpose, count);
    };
    references.same_steps = in_float(bench_.config().steps.most);
    references.converged = in_float(bench_.config().trajectory_steps);
  }
  return references;
}

Measurements ProxyEvaluator::Measure(const Candidate& candidate, Fidelity fidelity) {
  const RandomPurpose purpose =
      fidelity == Fidelity::kReport ? RandomPurpose::kReportNoise : RandomPurpose::kSearchNoise;
  const References& references = ReferencesOf(purpose, PairsAt(fidelity));
  const DiffusionSampler& sampler = bench_.sampler();
  const std::vector<float> samples =
      Draw(sampler.Prepare(candidate, &bench_.weights()), purpose, SamplesAt(fidelity));
  const FeatureExtractor& extractor = bench_.features();
  const std::vector<float> features =
      extractor.Extract(samples, sampler.sample_shape(), bench_.evaluator_settings().threads);
  const std::vector<double> similarities =
      TextSimilaritiesOf(bench_.evaluator_settings(), samples, sampler.sample_shape());
  const auto elements = static_cast<size_t>(sampler.sample_elements());
  const Shape& shape = sampler.sample_shape();
  const ImageShape frame{shape[shape.size() - 3], shape[shape.size() - 2], shape.back()};
  const auto value = [&](const std::string& metric, int64_t n) {
    const std::span<const float> own = std::span(samples).first(n * elements);
    const auto pair = [&](const std::vector<float>& all) {
      return std::span(all).first(n * elements);
    };
    if (metric == kTrajectoryError) {
      return Mean(MeanSquaredErrors(own, pair(references.converged), n));
    }
    if (metric == kPsnrToFloat) {
      return PsnrOfMse(Mean(MeanSquaredErrors(own, pair(references.same_steps), n)));
    }
    if (metric == kSsimToFloat) {
      return Mean(
          StructuralSimilarities(own, pair(references.same_steps), frame, SsimWindow::kUniform7));
    }
    if (metric == kDistance) {
      FeatureAccumulator accumulator(extractor.dimension(), extractor.hash());
      accumulator.Add(std::span(features).first(n * extractor.dimension()));
      return bench_.statistics().DistanceTo(accumulator.Finish());
    }
    if (metric == kTextAlignment) {
      double sum = 0;
      for (int64_t i = 0; i < n; ++i) {
        sum += JudgeAlignment(bench_.evaluator_settings().prompts, i,
                              own.subspan(i * elements, elements));
      }
      return sum / static_cast<double>(n);
    }
    if (metric == kTextSimilarity) return Mean(std::span(similarities).first(n));
    const ClipShape clip{shape[0], frame};
    const double difference = Mean(FrameDifferences(own, clip));
    if (metric == kFrameDifference) return difference;
    TMPQ_CHECK(metric == kFrameDifferenceToFloat, "the study has no metric " + metric);
    return difference - Mean(FrameDifferences(pair(references.same_steps), clip));
  };
  Measurements measured;
  for (const ProxyLadder& ladder : ladders_) {
    if (fidelity == Fidelity::kReport) {
      measured[ProxyName(ladder.metric, ladder.target)] = value(ladder.metric, ladder.target);
      continue;
    }
    for (const int64_t n : ladder.sizes) {
      measured[ProxyName(ladder.metric, n)] = value(ladder.metric, n);
    }
  }
  return measured;
}

std::vector<Measurements> ProxyEvaluator::Evaluate(std::span<const Candidate> candidates,
                                                   Fidelity fidelity) {
  TMPQ_CHECK(fidelity == Fidelity::kMetrics || fidelity == Fidelity::kReport,
             "the study has two fidelities");
  std::vector<Measurements> results;
  for (const Candidate& candidate : candidates) results.push_back(Measure(candidate, fidelity));
  return results;
}

}  // namespace tmpq
