// How far few samples can be trusted: every metric at small n against the same metric at large n,
// and against the distance at large n, over random feasible candidates.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "src/core/json.h"
#include "src/eval/driver/search_bench.h"
#include "src/eval/study/proxy_evaluator.h"
#include "src/metrics/estimate.h"

namespace tmpq {

// Everything that a study depends on; its text is the journal's header. Fields that a search has
// too mean the same.
struct ProxyStudyConfig {
  SearchConfig
      search;  // model, stress, prompts, feature_net, budget, steps, trajectory_steps, seed
  int candidates = 24;
  double mutation = 0;
  std::vector<int> pair_samples = {4, 8, 12, 16, 32};
  int pair_target = 128;
  std::vector<int> metric_samples = {32, 64, 128, 256};
  int metric_target = 384;

  template <typename V>
  void ForEachField(V&& visit) {
    search.ForEachField([&](const char* name, auto& field, const char* help) {
      for (const char* own :
           {"model", "stress", "prompts", "sampler", "guidance", "feature_net", "reference",
            "text_encoder", "budget", "steps", "mode", "grouping", "weight_bits", "activation_bits",
            "seed", "trajectory_steps", "report_samples"}) {
        if (std::string(name) == own) visit(name, field, help);
      }
    });
    visit("candidates", candidates, "random feasible candidates, uniform ones besides");
    visit("mutation", mutation,
          "per gene: candidates are mutants of the one nearest to naive; 0: drawn at random");
    visit("pair_samples", pair_samples, "small n of metrics of pairs (trajectory error, PSNR)");
    visit("pair_target", pair_target, "large n of these");
    visit("metric_samples", metric_samples, "small n of the others (distance, text alignment)");
    visit("metric_target", metric_target, "large n of these");
  }

  // Throws kUsage naming the first field that is out of range. Sorts the sizes.
  void Validate();
};

// One row of a study: metric at `n` samples against `target` at `target_n`.
struct ProxyCorrelation {
  std::string metric, target;
  int64_t n = 0, target_n = 0;
  Estimate spearman, kendall;
  // Over the half of the candidates whose distance at large n is least: those that a search has to
  // tell apart. They were chosen by it, so this errs on the low side.
  Estimate spearman_better_half;
};

struct StudyCandidate {
  std::string name;  // "random-3", "naive", "w3a3"
  Candidate candidate;
  Costs costs;
  Measurements measurements;  // by ProxyName, of both fidelities
};

struct ProxyStudy {
  ProxyStudyConfig config;
  std::string model, feature_net, reference;
  std::map<std::string, double> budget;
  std::map<std::string, std::string> hashes;
  std::vector<ProxyLadder> ladders;
  std::vector<StudyCandidate> candidates;
  std::vector<ProxyCorrelation> correlations;
  double seconds = 0;  // what this process took
};

// Measures and writes journal.jsonl, study.json and study.h5 (docs/formats.md) into the session's
// folder. Same config, same bytes (but for `seconds`), for any threads and batch, killed and
// resumed or not. Throws as RunSearch does.
ProxyStudy RunProxyStudy(const ProxyStudyConfig& config, const SearchSession& session);

Json StudyToJson(const ProxyStudy& study);
// The correlations as a table.
std::string TableOf(const ProxyStudy& study);

}  // namespace tmpq
