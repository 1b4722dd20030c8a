// Candidates measured the cheap way and the dear way: every metric at a ladder of small numbers of
// samples on search noise, and at many on report noise.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "src/core/progress.h"
#include "src/eval/driver/search_bench.h"
#include "src/eval/proxies/runtime_evaluator.h"
#include "src/search/evaluator.h"

namespace tmpq {

// A metric of the study and the numbers of samples that it is measured at, ascending.
struct ProxyLadder {
  std::string metric;
  bool pairs = false;  // compares samples with the float model's from the same noise
  std::vector<int64_t> sizes;
  int64_t target = 0;  // samples of what it should predict
};

// The ladders that fit the bench's model: trajectory_error, psnr_to_float, ssim_to_float, distance;
// with a judge text_alignment, with an encoder text_similarity; for clips frame_difference and
// frame_difference_minus_float. `pair_sizes`, `pair_target`: of metrics of pairs, whose float
// samples are dear; `sizes`, `target`: of the others. Sizes are ascending.
std::vector<ProxyLadder> LaddersOf(const SearchBench& bench, std::vector<int64_t> pair_sizes,
                                   int64_t pair_target, std::vector<int64_t> sizes, int64_t target);

// "distance@64", the name of a measurement.
std::string ProxyName(const std::string& metric, int64_t samples);

// kMetrics: all ladders' sizes, on search noise, samples 0..n - 1 of it. kReport: all targets, on
// report noise, so that nothing but the candidate is shared. Referenced objects outlive it. Not
// thread-safe.
class ProxyEvaluator : public Evaluator {
 public:
  ProxyEvaluator(const SearchBench& bench, std::vector<ProxyLadder> ladders,
                 ImageProgress& progress);

  std::vector<Measurements> Evaluate(std::span<const Candidate> candidates,
                                     Fidelity fidelity) override;

  // Samples of a candidate's run at `fidelity`.
  int64_t SamplesAt(Fidelity fidelity) const;

 private:
  // What metrics look at, of one purpose of noise.
  struct References {
    std::vector<float> same_steps;  // float, uniform timesteps, as many as candidates have
    std::vector<float> converged;   // float, trajectory_steps
  };
  const References& ReferencesOf(RandomPurpose purpose, int64_t count);
  std::vector<float> Draw(const SamplingRun& run, RandomPurpose purpose, int64_t count);
  Measurements Measure(const Candidate& candidate, Fidelity fidelity);
  int64_t PairsAt(Fidelity fidelity) const;

  const SearchBench& bench_;
  std::vector<ProxyLadder> ladders_;
  ImageProgress& progress_;
  std::map<RandomPurpose, References> references_;
};

}  // namespace tmpq
