// Scores candidates by running them on the integer runtime that will execute the plan.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "src/core/progress.h"
#include "src/eval/models/alignment_encoder.h"
#include "src/eval/proxies/measurement_names.h"
#include "src/eval/proxies/prompts.h"
#include "src/eval/proxies/trajectory_cache.h"
#include "src/metrics/estimate.h"
#include "src/metrics/feature_extractor.h"
#include "src/metrics/frechet.h"
#include "src/runtime/sampler.h"
#include "src/search/evaluator.h"
#include "src/supernet/quant_table.h"

namespace tmpq {

// A metric with its interval, as members "<name>", "<name>.low", "<name>.high" and "<name>.n".
void SetEstimate(Measurements& measurements, const std::string& name, const Estimate& estimate);
// Throws kInput when a member is missing.
Estimate GetEstimate(const Measurements& measurements, const std::string& name);
bool HasEstimate(const Measurements& measurements, const std::string& name);

// Counts images over many sampling runs, so that a stage has one bar.
class ImageProgress : public Progress {
 public:
  explicit ImageProgress(Progress& outer) : outer_(&outer) {}
  void Update(int64_t done, const std::string& note = "") override {
    outer_->Update(base_ + done, note);
  }
  void Advance(int64_t images) { base_ += images; }
  void Set(int64_t images) { base_ = images; }

 private:
  Progress* outer_;
  int64_t base_ = 0;
};

struct EvaluatorSettings {
  uint64_t seed = 0;
  int64_t batch = 8;  // results depend on neither batch nor threads
  int threads = 0;
  int trajectory_steps = 50;
  int probe_samples = 0, trajectory_samples = 0, metric_samples = 0, selection_samples = 0,
      report_samples = 0, converged_samples = 0;
  // What the fidelities measure beside trajectory_error (kTrajectory, kProbe) and distance (the
  // others): measurements of src/eval/proxies/losses.h.
  std::vector<std::string> trajectory_losses, metric_losses, selection_losses;
  Prompts prompts;
  const AlignmentEncoder* encoder = nullptr;  // of samples and prompts
  std::string pipeline;                       // whose autoencoder makes the pictures that it sees
  int64_t trajectory_cache_bytes = 0;         // of beginnings that candidates share
  // Of a device, one a sampling run (MakeDeviceCalls); empty: this processor.
  std::function<NetworkCall()> network_calls = {};
  const std::atomic<bool>* interrupted = nullptr;
};

// Samples that a candidate's measurement draws.
int64_t SamplesOf(const EvaluatorSettings& settings, Fidelity fidelity);

// Cosine of each of the samples (n, shape), `first` and on, with its prompt; empty without an
// encoder.
std::vector<double> TextSimilaritiesOf(const EvaluatorSettings& settings,
                                       std::span<const float> samples, const Shape& shape,
                                       int64_t first = 0);

// What each fidelity measures; search, selection and report each have their own noise.
//   kTrajectory: trajectory_error, mean squared error of the final samples against the float
//   network at
//     trajectory_steps uniform timesteps, from the same noise.
//   kProbe: the same of the first probe_samples, which kTrajectory need not sample again.
//   kMetrics, kSelection: distance, squared Frechet distance to the training set's features.
//   All of these: the losses that the settings name; kSelection with blocks of noise
//   (noise_blocks.h) of all its losses.
//   kReport: distance, psnr_to_float (against the `reference` candidate), psnr_to_converged
//   (against the float network
//     at trajectory_steps), for all but `naive` itself distance_minus_naive, for all but
//   `reference` distance_minus_float, and where the prompts
//     have a judge text_alignment, with an encoder text_similarity, for clips what is named above,
//     each with its interval.
// All referenced objects outlive it. Not thread-safe.
class RuntimeEvaluator : public Evaluator {
 public:
  RuntimeEvaluator(const DiffusionSampler& sampler, const QuantTable& weights,
                   const FeatureExtractor& features, const FrechetReference& reference_statistics,
                   Candidate reference, Candidate naive, const EvaluatorSettings& settings,
                   ImageProgress& progress);

  std::vector<Measurements> Evaluate(std::span<const Candidate> candidates,
                                     Fidelity fidelity) override;

  // Samples of a candidate on a fidelity's noise; also counts progress.
  std::vector<float> Sample(const Candidate& candidate, RandomPurpose purpose, int64_t count);

  // What single samples are worth, one value each, by measurement: where the prompts have a judge
  // text_alignment, with an encoder text_similarity, of clips temporal_consistency. `samples` are
  // `first` and on; sample i has prompt i.
  std::map<std::string, std::vector<double>> ValuesOf(std::span<const float> samples,
                                                      int64_t first = 0) const;
  const Prompts& prompts() const { return settings_.prompts; }
  // What trajectory errors are measured with.
  TrajectoryCache& trajectories() { return trajectories_; }
  // The first `count` float samples at trajectory_steps uniform timesteps; sampled once per
  // purpose, and again where more are wanted.
  std::span<const float> Converged(RandomPurpose purpose, int64_t count);

 private:
  SampleRequest RequestOf(RandomPurpose purpose, int64_t count) const;
  SamplerOptions MakeOptions();
  std::vector<float> SampleRun(const SamplingRun& run, RandomPurpose purpose, int64_t count);
  // Report samples and features of `reference` or `naive`; sampled once.
  struct Reported {
    std::vector<float> samples, features;
    std::map<std::string, std::vector<double>> values;  // ValuesOf the samples
  };
  const Reported& Report(const Candidate& candidate);
  // As Converged, of the `reference` candidate.
  std::span<const float> Exact(RandomPurpose purpose, int64_t count);
  // Losses of successive samples of a candidate.
  struct SampleLosses {
    std::map<std::string, std::vector<double>> values;  // one a sample, by measurement
    std::vector<float> features;                        // where distance is a loss
  };
  // Of `samples`, which are `first` .. of the `all` that a fidelity has on noise of `purpose`.
  SampleLosses LossesOf(const std::vector<std::string>& names, std::span<const float> samples,
                        RandomPurpose purpose, int64_t first, int64_t all);
  Measurements MeansOf(const SampleLosses& losses) const;
  // Of kTrajectory's samples first .. first + count.
  SampleLosses TrajectoryLosses(const Candidate& candidate, int64_t first, int64_t count);
  Measurements MeasureProbe(const Candidate& candidate);
  Measurements MeasureTrajectory(const Candidate& candidate);
  Measurements MeasureSamples(const Candidate& candidate, Fidelity fidelity);
  Measurements MeasureReport(const Candidate& candidate);
  // What the report says of clips' motion.
  void MeasureClips(const std::vector<float>& own, const std::vector<float>& reference,
                    Measurements& result) const;

  const DiffusionSampler& sampler_;
  const QuantTable& weights_;
  const FeatureExtractor& features_;
  const FrechetReference& statistics_;
  Candidate reference_, naive_;
  EvaluatorSettings settings_;
  ImageProgress& progress_;
  TrajectoryCache trajectories_;
  std::map<RandomPurpose, std::vector<float>> converged_, exact_;
  std::map<std::string, Reported> reported_;     // by canonical bytes
  std::map<Hash128, SampleLosses> probed_ = {};  // that kTrajectory begins with
};

}  // namespace tmpq
