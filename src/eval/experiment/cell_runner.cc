#include "src/eval/experiment/cell_runner.h"

#include <chrono>
#include <set>

#include "src/core/config.h"
#include "src/core/file.h"
#include "src/core/hash.h"
#include "src/core/version.h"
#include "src/eval/driver/bit_pair.h"
#include "src/eval/driver/search_driver.h"
#include "src/eval/driver/search_outputs.h"
#include "src/eval/models/any_model.h"
#include "src/eval/models/measured_space.h"
#include "src/eval/results/costs_json.h"
#include "src/eval/samples/sample_evaluation.h"
#include "src/eval/sensitivity/measure_sensitivity.h"
#include "src/eval/sensitivity/mixed_precision.h"
#include "src/eval/sensitivity/sensitivity_file.h"
#include "src/models/split_concatenation.h"
#include "src/models/stress.h"
#include "src/quant/recipe.h"
#include "src/schedule/hand_timesteps.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

// The metrics of `list` that this model can have: an encoder, a judge, frames.
std::vector<std::string> MetricsOf(const std::string& list, const ModelFile& model,
                                   const CellSession& session) {
  const std::string where = "model " + model.name;
  const Json text = TextOf(model.sampling);
  const bool has_judge = text.is_object() && !text.value("judge", "").empty();
  const bool has_encoder = !TextEncoderOf(model.sampling, where, session.bundled).empty();
  const bool is_video = model.graph.node(model.graph.FindInput("sample")).shape.size() == 4;
  std::vector<std::string> names;
  for (const std::string& name : ParseFileMetrics(list)) {
    const std::set<MetricNeeds> needs = NeedsOf({name});
    const auto has = [&](MetricNeeds need) { return needs.count(need) > 0; };
    if (has(MetricNeeds::kEncoder) && !has_encoder) continue;
    if (has(MetricNeeds::kJudge) && !has_judge) continue;
    if ((has(MetricNeeds::kClips) || has(MetricNeeds::kFrameFeatures)) && !is_video) continue;
    names.push_back(name);
  }
  return names;
}

SearchConfig ConfigFor(const ExperimentCell& cell, const std::string& model) {
  SearchConfig config;
  const std::string ending = kStressEnding;
  config.stress = model.ends_with(ending);
  config.model = config.stress ? model.substr(0, model.size() - ending.size()) : model;
  config.recipe = cell.config.recipe, config.rounding = cell.config.rounding;
  config.steps = IntRange::Of(cell.config.steps);
  config.guidance = cell.config.guidance;
  config.prompts = cell.config.prompts;
  config.feature_net = cell.config.feature_net;
  config.text_encoder = cell.config.text_encoder;
  config.seed = cell.seed;
  return config;
}

class CellRunner {
 public:
  CellRunner(const ExperimentCell& cell, const CellSession& session)
      : cell_(cell), session_(session), folder_(session.work / cell.name()) {}

  Json Run() {
    const auto begin = std::chrono::steady_clock::now();
    const ModelFile model = LoadAnyModel(cell_.model, session_.bundled);
    Json costs = Json::object();
    SourceOptions source;
    source.bundled = session_.bundled;
    if (cell_.config.method == kMethodFloat) {
      source.model = cell_.model;
      source.steps = cell_.config.steps, source.guidance = cell_.config.guidance;
      source.timesteps = Timesteps();
    } else {
      costs = cell_.config.method == kMethodSearch ? Search() : Quantize();
      source.plan = folder_ / kPlanName, source.model = cell_.model;
      if (FindRecipe(cell_.config.recipe).split_concatenations) source.model += kSplitEnding;
    }
    SampleEvaluationResult result = Evaluate(source, model);
    result.metrics.insert(result.metrics.end(), of_search_.begin(), of_search_.end());
    fs::remove_all(folder_);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    Json networks = Json::object();
    for (const auto& [use, network] : result.networks) networks[use] = network;
    return {{"cell", cell_.name()},
            {"row", cell_.row},
            {"model", cell_.model},
            {"bits", cell_.bits},
            {"seed", cell_.seed},
            {"key", KeyOf(cell_, session_)},
            {"costs", costs},
            {"metrics", MetricsToJson(result.metrics)},
            {"history", history_},
            {"reference", result.reference},
            {"networks", networks},
            {"hashes", hashes_},
            {"git_revision", GitRevision()},
            {"seconds", seconds.count()}};
  }

 private:
  SearchSession SessionIn(const fs::path& folder) const {
    SearchSession session;
    session.out = folder, session.bundled = session_.bundled;
    session.resume = true;
    session.threads = session_.threads, session.batch = session_.batch;
    session.interrupted = session_.interrupted, session.progress = session_.progress;
    return session;
  }

  Json Quantize() {
    const BitPair bits = ParseBitPair(cell_.bits, cell_.name());
    const bool mixed = cell_.config.allocation != kUniformBits;
    SearchConfig config = ConfigFor(cell_, cell_.model);
    config.weight_bits = mixed ? cell_.config.candidate_bits : std::vector<int>{bits.weight};
    config.activation_bits =
        mixed ? cell_.config.candidate_bits : std::vector<int>{bits.activation};
    config.budget = mixed ? cell_.bits : "bitops=100x";  // there bits are given, not searched
    config.Validate();
    SensitivityTable table;
    if (mixed) table = OpenTable(config);
    SearchBench bench(config, SessionIn(folder_));
    const Candidate candidate =
        mixed ? AllocateMixed(table, bench, MixedSettingsOf(), cell_.name()).candidate
              : Candidate::Uniform(HandTimesteps(Timesteps(), config.steps.most, bench.schedule()),
                                   UniformPolicy(bench.sites(), BitWidth::Of(bits.weight),
                                                 BitWidth::Of(bits.activation)));
    PrepareFolder(folder_);
    bench.OpenSampler();
    bench.OpenSupernet();
    bench.WritePlanOf(candidate, "tmpq-experiment", folder_ / kPlanName);
    hashes_ = bench.hashes();
    return CostsToJson(bench.space().CostsOf(candidate));
  }

  // The row's; where they are planned, as a list. Jump errors are the same for all seeds.
  std::string Timesteps() const {
    if (cell_.config.timesteps != kPlannedTimesteps) return cell_.config.timesteps;
    SearchConfig config = ConfigFor(cell_, cell_.model);
    config.seed = 0, config.mode = "consistent";
    config.Validate();
    const std::string key = HashString(ConfigText(config)).Hex().substr(0, 8);
    const fs::path folder = session_.work / "jumps" / (cell_.model + "-" + key);
    PrepareFolder(folder);
    SearchBench bench(config, SessionIn(folder));
    bench.OpenSampler();
    const std::vector<PlannedTimesteps> planned =
        PlanTimesteps(bench.OpenJumpErrors(), config.steps.most);
    std::string list;
    for (const int t : planned.back().timesteps) {
      list += (list.empty() ? "" : ",") + std::to_string(t);
    }
    return list;
  }

  MixedSettings MixedSettingsOf() const {
    MixedSettings settings;
    settings.solver = ParseAllocationSolver(cell_.config.allocation);
    settings.decoupled = cell_.config.decoupled;
    return settings;
  }

  // One table for all cells of a model and recipe, whatever their bits and seeds.
  SensitivityTable OpenTable(const SearchConfig& config) const {
    SensitivityConfig wanted;
    wanted.search = config;
    wanted.search.seed = 0;
    wanted.bits = cell_.config.candidate_bits;
    wanted.samples = cell_.config.sensitivity_samples;
    wanted.ranges = cell_.config.sensitivity_ranges;
    wanted.Validate();
    const std::string key = HashString(ConfigText(wanted)).Hex().substr(0, 8);
    const fs::path folder = session_.work / "sensitivity" / (cell_.model + "-" + key);
    const fs::path path = folder / kSensitivityName;
    if (!fs::exists(path)) MeasureSensitivity(wanted, SessionIn(folder));
    return ReadSensitivity(path);
  }

  Json Search() {
    SearchConfig config = ConfigFor(cell_, cell_.model);
    config.budget = cell_.bits;
    ApplyValues(config, cell_.search, cell_.name() + " [search]");
    config.Validate();
    const SearchResult result = RunSearch(config, SessionIn(folder_));
    hashes_ = result.hashes;
    const RunHistory& history = result.history;
    history_ = {{"evaluations", history.evaluations},
                {"network_calls", history.network_calls},
                {"trajectory_error", history.trajectory_error},
                {"hypervolume", history.hypervolume}};
    const auto add = [&](const char* name, const char* unit, double value) {
      of_search_.push_back({name, unit, {value, value, value, 1}});
    };
    if (!history.generations.empty()) {  // an algorithm may have nothing to ask for
      add("network_calls", "calls of one sample", history.network_calls.back());
      add("trajectory_error", "1", history.trajectory_error.back());
    }
    return CostsToJson(result.row("plan").costs);
  }

  SampleEvaluationResult Evaluate(const SourceOptions& source, const ModelFile& model) const {
    SampleEvaluation evaluation;
    evaluation.source = source;
    evaluation.count = cell_.config.samples;
    evaluation.seed = cell_.seed;
    evaluation.float_steps = cell_.config.float_steps;
    evaluation.metrics = MetricsOf(cell_.config.metrics, model, session_);
    evaluation.prompts = cell_.config.prompts;
    evaluation.feature_net = cell_.config.feature_net;
    evaluation.text_encoder = cell_.config.text_encoder;
    evaluation.reference = cell_.config.reference;
    evaluation.threads = session_.threads, evaluation.batch = session_.batch;
    evaluation.interrupted = session_.interrupted, evaluation.progress = session_.progress;
    evaluation.float_cache = session_.work / "float";
    return EvaluateSamples(evaluation, kernels::BestKernels());
  }

  const ExperimentCell& cell_;
  const CellSession& session_;
  fs::path folder_;
  std::map<std::string, std::string> hashes_;
  std::vector<FileMetric> of_search_;  // what the search itself has to say
  Json history_;                       // of the search, by generation; null: no search
};

}  // namespace

std::string KeyOf(const ExperimentCell& cell, const CellSession& session) {
  RowConfig config = cell.config;  // without what only tables see
  config.label = config.improves_on = config.claim_metric = "";
  config.claim_lower = false, config.models = config.bits = "", config.seeds = {};
  config.recipe = "";  // what it says counts, not its name
  if (config.allocation == kUniformBits) {
    const RowConfig unused;
    config.candidate_bits = unused.candidate_bits, config.decoupled = unused.decoupled;
    config.sensitivity_samples = unused.sensitivity_samples;
    config.sensitivity_ranges = unused.sensitivity_ranges;
  }
  std::string text = ChangedText(config) + cell.bits + std::to_string(cell.seed);
  text += ChangedText(FindRecipe(cell.config.recipe));
  for (const std::string& file : {config.prompts, config.rounding}) {
    if (!file.empty()) text += ReadFile(file);
  }
  for (const auto& [key, value] : cell.search) text += key + " = " + value + "\n";
  return HashString(text + LoadAnyModel(cell.model, session.bundled).hash.Hex()).Hex();
}

Json RunCell(const ExperimentCell& cell, const CellSession& session) {
  return CellRunner(cell, session).Run();
}

}  // namespace tmpq
