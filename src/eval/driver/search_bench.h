// What a search config names, opened: model, sampler, feature space, prompts, the space of
// candidates and their packed weights. Everything that scores candidates stands on one.
#pragma once

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/core/progress.h"
#include "src/eval/driver/search_config.h"
#include "src/eval/models/measured_space.h"
#include "src/eval/proxies/runtime_evaluator.h"
#include "src/eval/workers/transport.h"
#include "src/models/model_file.h"
#include "src/quant/layer_statistics.h"
#include "src/quant/learned_rounding.h"
#include "src/quant/recipe.h"
#include "src/runtime/device/device.h"
#include "src/search/space.h"
#include "src/search/timestep_programme.h"
#include "src/supernet/supernet.h"

namespace tmpq {

// What a run does not depend on.
struct SearchSession {
  std::filesystem::path out;      // folder of everything that the run writes
  std::filesystem::path bundled;  // folder of bundled models and feature networks
  bool resume = false, overwrite = false;
  bool time_sampling = true;                    // of the rows of a search's report
  int threads = 0;                              // 0: one per core
  int64_t batch = 8;                            // samples per network call
  int64_t trajectory_cache_bytes = 256 << 20;   // for beginnings that candidates share
  const kernels::KernelSet* kernels = nullptr;  // null: the fastest of this processor
  Device* device = nullptr;                     // that samples; null: this processor
  const std::atomic<bool>* interrupted = nullptr;
  Progress* progress = nullptr;
  Transport* ranks = nullptr;  // of the job that evaluates (job_evaluator.h); null: this process
};

// Makes a run's folder. Throws kUsage where it holds something and the session says neither to
// resume nor to overwrite, which removes the files called `names` and those of a bench.
void PrepareRunFolder(const SearchSession& session, std::vector<std::string> names);

// Not thread-safe, and not to be moved: its parts refer to each other.
class SearchBench {
 public:
  // Opens model, feature space and space of candidates; writes nothing. Throws kUsage, kInput,
  // kUnsupported, kIo, kCorrupt. `config` is valid; it and `session` are copied.
  SearchBench(const SearchConfig& config, const SearchSession& session);
  SearchBench(const SearchBench&) = delete;
  SearchBench& operator=(const SearchBench&) = delete;

  // Names of the files that a bench keeps in a run's folder.
  static std::vector<std::string> ArtefactNames();

  // Sampler and prompts.
  void OpenSampler();
  // After OpenSampler, for distances: where no distribution was given, the float model's own
  // samples, at trajectory_steps, on noise of their own; kept in the folder.
  void OpenReference();
  // After OpenSampler: calibrates where the recipe needs it and packs the weights, or finds both in
  // the session's folder.
  // Bit-widths are the config's and, `with_baselines`, those of the 4- and 8-bit rows.
  void OpenSupernet(bool with_baselines = true);

  const SearchConfig& config() const { return config_; }
  const ModelFile& model() const { return model_; }
  const NoiseSchedule& schedule() const { return schedule_; }
  const SamplerSettings& sampler_settings() const { return sampler_settings_; }
  const QuantRecipe& recipe() const { return recipe_; }
  const QuantScheme& scheme() const { return scheme_; }
  // Of the model under the recipe: what costs are read off.
  const SiteTable& sites() const { return sites_; }
  const Budget& budget() const { return space().settings().budget; }
  // Of the most sampling steps: the one that relative budgets are of.
  const SearchSpace& space() const { return SpaceOf(config_.steps.most); }
  // Of a number of steps in the config's range, within the same budget.
  const SearchSpace& SpaceOf(int steps) const { return *spaces_.at(steps); }
  const std::string& feature_net() const { return measured_.space.name; }
  // What distances are to: "training set", "float model's samples", a file.
  const std::string& reference() const { return measured_.reference.name; }
  // Of samples and prompts; null where there is none, or no prompt in words.
  const AlignmentEncoder* text_encoder() const { return evaluator_settings_.encoder; }
  // Of the artefacts: model, feature network, statistics, prompts; after OpenSupernet its file.
  const std::map<std::string, std::string>& hashes() const { return hashes_; }

  Candidate UniformCandidate(int bits) const;
  // The naive candidate and cheaper uniform ones.
  std::vector<Candidate> UniformCandidates() const;

  // After OpenSampler: calibrates, or finds the statistics in the session's folder.
  CalibrationStatistics OpenCalibration();
  // After OpenSampler: of jumps between timesteps that every number of steps can be planned with;
  // measured, or found in the session's folder. A file, as it hangs on no candidate.
  JumpErrors OpenJumpErrors() const;

  // The plan of a candidate, after OpenSupernet; `program` made it.
  void WritePlanOf(const Candidate& candidate, const std::string& program,
                   const std::filesystem::path& path) const;

  // After OpenSupernet, OpenSampler and (statistics) OpenReference.
  const QuantTable& weights() const { return supernet_->weights(); }
  const DiffusionSampler& sampler() const { return *sampler_; }
  const FeatureExtractor& features() const { return measured_.features(); }
  const FrechetReference& statistics() const { return *measured_.reference.statistics; }
  const EvaluatorSettings& evaluator_settings() const { return evaluator_settings_; }

 private:
  void OpenRounding();
  void OpenLatency();
  void CheckLatency() const;
  bool IsFloatInput(const SiteProduct& product, BitWidth left, BitWidth right) const;
  void CheckCosts() const;
  void UseRounding(const std::vector<BitWidth>& widths, SupernetOptions& options) const;
  void MakeSpaces();
  void OpenTextEncoder();
  void UseTextEncoder();

  SearchConfig config_;
  SearchSession session_;
  ModelFile model_;
  NoiseSchedule schedule_;
  SamplerSettings sampler_settings_;
  QuantRecipe recipe_;
  QuantScheme scheme_;
  std::optional<LearnedRounding> rounding_;
  SiteTable sites_;
  MeasuredSpace measured_;
  std::optional<AlignmentEncoder> encoder_;
  std::map<std::string, std::string> hashes_;
  std::map<int, std::unique_ptr<SearchSpace>> spaces_;  // by steps
  std::unique_ptr<Supernet> supernet_;
  std::unique_ptr<RuntimeNetwork> network_;
  std::unique_ptr<DiffusionSampler> sampler_;
  EvaluatorSettings evaluator_settings_;
};

}  // namespace tmpq
