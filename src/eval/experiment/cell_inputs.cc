#include "src/eval/experiment/cell_inputs.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <set>

#include "src/core/config.h"
#include "src/core/file.h"
#include "src/core/hash.h"
#include "src/eval/driver/bit_pair.h"
#include "src/eval/files/file_metrics.h"
#include "src/eval/models/any_model.h"
#include "src/eval/models/feature_space.h"
#include "src/eval/models/measured_space.h"
#include "src/models/split_concatenation.h"
#include "src/models/stress.h"
#include "src/quant/recipe.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

// What the files say that a config names: nothing made of their content is for another.
std::string ContentsOf(const SearchConfig& config, const CellSession& session) {
  std::string text = FindRecipe(config.recipe).Text();
  for (const std::string& file :
       {config.prompts, config.rounding, config.latency, config.sensitivity}) {
    if (!file.empty()) text += ReadFile(file);
  }
  for (const std::string& network : {config.feature_net, config.text_encoder}) {
    text += session.hashes->OfPath(network);
  }
  return text + session.hashes->OfModel(config.model, session.bundled);
}

// Of what is kept for all cells whose config, of this `text`, says the same.
fs::path SharedFolder(const CellSession& session, const char* room, const ExperimentCell& cell,
                      const SearchConfig& config, const std::string& text) {
  const std::string all = text + ContentsOf(config, session);
  return session.work / room / (cell.model + "-" + HashString(all).Hex().substr(0, 8));
}

// The recipe's variant of the float model has float samples of its own.
bool IsSplit(const ExperimentCell& cell) {
  return cell.config.method != kMethodFloat && FindRecipe(cell.config.recipe).split_concatenations;
}

// Names the float samples at the row's own timesteps, and at `float_steps` uniform ones.
std::string OwnFloatSamples(const ExperimentCell& cell, const CellSession& session) {
  const RowConfig& config = cell.config;
  if (config.timesteps != kPlannedTimesteps) {
    return std::to_string(config.steps) + " " + config.timesteps;
  }
  return JumpsFolderOf(cell, session).string();
}

// Why a model cannot have a metric, and what would give it to it.
struct Lack {
  std::string what, remedy;
};

// The distribution that distances in the named network's features are to.
bool HasStatistics(const std::string& net, const CellSession& session) {
  return !net.empty() && net != kRandomFeatures && !StatisticsPath(net, session.bundled).empty();
}

std::optional<Lack> LackFor(const std::string& metric, const ExperimentCell& cell,
                            const ModelFile& model, const CellSession& session) {
  const std::string where = "model " + model.name;
  const RowConfig& config = cell.config;
  const std::set<MetricNeeds> needs = NeedsOf({metric});
  const auto needs_any = [&](std::initializer_list<MetricNeeds> kinds) {
    return std::any_of(kinds.begin(), kinds.end(),
                       [&](MetricNeeds kind) { return needs.count(kind) > 0; });
  };
  const Json text = TextOf(model.sampling);
  if (needs_any({MetricNeeds::kEncoder}) && config.text_encoder.empty() &&
      TextEncoderOf(model.sampling, where, session.bundled).empty()) {
    return Lack{"names no text encoder", "--text-encoder names one; "};
  }
  if (needs_any({MetricNeeds::kRewardModel, MetricNeeds::kRewardPairs}) &&
      config.reward_model.empty() &&
      RewardModelOf(model.sampling, where, session.bundled).empty()) {
    return Lack{"names no reward model", "--reward-model names one; "};
  }
  if (needs_any({MetricNeeds::kJudge}) && !(text.is_object() && !text.value("judge", "").empty())) {
    return Lack{"has no judge of its captions", "text_similarity looks at texts too; "};
  }
  if (needs_any({MetricNeeds::kClips, MetricNeeds::kFrameFeatures}) &&
      model.graph.node(model.graph.FindInput("sample")).shape.size() != 4) {
    return Lack{"samples no clips", ""};
  }
  const std::string net =
      config.feature_net.empty() ? FeatureNetOf(model.sampling, where) : config.feature_net;
  if (needs_any({MetricNeeds::kFeatures}) && config.reference.empty() &&
      !HasStatistics(net, session)) {
    return Lack{"comes with no data that distances are to",
                "--reference names samples, or statistics of --feature-net; "};
  }
  if (needs_any({MetricNeeds::kFeatureMaps, MetricNeeds::kPairedFeatures}) && net.empty()) {
    return Lack{"names no feature network", "--feature-net names one; "};
  }
  return std::nullopt;
}

}  // namespace

SearchConfig SearchConfigOf(const ExperimentCell& cell) {
  const std::string& model = cell.source;
  SearchConfig config;
  const std::string ending = kStressEnding;
  config.stress = model.ends_with(ending) && !fs::exists(model);
  config.model = config.stress ? model.substr(0, model.size() - ending.size()) : model;
  config.recipe = cell.config.recipe, config.rounding = cell.config.rounding;
  config.steps = IntRange::Of(cell.config.steps);
  config.guidance = cell.config.guidance, config.sampler = cell.config.sampler;
  config.prompts = cell.config.prompts;
  config.feature_net = cell.config.feature_net;
  config.text_encoder = cell.config.text_encoder;
  config.seed = cell.seed;
  return config;
}

SearchConfig QuantizeConfigOf(const ExperimentCell& cell) {
  const BitPair bits = ParseBitPair(cell.bits, cell.name());
  const bool mixed = cell.config.allocation != kUniformBits;
  SearchConfig config = SearchConfigOf(cell);
  config.weight_bits = mixed ? cell.config.candidate_bits : std::vector<int>{bits.weight};
  config.activation_bits = mixed ? cell.config.candidate_bits : std::vector<int>{bits.activation};
  if (mixed && !cell.config.candidate_activation_bits.empty()) {
    ApplyValues(config, {{"activation_bits", cell.config.candidate_activation_bits}}, cell.name());
  }
  if (mixed) config.group_bits = cell.config.group_bits;
  config.budget = mixed ? cell.bits : "bitops=100x";  // there bits are given, not searched
  config.Validate();
  return config;
}

SearchConfig RowSearchConfigOf(const ExperimentCell& cell) {
  SearchConfig config = SearchConfigOf(cell);
  if (cell.config.method == kMethodSearch) config.budget = cell.bits;
  ApplyValues(config, cell.search, cell.name() + " [search]");
  config.Validate();
  return config;
}

SensitivityConfig SensitivityConfigOf(const ExperimentCell& cell) {
  SensitivityConfig wanted;
  wanted.search = QuantizeConfigOf(cell);
  wanted.search.seed = 0, wanted.search.group_bits = "";  // measured is every kind at all
  wanted.bits = cell.config.candidate_bits;
  wanted.activation_bits = cell.config.candidate_activation_bits;
  wanted.samples = cell.config.sensitivity_samples;
  wanted.ranges = cell.config.sensitivity_ranges;
  wanted.Validate();
  return wanted;
}

SearchConfig JumpsConfigOf(const ExperimentCell& cell) {
  SearchConfig config = SearchConfigOf(cell);
  config.seed = 0, config.mode = "consistent";
  config.Validate();
  return config;
}

fs::path SensitivityFolderOf(const ExperimentCell& cell, const CellSession& session) {
  const SensitivityConfig config = SensitivityConfigOf(cell);
  return SharedFolder(session, "sensitivity", cell, config.search, ConfigText(config));
}

fs::path JumpsFolderOf(const ExperimentCell& cell, const CellSession& session) {
  const SearchConfig config = JumpsConfigOf(cell);
  return SharedFolder(session, "jumps", cell, config, ConfigText(config));
}

fs::path PredictingFolderOf(const ExperimentCell& cell, const CellSession& session) {
  const SearchConfig config = RowSearchConfigOf(cell);
  return SharedFolder(session, "search", cell, config, ConfigText(config));
}

std::vector<std::string> MetricsOf(const ExperimentCell& cell, const ModelFile& model,
                                   const CellSession& session) {
  std::vector<std::string> names;
  for (const std::string& name : ParseFileMetrics(cell.config.metrics)) {
    if (!LackFor(name, cell, model, session).has_value()) names.push_back(name);
  }
  return names;
}

void CheckMetrics(const Experiment& experiment, const CellSession& session) {
  if (experiment.own.model.empty()) return;
  const ModelFile model = LoadAnyModel(experiment.own.model, session.bundled);
  for (const ExperimentCell& cell : experiment.cells) {
    for (const std::string& name : ParseFileMetrics(cell.config.metrics)) {
      const std::optional<Lack> lack = LackFor(name, cell, model, session);
      if (!lack.has_value()) continue;
      throw Error(ErrorCode::kUsage, "row " + cell.row + ": metric " + name,
                  "is not for model " + experiment.own.model + ", which " + lack->what,
                  lack->remedy + "--metrics without it leaves it out");
    }
  }
}

std::string KeyOf(const ExperimentCell& cell, const CellSession& session) {
  RowConfig config = cell.config;  // without what only tables see
  config.label = config.improves_on = config.claim_metric = "";
  config.claim_lower = false, config.models = config.bits = "", config.seeds = {};
  config.recipe = "";  // what it says counts, not its name
  if (config.allocation == kUniformBits) {
    const RowConfig unused;
    config.candidate_bits = unused.candidate_bits, config.decoupled = unused.decoupled;
    config.candidate_activation_bits = unused.candidate_activation_bits;
    config.group_bits = unused.group_bits;
    config.sensitivity_samples = unused.sensitivity_samples, config.division = unused.division;
    config.sensitivity_ranges = unused.sensitivity_ranges;
  }
  std::string text = ChangedText(config) + cell.bits + std::to_string(cell.seed);
  text += ChangedText(FindRecipe(cell.config.recipe));
  for (const std::string& file : {config.prompts, config.rounding}) {
    if (!file.empty()) text += ReadFile(file);
  }
  for (const std::string& file :
       {config.feature_net, config.text_encoder, config.reward_model, config.reference}) {
    text += session.hashes->OfPath(file);
  }
  const std::set<std::string> files = {"latency", "prompts", "rounding", "sensitivity"};
  for (const auto& [key, value] : cell.search) {
    text += key + " = " + (files.count(key) > 0 ? ReadFile(value) : value) + "\n";
  }
  return HashString(text + session.hashes->OfModel(cell.source, session.bundled)).Hex();
}

std::vector<std::string> SharedParts(const ExperimentCell& cell, const CellSession& session) {
  const RowConfig& config = cell.config;
  const bool in_float = config.method == kMethodFloat;
  std::vector<std::string> parts;
  if (config.allocation != kUniformBits) parts.push_back(SensitivityFolderOf(cell, session));
  if (config.timesteps == kPlannedTimesteps) parts.push_back(JumpsFolderOf(cell, session));
  if (config.method == kMethodPredicted) parts.push_back(PredictingFolderOf(cell, session));
  const std::string samples =
      "float samples of " + cell.source + (IsSplit(cell) ? kSplitEnding : "") + " " +
      std::to_string(cell.seed) + " " + std::to_string(config.samples) + " " +
      std::to_string(config.guidance) + " " + config.sampler + " " + config.prompts + " at ";
  if (in_float) parts.push_back(samples + OwnFloatSamples(cell, session));
  if (NeedsOf(ParseFileMetrics(config.metrics)).count(MetricNeeds::kPairs) == 0) return parts;
  if (config.float_steps != 0) {
    parts.push_back(samples + std::to_string(config.float_steps) + " uniform");
  } else if (config.method == kMethodQuantize) {  // a search's timesteps are its own
    parts.push_back(samples + OwnFloatSamples(cell, session));
  }
  return parts;
}

}  // namespace tmpq
