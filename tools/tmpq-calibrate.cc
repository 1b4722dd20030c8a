// tmpq-calibrate --model M --recipe R --bits w4a8 --out DIR: quantizes a model without a search.
#include <cstdio>
#include <optional>
#include <string>

#include "src/core/config.h"
#include "src/core/file.h"
#include "src/eval/calibration/incoherence.h"
#include "src/eval/driver/bit_pair.h"
#include "src/eval/driver/search_bench.h"
#include "src/eval/driver/search_outputs.h"
#include "src/eval/results/costs_json.h"
#include "src/eval/sensitivity/mixed_precision.h"
#include "src/eval/sensitivity/sensitivity_file.h"
#include "src/quant/recipe.h"
#include "tools/common/program.h"
#include "tools/common/session.h"

namespace tmpq {
namespace {

constexpr const char* kIncoherenceName = "incoherence.csv";

void DeclareFlags(cxxopts::Options& options) {
  const SearchConfig defaults;
  const auto text = [](const char* value) {
    return cxxopts::value<std::string>()->default_value(value);
  };
  options.add_options()("list", "print the named recipes and end")(
      "model", "bundled model's name, weights file, or folder", text(defaults.model.c_str()))(
      "stress", "inject outlier channels first (labelled NAME-stress)")(
      "recipe", "named recipe, or a file .ini of a recipe's keys", text("naive"))(
      "rounding", "file of tmpq-reconstruct, for recipes with learned rounding", text(""))(
      "bits", "of all weights and activations: wNaM; wNa32 leaves activations in float",
      text("w8a8"))("sensitivity", "table of tmpq-sensitivity: mixed precision, instead of --bits",
                    cxxopts::value<std::string>())(
      "budget", "of mixed precision: wNaM, Nbit, bitops=0.25x, size=2MB, or several with commas",
      text("w4a8"))(
      "allocation",
      "greedy, greedy-per-cost, lagrangian, knapsack, integer-programme or exact (default: exact; "
      "greedy for vidit-q-mp)",
      cxxopts::value<std::string>())(
      "decoupled",
      "what decides: error, vidit-q (each group of layers by its own metric) or mixdq (default: "
      "error; vidit-q for vidit-q-mp)",
      cxxopts::value<std::string>())("candidate-bits",
                                     "bit-widths to choose from (default: the table's)",
                                     cxxopts::value<std::string>())(
      "candidate-activation-bits", "of activations, where they differ; 32: float inputs",
      cxxopts::value<std::string>())("group-bits",
                                     "fewer of them for kinds of layers: embedding=8;...",
                                     cxxopts::value<std::string>())(
      "same-at-all-steps", "one bit-width a site instead of one in each range of the table's")(
      "steps", "sampling steps, at uniform timesteps", text("20"))(
      "prompts", "file of prompts to calibrate on (default: the model's own)", text(""))(
      "guidance", "guidance scale; -1: the model's own", text("-1"))(
      "seed", "of the calibration's noise", text("0"))(
      "incoherence", "write incoherence.csv: how hard each layer's inputs are to round")(
      "out", "folder of calibration, supernet and plan", cxxopts::value<std::string>())(
      "overwrite", "replace what is in --out")("resume", "use what is in --out")(
      "threads", "0: one per core; never changes the result",
      cxxopts::value<int>()->default_value("0"))(
      "batch", "samples per network call; never changes the result",
      cxxopts::value<int>()->default_value("8"));
}

void ListRecipes(bool as_json) {
  Json list = Json::array();
  for (const NamedRecipe& named : NamedRecipes()) {
    if (!as_json) std::printf("%-12s %s.\n", named.name.c_str(), named.description.c_str());
    list.push_back({{"name", named.name},
                    {"description", named.description},
                    {"recipe", named.recipe.Text()}});
  }
  if (as_json) PrintJson(list);
}

SearchConfig ReadConfig(const cxxopts::ParseResult& arguments) {
  SearchConfig config;
  std::map<std::string, std::string> values;
  for (const char* key : {"model", "recipe", "rounding", "steps", "prompts", "guidance", "seed"}) {
    values[key] = arguments[key].as<std::string>();
  }
  ApplyValues(config, values, "command line");
  config.stress = arguments.count("stress") > 0;
  return config;
}

// --sensitivity, and what goes with it.
struct MixedRequest {
  std::string path;
  SensitivityTable table;
  MixedSettings settings;
};

std::string DecoupledOf(const std::string& recipe) {
  for (const NamedRecipe& named : NamedRecipes()) {
    if (named.name == recipe) return named.decoupled;
  }
  return "";
}

// Nothing for --bits; sets what `config` has to know beforehand.
std::optional<MixedRequest> ReadMixed(const cxxopts::ParseResult& arguments, SearchConfig& config) {
  const std::string method = DecoupledOf(config.recipe);
  const auto value_or = [&](const char* flag, const std::string& otherwise) {
    return arguments.count(flag) > 0 ? arguments[flag].as<std::string>() : otherwise;
  };
  if (arguments.count("sensitivity") == 0) {
    for (const char* flag : {"budget", "allocation", "decoupled", "candidate-bits",
                             "candidate-activation-bits", "group-bits"}) {
      if (arguments.count(flag) == 0 && (method.empty() || arguments.count("bits") > 0)) continue;
      throw Error(ErrorCode::kUsage, "--sensitivity", "is missing",
                  "mixed precision needs a table of tmpq-sensitivity");
    }
    return std::nullopt;
  }
  if (arguments.count("bits") > 0) {
    throw Error(ErrorCode::kUsage, "--bits and --sensitivity", "contradict each other",
                "mixed precision has a --budget");
  }
  MixedRequest mixed{arguments["sensitivity"].as<std::string>(), {}, {}};
  mixed.table = ReadSensitivity(mixed.path);
  config.weight_bits = MeasuredBits(mixed.table, /*of_weights=*/true);
  config.activation_bits = MeasuredBits(mixed.table, /*of_weights=*/false);
  const auto set = [&](const char* flag, const char* key) {
    if (arguments.count(flag) == 0) return;
    ApplyValues(config, {{key, arguments[flag].as<std::string>()}}, std::string("--") + flag);
  };
  set("candidate-bits", "weight_bits"), set("candidate-bits", "activation_bits");
  set("candidate-activation-bits", "activation_bits"), set("group-bits", "group_bits");
  config.budget = arguments["budget"].as<std::string>();
  mixed.settings.decoupled = value_or("decoupled", method.empty() ? "error" : method);
  mixed.settings.solver =
      ParseAllocationSolver(value_or("allocation", method.empty() ? "exact" : "greedy"));
  mixed.settings.by_range = arguments.count("same-at-all-steps") == 0;
  return mixed;
}

Json ToJson(const SearchBench& bench, const MixedRequest* mixed, const MixedAllocation& chosen,
            const std::string& plan) {
  Json result = {{"model", bench.model().name},
                 {"recipe", bench.config().recipe},
                 {"steps", bench.config().steps.most}};
  result.update(CostsToJson(chosen.costs));
  result["hashes"] = bench.hashes(), result["plan"] = plan;
  if (mixed != nullptr) {
    result["allocation"] = {{"budget", bench.config().budget},
                            {"solver", NameOf(mixed->settings.solver)},
                            {"decoupled", mixed->settings.decoupled},
                            {"predicted_error", chosen.predicted_error}};
  }
  return result;
}

void Calibrate(const cxxopts::ParseResult& arguments) {
  if (arguments.count("list") > 0) return ListRecipes(WantsJson(arguments));
  SearchConfig config = ReadConfig(arguments);
  const std::optional<MixedRequest> mixed = ReadMixed(arguments, config);
  const std::string given = arguments["bits"].as<std::string>();
  const BitPair bits = ParseBitPair(given, "--bits");
  if (!mixed.has_value()) {
    config.weight_bits = {bits.weight}, config.activation_bits = {bits.activation};
    config.budget = "bitops=100x";  // bits are given, not searched
  }
  config.Validate();
  TerminalProgress progress = MakeProgress();
  const SearchSession session = ReadSession(arguments, progress);
  RunResumable(session, "calibration", [&] {
    SearchBench bench(config, session);
    MixedAllocation chosen;
    if (mixed.has_value()) {
      chosen = AllocateMixed(mixed->table, bench, mixed->settings, mixed->path);
    } else {
      chosen.candidate = Candidate::Uniform(
          UniformTimesteps(config.steps.most, bench.schedule().training_steps()),
          UniformPolicy(bench.sites(), BitWidth::Of(bits.weight), BitWidth::Of(bits.activation)));
      chosen.costs = bench.space().CostsOf(chosen.candidate);
    }
    PrepareRunFolder(session, {kPlanName, kIncoherenceName});
    bench.OpenSampler();
    bench.OpenSupernet(/*with_baselines=*/false);
    bench.WritePlanOf(chosen.candidate, "tmpq-calibrate", session.out / kPlanName);
    if (arguments.count("incoherence") > 0) {
      WriteFileAtomically(
          session.out / kIncoherenceName,
          IncoherenceCsv(MeasureIncoherence(bench.model().graph, bench.model().parameters,
                                            bench.OpenCalibration(), bench.recipe().balance_alpha,
                                            bench.recipe().rotation_seed)));
    }
    if (WantsJson(arguments)) {
      return PrintJson(
          ToJson(bench, mixed.has_value() ? &*mixed : nullptr, chosen, session.out / kPlanName));
    }
    const Costs& costs = chosen.costs;
    std::printf(
        "%s, %s, %s: %.2f weight bits, %.2f stored, %.2f activation bits, %lld bytes.\n%s"
        "Wrote %s/{supernet, plan}.safetensors.\n",
        bench.model().name.c_str(), config.recipe.c_str(),
        mixed.has_value() ? ("budget " + config.budget).c_str() : given.c_str(),
        costs.average_weight_bits, costs.stored_weight_bits, costs.average_activation_bits,
        static_cast<long long>(costs.bytes), TextOf(chosen, bench.sites()).c_str(),
        session.out.c_str());
  });
}

}  // namespace
}  // namespace tmpq

int main(int argc, char** argv) {
  return tmpq::RunProgram(
      argc, argv,
      {"tmpq-calibrate",
       "Quantizes a model by a recipe: calibrates, packs its weights, and writes a plan of uniform "
       "bit-widths to run or to measure.",
       ""},
      tmpq::DeclareFlags, tmpq::Calibrate);
}
