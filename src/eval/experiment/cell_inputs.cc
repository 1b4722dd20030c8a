#include "src/eval/experiment/cell_inputs.h"

#include <set>

#include "src/core/config.h"
#include "src/core/file.h"
#include "src/core/hash.h"
#include "src/eval/driver/bit_pair.h"
#include "src/eval/files/file_metrics.h"
#include "src/eval/models/any_model.h"
#include "src/eval/models/measured_space.h"
#include "src/models/split_concatenation.h"
#include "src/models/stress.h"
#include "src/quant/recipe.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

// Of what is kept for all cells whose `config` says the same.
fs::path SharedFolder(const CellSession& session, const char* room, const ExperimentCell& cell,
                      const std::string& config) {
  return session.work / room / (cell.model + "-" + HashString(config).Hex().substr(0, 8));
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

}  // namespace

SearchConfig SearchConfigOf(const ExperimentCell& cell) {
  const std::string& model = cell.model;
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

SearchConfig QuantizeConfigOf(const ExperimentCell& cell) {
  const BitPair bits = ParseBitPair(cell.bits, cell.name());
  const bool mixed = cell.config.allocation != kUniformBits;
  SearchConfig config = SearchConfigOf(cell);
  config.weight_bits = mixed ? cell.config.candidate_bits : std::vector<int>{bits.weight};
  config.activation_bits = mixed ? cell.config.candidate_bits : std::vector<int>{bits.activation};
  config.budget = mixed ? cell.bits : "bitops=100x";  // there bits are given, not searched
  config.Validate();
  return config;
}

SensitivityConfig SensitivityConfigOf(const ExperimentCell& cell) {
  SensitivityConfig wanted;
  wanted.search = QuantizeConfigOf(cell);
  wanted.search.seed = 0;
  wanted.bits = cell.config.candidate_bits;
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
  return SharedFolder(session, "sensitivity", cell, ConfigText(SensitivityConfigOf(cell)));
}

fs::path JumpsFolderOf(const ExperimentCell& cell, const CellSession& session) {
  return SharedFolder(session, "jumps", cell, ConfigText(JumpsConfigOf(cell)));
}

std::string SourceModelOf(const ExperimentCell& cell) {
  return IsSplit(cell) ? cell.model + kSplitEnding : cell.model;
}

std::vector<std::string> MetricsOf(const ExperimentCell& cell, const ModelFile& model,
                                   const CellSession& session) {
  const std::string where = "model " + model.name;
  const Json text = TextOf(model.sampling);
  const bool has_judge = text.is_object() && !text.value("judge", "").empty();
  const bool has_encoder = !TextEncoderOf(model.sampling, where, session.bundled).empty();
  const bool is_video = model.graph.node(model.graph.FindInput("sample")).shape.size() == 4;
  std::vector<std::string> names;
  for (const std::string& name : ParseFileMetrics(cell.config.metrics)) {
    const std::set<MetricNeeds> needs = NeedsOf({name});
    const auto has = [&](MetricNeeds need) { return needs.count(need) > 0; };
    if (has(MetricNeeds::kEncoder) && !has_encoder) continue;
    if (has(MetricNeeds::kJudge) && !has_judge) continue;
    if ((has(MetricNeeds::kClips) || has(MetricNeeds::kFrameFeatures)) && !is_video) continue;
    names.push_back(name);
  }
  return names;
}

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

std::vector<std::string> SharedParts(const ExperimentCell& cell, const CellSession& session) {
  const RowConfig& config = cell.config;
  const bool in_float = config.method == kMethodFloat;
  std::vector<std::string> parts;
  if (config.allocation != kUniformBits) parts.push_back(SensitivityFolderOf(cell, session));
  if (config.timesteps == kPlannedTimesteps) parts.push_back(JumpsFolderOf(cell, session));
  const std::string samples = "float samples of " + SourceModelOf(cell) + " " +
                              std::to_string(cell.seed) + " " + std::to_string(config.samples) +
                              " " + std::to_string(config.guidance) + " " + config.prompts + " at ";
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
