#include "bench/supernet_bench.h"

#include <cstdio>

#include "bench/opened_search.h"
#include "src/quant/recipe.h"
#include "src/supernet/supernet_size.h"
#include "tests/runtime/random_batch.h"

namespace tmpq {
namespace {

Json SizesToJson(const SearchBench& bench, size_t widths) {
  const Graph& graph = bench.model().graph;
  const double model = 4.0 * static_cast<double>(graph.parameter_count());
  const double beside = static_cast<double>(FloatBytesBeside(graph, bench.weights().scheme()));
  const double copies = beside + static_cast<double>(widths) * (model - beside);
  Json sets = Json::array();
  for (SupernetSize size : bench.weights().SizesByMaskSet()) {
    size["float parameters"] = static_cast<int64_t>(beside);
    int64_t bytes = 0;
    for (const auto& [part, count] : size) bytes += count;
    sets.push_back({{"parts", size},
                    {"bytes", bytes},
                    {"to_float_model", static_cast<double>(bytes) / model},
                    {"to_float_copies", static_cast<double>(bytes) / copies}});
  }
  return sets;
}

// Switching between two random policies, and a call of the network at either.
Json SwitchToJson(const SupernetBenchSettings& settings, const SearchBench& bench) {
  const RuntimeNetwork& network = bench.sampler().network();
  RandomStream random(0, RandomPurpose::kTest);
  const Policy first = bench.space().Random(random).policy(0),
               second = bench.space().Random(random).policy(0);
  ActivePolicy active = network.Activate(first, &bench.weights());
  bool turn = false;
  Workspace workspace = network.MakeWorkspace(settings.batch);
  const RandomBatch batch(network.graph(), settings.batch);
  std::vector<float> output(settings.batch * ElementsOf(network.graph().output_shape()));
  const auto call = [&](int64_t count) {
    network.Run(active, batch.Inputs(network.graph(), 0, count), output.data(), workspace);
  };
  const std::vector<Timing> timings =
      RunContest({{"switch",
                   [&] {
                     turn = !turn;
                     active = network.Activate(turn ? second : first, &bench.weights());
                   }},
                  {"call", [&] { call(settings.batch); }},
                  {"call of one sample", [&] { call(1); }}},
                 settings.contest);
  const auto share = [&](int contestant) { return timings[0].median / timings[contestant].median; };
  return {{"microseconds", ToJson(timings[0])},
          {"batch", settings.batch},
          {"call_microseconds", ToJson(timings[1])},
          {"share_of_call", share(1)},
          {"call_of_one_microseconds", ToJson(timings[2])},
          {"share_of_call_of_one", share(2)}};
}

std::string Line(const char* format, const std::string& name, double value) {
  char line[128];
  std::snprintf(line, sizeof(line), format, name.c_str(), value);
  return line;
}

}  // namespace

Json BenchSupernet(const SupernetBenchSettings& settings, Progress& progress) {
  Json result = {{"format", "tmpq-bench-search-1"},
                 {"model", settings.model},
                 {"recipe", settings.recipe},
                 {"bits", settings.bits},
                 {"machine", MachineToJson()}};
  QuantRecipe recipe = FindRecipe(settings.recipe);
  for (const bool nested : {false, true}) {
    recipe.nested = nested;
    Json& storage = result["storage"][nested ? "nested" : "packed"];
    try {
      recipe.Validate();
    } catch (const Error& error) {
      storage = {{"refused", error.what()}};
      continue;
    }
    const OpenedSearch opened(settings.model, recipe, settings.bits, settings.bundled,
                              settings.batch, progress);
    storage = SizesToJson(*opened.bench, settings.bits.size());
    if (!nested) result["switch"] = SwitchToJson(settings, *opened.bench);
  }
  return result;
}

std::string SupernetBenchText(const Json& result) {
  std::string text = result["model"].get<std::string>() + ", " +
                     result["recipe"].get<std::string>() + ", bits " + result["bits"].dump() + "\n";
  for (const auto& [storage, sets] : result["storage"].items()) {
    if (sets.contains("refused")) continue;
    for (size_t set = 0; set < sets.size(); ++set) {
      text += storage + ", mask set " + std::to_string(set) + ":\n";
      for (const auto& [part, bytes] : sets[set]["parts"].items()) {
        text += Line("  %-24s %12.0f bytes\n", part, bytes.get<double>());
      }
      text += Line("  %-24s %12.0f bytes\n", "all", sets[set]["bytes"].get<double>());
      text += Line("  %-24s %12.3f\n", "of the float model", sets[set]["to_float_model"]);
      text += Line("  %-24s %12.3f\n", "of a float copy a width", sets[set]["to_float_copies"]);
    }
  }
  const Json& change = result["switch"];
  text += Line("%-26s %12.2f us\n", "switching a candidate", change["microseconds"]["median"]);
  text += Line("%-26s %12.2f us\n", "a network call", change["call_microseconds"]["median"]);
  text += Line("%-26s %12.4f %%\n", "share", 100 * change["share_of_call"].get<double>());
  text += Line("%-26s %12.4f %%\n", "share of a call of one",
               100 * change["share_of_call_of_one"].get<double>());
  return text;
}

}  // namespace tmpq
