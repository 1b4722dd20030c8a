// A table as a folder: experiments/TABLE/*.ini, one row a file, become cells, one a model, pair of
// bit-widths and seed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace tmpq {

// How a row's plans are made.
inline constexpr const char* kMethodFloat = "float";        // the float model
inline constexpr const char* kMethodQuantize = "quantize";  // a recipe at uniform bit-widths
inline constexpr const char* kMethodSearch = "search";      // tmpq-search; keys of [search]
// What one search, of the budget in [search], predicts for other budgets.
inline constexpr const char* kMethodPredicted = "predicted";

inline constexpr const char* kUniformBits = "uniform";    // allocation
inline constexpr const char* kDivisionByError = "error";  // division
inline constexpr const char* kDivisionScan = "scan";
inline constexpr const char* kDivisionScanBelow = "scan-below";
inline constexpr const char* kPlannedTimesteps = "planned";  // timesteps

struct RowConfig {
  std::string label;
  std::string method = kMethodQuantize;
  std::string models = "fashion-dit";
  std::string bits = "w8a8";
  std::vector<int> seeds = {0};
  std::string recipe = "naive";
  std::string rounding;
  std::string allocation = kUniformBits;
  std::string decoupled = "error";
  std::string division = kDivisionByError;
  std::vector<int> candidate_bits = {3, 4, 5, 6, 8};
  std::string candidate_activation_bits;
  std::string group_bits;
  int sensitivity_samples = 16;
  int sensitivity_ranges = 4;
  int steps = 20;
  std::string timesteps = "uniform";
  int float_steps = 0;
  double guidance = -1;
  std::string sampler;
  std::string prompts;
  std::string metrics = "fd,psnr";
  int samples = 256;
  std::string feature_net;
  std::string text_encoder;
  std::string reward_model;
  std::string reference;
  std::string improves_on;
  std::string claim_metric = "psnr";
  bool claim_lower = false;

  template <typename V>
  void ForEachField(V&& visit) {
    visit("label", label, "of the row in tables (default: its file's name)");
    visit("method", method,
          "float, quantize (a recipe at uniform bit-widths), search, or predicted (one search, of "
          "the budget in [search], whose predicted front answers the row's budgets)");
    visit("models", models, "names, separated by commas; NAME-stress has outliers injected");
    visit("bits", bits,
          "wNaM, or budgets of a search, separated by commas, where predicted such as "
          "bitops=0.4x; not of float");
    visit("seeds", seeds, "of calibration, search and report noise");
    visit("recipe", recipe, "named recipe, or a file .ini beside the row's");
    visit("rounding", rounding,
          "file of tmpq-reconstruct, which recipes with learned rounding need; from where the "
          "program is started");
    visit("allocation", allocation,
          "uniform, or how bits of sites and timestep ranges are chosen within the average bits: "
          "greedy, lagrangian, knapsack, integer-programme or exact");
    visit("decoupled", decoupled, "by which metrics: error, vidit-q or mixdq");
    visit("division", division,
          "of a budget between two decoupled parts: error, scan (many ratios of average bits, the "
          "final error of sensitivity_samples decides), or scan-below (each also at averages up to "
          ".3 bits below the budget, as MixDQ does)");
    visit("candidate_bits", candidate_bits, "of an allocation");
    visit("candidate_activation_bits", candidate_activation_bits,
          "of activations, where they differ; 32: float inputs of layers whose weights stay "
          "integers");
    visit("group_bits", group_bits, "fewer of them for kinds of layers, as of tmpq-search");
    visit("sensitivity_samples", sensitivity_samples,
          "of the table that an allocation is made from; measured once a model and recipe");
    visit("sensitivity_ranges", sensitivity_ranges, "of timesteps in that table");
    visit("steps", steps, "sampling steps");
    visit("timesteps", timesteps,
          "unless searched: uniform, quadratic, log-snr, karras, ays, a list such as 999,600,0, or "
          "planned, by dynamic programming over measured jump errors");
    visit("float_steps", float_steps,
          "uniform steps of the float model that pairs compare with; 0: the row's own timesteps");
    visit("guidance", guidance, "guidance scale; -1: the model's own");
    visit("sampler", sampler, "as of tmpq-search (default: the model's own)");
    visit("prompts", prompts, "file of prompts (default: the model's own)");
    visit("metrics", metrics, "of tmpq-eval; a model that has no such metric leaves it out");
    visit("samples", samples, "that the metrics look at");
    visit("feature_net", feature_net, "as of tmpq-eval");
    visit("text_encoder", text_encoder, "as of tmpq-eval");
    visit("reward_model", reward_model, "as of tmpq-eval");
    visit("reference", reference, "as of tmpq-eval");
    visit("improves_on", improves_on,
          "rows, separated by commas, that this one beats in the paper, or is claimed to");
    visit("claim_metric", claim_metric, "by which it does");
    visit("claim_lower", claim_lower, "whether less of it is better");
  }

  // Throws kUsage naming `where`.
  void Validate(const std::string& where) const;
};

// The question to a predicted front that a budget is: "bitops=0.4x" asks for "bitops<=0.4x".
std::string PredictedQuery(const std::string& budget);

// The parts of a list with commas, without spaces around them.
std::vector<std::string> ListedNames(const std::string& text);

// A user's model in place of the models that the rows name, with what its metrics need.
struct OwnModel {
  std::string model;
  std::string sampler;
  std::string prompts;
  std::string feature_net;
  std::string text_encoder;
  std::string reward_model;
  std::string reference;
  std::string metrics;

  template <typename V>
  void ForEachField(V&& visit) {
    visit("model", model,
          "in place of the rows' models: weights file, or folder of a network or of diffusers; "
          "flags below go with it");
    visit("sampler", sampler, "as of tmpq-search; plms cannot be searched nor budgeted");
    visit("prompts", prompts, "file of prompts");
    visit("feature_net", feature_net, "feature network of distances: name, folder or file");
    visit("text_encoder", text_encoder, "of text similarity: name, or folder of CLIP");
    visit("reward_model", reward_model, "of rewards: name, or folder of ImageReward or PickScore");
    visit("reference", reference, "what distances are to: samples, or statistics of the network");
    visit("metrics", metrics, "in place of the rows'; the model has to have all of them");
  }

  // Throws kUsage where something is given without a model.
  void Validate() const;
};

// One thing to make and measure.
struct ExperimentCell {
  std::string row, model, bits;
  uint64_t seed = 0;
  RowConfig config;
  std::map<std::string, std::string> search;  // keys of SearchConfig
  std::string source;                         // the model as LoadAnyModel knows it

  // "20-dynamic.fashion-dit.w4a8.0": of files.
  std::string name() const;
};

struct Experiment {
  std::string name;
  bool quick = false;
  OwnModel own;                              // model empty: the rows' models
  std::vector<std::string> rows;             // names, in the order of their files
  std::map<std::string, RowConfig> configs;  // by row, before sections of models
  std::map<std::string, std::string> texts;  // every file's, by its name
  std::vector<ExperimentCell> cells;         // by row, model, bits, seed

  const RowConfig& Of(const std::string& row) const { return configs.at(row); }
};

// Reads `folder`: defaults.ini, then each row's file on top. A section named as a model holds what
// differs for it, [search] holds keys of SearchConfig, [quick] and [quick-search] what differs from
// both where `quick`. With an own model, whose name the table's then ends with, sections of models
// say nothing. Throws kIo, and kUsage naming the file of an unknown key, section, row or value.
Experiment ReadExperiment(const std::filesystem::path& folder, bool quick,
                          const OwnModel& own = {});

}  // namespace tmpq
