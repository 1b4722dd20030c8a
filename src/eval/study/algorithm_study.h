// The exhaustive truth: every candidate of a small space of a real model measured once, and all
// search algorithms replayed on it.
#pragma once

#include <string>
#include <vector>

#include "src/eval/driver/search_bench.h"
#include "src/eval/study/algorithm_replay.h"

namespace tmpq {

// What the measurements depend on: its text is the journal's header.
struct TruthConfig {
  SearchConfig search;  // the model, how it is sampled and quantized, and fidelities
  int steps = 10;
  std::string ties = "group";
  std::string group_bits;
  std::vector<int> exponents = {100};

  template <typename V>
  void ForEachField(V&& visit) {
    search.ForEachField([&](const char* name, auto& field, const char* help) {
      for (const char* own :
           {"model", "sampler", "guidance", "recipe", "weight_bits", "activation_bits", "seed",
            "trajectory_steps", "trajectory_samples"}) {
        if (std::string(name) == own) visit(name, field, help);
      }
    });
    visit("sampling_steps", steps, "sampling steps of every candidate");
    visit("ties", ties, "sites that share a bit-width: none, qkv, layer or group");
    visit("group_bits", group_bits,
          "candidate bit-widths of layer groups: embedding=4,8;modulation.weights=4");
    visit("exponents", exponents,
          "schedules that a candidate has one of, in hundredths: 100 is uniform, 200 quadratic");
  }
};

struct AlgorithmStudyConfig {
  TruthConfig truth;
  std::string algorithms = "all";
  int first_seed = 0;
  int seeds = 10;
  int most_candidates = 20'000;

  template <typename V>
  void ForEachField(V&& visit) {
    truth.ForEachField(visit);
    visit("algorithms", algorithms, "names with commas, or all");
    visit("first_seed", first_seed, "of the algorithms");
    visit("seeds", seeds, "runs of each algorithm");
    visit("most_candidates", most_candidates, "that the space may have");
  }

  // Throws kUsage naming the first field that is out of range.
  void Validate();
  std::vector<std::string> AlgorithmList() const;
};

struct AlgorithmStudy {
  AlgorithmStudyConfig config;
  std::string model, space_size;
  std::map<std::string, std::string> hashes;
  int64_t candidates = 0;
  struct FrontPoint {
    double error, bitops;
  };
  std::vector<FrontPoint> front;  // by bitops
  std::vector<AlgorithmRun> runs;
};

// Decreasing timesteps (k + 1)^(exponent / 100) spaced from T - 1 to near 0: t_k = max(k,
// floor(T ((k + 1) / S)^p) - 1), k = S - 1 .. 0; p = 1 is UniformTimesteps. Throws kUsage where
// they are not distinct.
TimestepSequence PowerTimesteps(int steps, int training_steps, int exponent_hundredths);

// Measures what the session's folder has not, then replays, and writes journal.jsonl,
// algorithms.json, table.md and table.csv (docs/formats.md). The same bytes for any threads, killed
// and resumed or not; other algorithms and seeds need no measurement. Throws as RunProxyStudy.
AlgorithmStudy RunAlgorithmStudy(const AlgorithmStudyConfig& config, const SearchSession& session);

}  // namespace tmpq
