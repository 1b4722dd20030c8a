#include "src/eval/experiment/experiment.h"

#include <algorithm>
#include <cstdio>

#include "src/core/config.h"
#include "src/core/error.h"
#include "src/core/file.h"
#include "src/eval/driver/bit_pair.h"
#include "src/eval/driver/front_query.h"
#include "src/eval/driver/search_config.h"
#include "src/eval/files/file_metrics.h"
#include "src/search/allocation/solve.h"
#include "src/search/space_settings.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;
using Values = std::map<std::string, std::string>;

constexpr const char* kDefaultsName = "defaults.ini";
constexpr const char* kSearchSection = "search";
constexpr const char* kQuickSection = "quick";
constexpr const char* kQuickSearchSection = "quick-search";

// Keys by section; "": those before any.
std::map<std::string, Values> SectionsOf(const Values& values) {
  std::map<std::string, Values> sections;
  for (const auto& [key, value] : values) {
    const size_t dot = key.find('.');
    const bool common = dot == std::string::npos;
    sections[common ? "" : key.substr(0, dot)][common ? key : key.substr(dot + 1)] = value;
  }
  return sections;
}

// What one row's files say.
struct RowFiles {
  std::string where;  // the row's file
  std::map<std::string, Values> sections;
  std::vector<std::string> models;  // that any of the files names: a row may have fewer

  void Put(const std::map<std::string, Values>& file) {
    for (const auto& [name, values] : file) {
      for (const auto& [key, value] : values) sections[name][key] = value;
    }
    for (const std::string& model : ListedNames(Of("")["models"])) models.push_back(model);
  }
  Values Of(const std::string& section) const {
    const auto found = sections.find(section);
    return found == sections.end() ? Values() : found->second;
  }
  void Apply(const std::string& section, RowConfig& config) const {
    ApplyValues(config, Of(section), where + (section.empty() ? "" : " [" + section + "]"));
  }
};

RowConfig CommonConfig(const RowFiles& files, bool quick) {
  RowConfig config;
  files.Apply("", config);
  if (quick) files.Apply(kQuickSection, config);
  return config;
}

// Typos in a section's name would otherwise have no effect.
void CheckSections(const RowFiles& files) {
  for (const auto& [name, values] : files.sections) {
    if (name.empty() || name == kSearchSection || name == kQuickSection ||
        name == kQuickSearchSection) {
      continue;
    }
    if (std::find(files.models.begin(), files.models.end(), name) != files.models.end()) continue;
    throw Error(ErrorCode::kUsage, files.where,
                "section [" + name + "] is no model of the row, nor of " + kDefaultsName,
                "known are search, quick, quick-search and the models");
  }
  for (const char* section : {kSearchSection, kQuickSearchSection}) {
    SearchConfig search;
    ApplyValues(search, files.Of(section), files.where + " [" + section + "]");
  }
}

Values SearchValues(const RowFiles& files, bool quick) {
  Values values = quick ? files.Of(kQuickSearchSection) : Values();
  values.merge(files.Of(kSearchSection));  // what is there stays
  return values;
}

// How cells and files call it: "mine" for folder/mine/ and for folder/mine.safetensors.
std::string NameOf(const OwnModel& own) {
  const fs::path path = fs::path(own.model + "/").parent_path();
  return path.extension() == ".safetensors" ? path.stem() : path.filename();
}

// Puts what was given in place of what the row says.
void Apply(const OwnModel& own, RowConfig& config) {
  const std::pair<const std::string&, std::string&> fields[] = {
      {own.sampler, config.sampler},
      {own.prompts, config.prompts},
      {own.feature_net, config.feature_net},
      {own.text_encoder, config.text_encoder},
      {own.reward_model, config.reward_model},
      {own.reference, config.reference},
      {own.metrics, config.metrics}};
  for (const auto& [given, field] : fields) {
    if (!given.empty()) field = given;
  }
}

void AddCells(const RowFiles& files, const std::string& row, Experiment& experiment) {
  const RowConfig common = experiment.Of(row);
  const bool in_float = common.method == kMethodFloat;
  const bool is_own = !experiment.own.model.empty();
  for (const std::string& model :
       is_own ? std::vector{NameOf(experiment.own)} : ListedNames(common.models)) {
    RowConfig config = common;
    if (is_own) {
      Apply(experiment.own, config);
    } else if (!experiment.quick) {
      files.Apply(model, config);
    }
    config.Validate(files.where);
    const auto pairs = in_float ? std::vector<std::string>{kMethodFloat} : ListedNames(config.bits);
    for (const std::string& bits : pairs) {
      for (const int seed : config.seeds) {
        experiment.cells.push_back({row, model, bits, static_cast<uint64_t>(seed), config,
                                    SearchValues(files, experiment.quick),
                                    is_own ? experiment.own.model : model});
      }
    }
  }
}

std::vector<fs::path> RowPaths(const fs::path& folder) {
  if (!fs::is_directory(folder)) {
    throw Error(ErrorCode::kUsage, folder.string(), "is no folder", "experiments/TABLE");
  }
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const fs::path& path = entry.path();
    if (path.extension() == ".ini" && path.filename() != kDefaultsName) paths.push_back(path);
  }
  std::sort(paths.begin(), paths.end());
  if (paths.empty()) {
    throw Error(ErrorCode::kUsage, folder.string(), "has no rows", "one file .ini a row");
  }
  return paths;
}

}  // namespace

std::vector<std::string> ListedNames(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) {
    const size_t begin = part.find_first_not_of(' '), end = part.find_last_not_of(' ');
    if (begin != std::string::npos) parts.push_back(part.substr(begin, end - begin + 1));
  }
  return parts;
}

std::string PredictedQuery(const std::string& budget) {
  std::string query = budget;
  const size_t at = query.find('=');
  if (at != std::string::npos) query.insert(at, "<");
  return query;
}

void RowConfig::Validate(const std::string& where) const {
  const bool searches = method == kMethodSearch || method == kMethodPredicted;
  if (method != kMethodFloat && method != kMethodQuantize && !searches) {
    throw Error(ErrorCode::kUsage, where + ": method", "\"" + method + "\" is unknown",
                "known are float, quantize, search and predicted");
  }
  if (allocation != kUniformBits) {
    ParseAllocationSolver(allocation);
    ParseBitsOfGroups(group_bits);
  }
  const bool scans = division == kDivisionScan || division == kDivisionScanBelow;
  if (division != kDivisionByError && !scans) {
    throw Error(ErrorCode::kUsage, where + ": division", "\"" + division + "\" is unknown",
                "error, scan or scan-below");
  }
  if (scans && allocation != kUniformBits && decoupled == "error") {
    throw Error(ErrorCode::kUsage, where + ": division", "scans nothing: error makes one part",
                "decoupled = mixdq or vidit-q");
  }
  CheckRange(where + ": samples", samples, 2, 1'000'000);
  CheckRange(where + ": steps", steps, 1, 1000);
  CheckRange(where + ": float_steps", float_steps, 0, 1000);
  if (timesteps != RowConfig().timesteps && (searches || allocation != kUniformBits)) {
    throw Error(ErrorCode::kUsage, where + ": timesteps", "are not this row's to choose",
                "a search finds its own; an allocation is for uniform ones");
  }
  for (const int seed : seeds) CheckRange(where + ": seeds", seed, 0, 1e9);
  if (seeds.empty() || ListedNames(models).empty()) {
    throw Error(ErrorCode::kUsage, where, "needs at least one of models and seeds");
  }
  ParseFileMetrics(metrics);
  if (method != kMethodFloat) {
    if (ListedNames(bits).empty()) throw Error(ErrorCode::kUsage, where + ": bits", "are missing");
    if (method == kMethodPredicted) {
      for (const std::string& budget : ListedNames(bits)) ParseFrontQuery(PredictedQuery(budget));
    }
    if (searches) return;  // budgets, which need the model
    for (const std::string& pair : ListedNames(bits)) ParseBitPair(pair, where + ": bits");
  }
}

void OwnModel::Validate() const {
  OwnModel given = *this;
  given.ForEachField([&](const char* name, const std::string& value, const char* /*help*/) {
    if (value.empty() || !model.empty()) return;
    throw Error(ErrorCode::kUsage, name, "goes with a model of your own",
                "--model names it; the rows of bundled models say theirs");
  });
}

std::string ExperimentCell::name() const {
  return row + "." + model + "." + bits + "." + std::to_string(seed);
}

Experiment ReadExperiment(const fs::path& folder, bool quick, const OwnModel& own) {
  own.Validate();
  Experiment experiment;
  experiment.name = fs::absolute(folder / "").parent_path().filename();
  if (!own.model.empty()) experiment.name += "-" + NameOf(own);
  experiment.quick = quick, experiment.own = own;
  std::map<std::string, Values> defaults;
  if (fs::exists(folder / kDefaultsName)) {
    experiment.texts[kDefaultsName] = ReadFile(folder / kDefaultsName);
    defaults = SectionsOf(ReadIni(folder / kDefaultsName));
  }
  for (const fs::path& path : RowPaths(folder)) {
    const std::string row = path.stem();
    experiment.texts[path.filename()] = ReadFile(path);
    RowFiles files{path.string(), {}, {}};
    files.Put(defaults);
    files.Put(SectionsOf(ReadIni(path)));
    CheckSections(files);
    RowConfig config = CommonConfig(files, quick);
    if (config.label.empty()) config.label = row;
    const fs::path beside = folder / config.recipe;
    if (beside.extension() == ".ini") {
      experiment.texts[config.recipe] = ReadFile(beside);
      config.recipe = beside.string();
    }
    experiment.rows.push_back(row);
    experiment.configs[row] = config;
    AddCells(files, row, experiment);
  }
  for (const auto& [row, config] : experiment.configs) {
    for (const std::string& other : ListedNames(config.improves_on)) {
      if (experiment.configs.count(other) > 0) continue;
      throw Error(ErrorCode::kUsage, (folder / (row + ".ini")).string(),
                  "improves_on = " + other + " is no row of this folder");
    }
  }
  return experiment;
}

}  // namespace tmpq
