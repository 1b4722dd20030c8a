// Measures probes: a base with sites narrowed, at all steps and in each range of timesteps alone.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "src/eval/driver/search_bench.h"
#include "src/eval/sensitivity/probe_metrics.h"
#include "src/search/evaluator.h"

namespace tmpq {

struct ProberSettings {
  Candidate base;
  std::vector<int> range_begins = {0};  // first timesteps, ascending; each range has a step
  int64_t samples = 16;
  // What probes share with the base, and with each other, is sampled once. The numbers are the same
  // without.
  bool reuse = true;
};

// Names within a record: "<metric>", "r2.<metric>" in range 2 alone, and the same with ".se" for
// the standard error.
std::string MeasurementName(int range, const std::string& metric);
void SetChange(Measurements& measurements, const std::string& name, const MeanChange& change);
MeanChange GetChange(const Measurements& measurements, const std::string& name);

// Answers the base with its own values, and any other candidate, which is the base's policy with
// other widths at all steps, with the changes to it, whole and by range. Noise of the search.
// Not thread-safe.
class SiteProber : public Evaluator {
 public:
  // `bench` has sampler and supernet open; it and `metrics` outlive this. Throws kUsage where a
  // range has no step.
  SiteProber(const SearchBench& bench, ProbeMetrics& metrics, ProberSettings settings);

  std::vector<Measurements> Evaluate(std::span<const Candidate> candidates,
                                     Fidelity fidelity) override;

  // Network calls of one sample that were made so far, and that a probe takes with and without
  // reuse.
  int64_t calls() const { return calls_; }
  int64_t CallsOfProbe(bool reuse) const;

 private:
  using Values = std::map<std::string, std::vector<double>>;  // by metric, one a sample
  struct Range {
    int first = 0, end = 0;  // steps
  };

  // Float trajectory, the base's states and values; once.
  void Prepare();
  // Steps first .. end - 1, from `start`, or from noise where that is null.
  std::vector<float> Draw(const SamplingRun& run, int first, int end, const SamplerState* start,
                          std::map<int, SamplerState>* states = nullptr);
  // Squared errors of every step, made from the float trajectory: (steps, samples).
  std::vector<std::vector<double>> NextStepErrors(const SamplingRun& run);
  std::vector<double> MeanOverSteps(const std::vector<std::vector<double>>& errors,
                                    Range steps) const;
  // Final samples, by range and (last) of all.
  std::vector<std::vector<float>> SamplesOf(const Candidate& candidate);
  void AddChanges(const std::vector<float>& samples, int range, Measurements& measured) const;
  void AddChange(int range, const std::string& metric, const std::vector<double>& values,
                 const std::vector<double>& base, Measurements& measured) const;
  Measurements MeasureBase();
  Measurements Measure(const Candidate& candidate);
  int steps() const { return settings_.base.steps(); }
  Range whole() const { return {0, steps()}; }

  const SearchBench& bench_;
  ProbeMetrics& metrics_;
  ProberSettings settings_;
  std::vector<Range> ranges_;  // by range; only one range: it is the whole
  std::map<int, SamplerState> float_states_, base_states_;  // by step
  Values base_values_;
  std::vector<std::vector<double>> base_next_;  // NextStepErrors
  int64_t calls_ = 0;
};

}  // namespace tmpq
