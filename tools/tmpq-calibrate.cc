// tmpq-calibrate --model M --recipe R --bits w4a8 --out DIR: quantizes a model without a search.
#include <cstdio>
#include <string>

#include "src/core/config.h"
#include "src/core/file.h"
#include "src/eval/calibration/incoherence.h"
#include "src/eval/driver/bit_pair.h"
#include "src/eval/driver/search_bench.h"
#include "src/eval/driver/search_outputs.h"
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
      "bits", "of all weights and activations: wNaM", text("w8a8"))(
      "steps", "sampling steps, at uniform timesteps", text("20"))(
      "prompts", "file of prompts to calibrate on (default: the model's own)", text(""))(
      "guidance", "guidance scale; -1: the model's own", text("-1"))(
      "seed", "of the calibration's noise", text("0"))(
      "incoherence", "write incoherence.csv: how hard each layer's inputs are to round")(
      "out", "folder of calibration, supernet and plan", cxxopts::value<std::string>())(
      "overwrite", "replace what is in --out")("resume", "use what is in --out")(
      "threads", "0: one per core; never changes the result",
      cxxopts::value<int>()->default_value("0"))(
      "batch", "samples per network call of a thread; never changes the result",
      cxxopts::value<int>()->default_value("8"));
}

void ListRecipes(bool as_json) {
  Json list = Json::array();
  for (const NamedRecipe& named : NamedRecipes()) {
    if (!as_json) std::printf("%-12s %s.\n", named.name.c_str(), named.description.c_str());
    list.push_back({{"name", named.name},
                    {"description", named.description},
                    {"recipe", ConfigText(named.recipe)}});
  }
  if (as_json) PrintJson(list);
}

SearchConfig ReadConfig(const cxxopts::ParseResult& arguments, BitPair bits) {
  SearchConfig config;
  std::map<std::string, std::string> values;
  for (const char* key : {"model", "recipe", "steps", "prompts", "guidance", "seed"}) {
    values[key] = arguments[key].as<std::string>();
  }
  ApplyValues(config, values, "command line");
  config.stress = arguments.count("stress") > 0;
  config.weight_bits = {bits.weight};
  config.activation_bits = {bits.activation};
  config.budget = "bitops=100x";  // bits are given, not searched
  config.Validate();
  return config;
}

void Calibrate(const cxxopts::ParseResult& arguments) {
  if (arguments.count("list") > 0) return ListRecipes(WantsJson(arguments));
  const BitPair bits = ParseBitPair(arguments["bits"].as<std::string>(), "--bits");
  const SearchConfig config = ReadConfig(arguments, bits);
  TerminalProgress progress = MakeProgress();
  const SearchSession session = ReadSession(arguments, progress);
  RunResumable(session, "calibration", [&] {
    SearchBench bench(config, session);
    PrepareRunFolder(session, {kPlanName, kIncoherenceName});
    bench.OpenSampler();
    bench.OpenSupernet();
    const Candidate candidate = Candidate::Uniform(
        UniformTimesteps(config.steps, bench.schedule().training_steps()),
        UniformPolicy(bench.sites(), BitWidth::Of(bits.weight), BitWidth::Of(bits.activation)));
    bench.WritePlanOf(candidate, "tmpq-calibrate", session.out / kPlanName);
    if (arguments.count("incoherence") > 0) {
      WriteFileAtomically(
          session.out / kIncoherenceName,
          IncoherenceCsv(MeasureIncoherence(bench.model().graph, bench.model().parameters,
                                            bench.OpenCalibration(), bench.recipe().balance_alpha,
                                            bench.recipe().rotation_seed)));
    }
    const Costs costs = bench.space().CostsOf(candidate);
    const Json result = {{"model", bench.model().name},
                         {"recipe", config.recipe},
                         {"steps", config.steps},
                         {"average_weight_bits", costs.average_weight_bits},
                         {"stored_weight_bits", costs.stored_weight_bits},
                         {"average_activation_bits", costs.average_activation_bits},
                         {"bitops", costs.bitops},
                         {"bytes", costs.bytes},
                         {"hashes", bench.hashes()},
                         {"plan", (session.out / kPlanName).string()}};
    if (WantsJson(arguments)) return PrintJson(result);
    std::printf(
        "%s, %s, w%da%d: %.2f weight bits, %.2f stored, %.2f activation bits, %lld bytes.\n"
        "Wrote %s/{supernet, plan}.safetensors.\n",
        bench.model().name.c_str(), config.recipe.c_str(), bits.weight, bits.activation,
        costs.average_weight_bits, costs.stored_weight_bits, costs.average_activation_bits,
        static_cast<long long>(costs.bytes), session.out.c_str());
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
