#include "bench/model_bench.h"

#include <omp.h>

#include <cstdio>
#include <cstring>
#include <memory>

#include "bench/network_cases.h"
#include "bench/openvino_model.h"
#include "bench/peak.h"
#include "bench/runtime_model.h"
#include "bench/temporary_folder.h"
#include "src/eval/models/any_model.h"
#include "src/supernet/supernet.h"
#ifdef TMPQ_WITH_TORCH
#include "bench/torch_int8.h"
#include "bench/torch_linear.h"
#include "bench/torch_model.h"
#endif

namespace tmpq {
namespace {

ModelFile LoadOrBuild(const ModelBenchSettings& settings) {
  if (!IsNetwork(settings.model)) return LoadAnyModel(settings.model, settings.bundled);
  ModelFile file;
  file.name = settings.model, file.graph = BuildNetwork(settings.model);
  file.parameters = RandomWeights(file.graph), file.hash = HashString(settings.model);
  return file;
}

// What all contests of a model share.
struct OpenedModel {
  ModelFile file;
  TemporaryFolder folder;
  std::unique_ptr<Supernet> supernet;
  std::unique_ptr<RuntimeNetwork> network, reference;

  OpenedModel(const ModelBenchSettings& settings, Progress& progress)
      : file(LoadOrBuild(settings)) {
    const std::vector<BitWidth> widths = {BitWidth::Of(4), BitWidth::Of(8)};
    const auto path = folder.path() / "supernet.safetensors";
    Supernet::Build(file.graph, file.parameters, file.hash, widths, path, progress);
    supernet = std::make_unique<Supernet>(path, file.graph, file.hash, widths);
    const auto open = [&](const kernels::KernelSet& kernels) {
      return std::make_unique<RuntimeNetwork>(file.graph, file.parameters, kernels);
    };
    network = open(kernels::BestKernels()), reference = open(kernels::ReferenceKernels());
    if (!settings.openvino.empty()) file.Save(model_path());
  }

  // For peers in processes of their own.
  std::filesystem::path model_path() const { return folder.path() / "model.safetensors"; }

  ActivePolicy Activate(int weights, int activations) const {
    return network->Activate(
        UniformPolicy(file.graph.sites(), BitWidth::Of(weights), BitWidth::Of(activations)),
        &supernet->weights());
  }
};

// The first sample has the reference's bytes; 8 bits are near to float.
void CheckIntegers(const OpenedModel& opened, RuntimeModel& model, const RandomBatch& inputs,
                   const ActivePolicy& policy, const std::vector<float>& exact) {
  constexpr double kMostError = 0.1;
  model.Run(policy);
  TMPQ_CHECK(RelativeDifference(model.out(), exact) < kMostError, "W8A8 is off the float network");
  RuntimeModel one(*opened.reference, inputs, 1, 1);
  one.Run(policy);
  TMPQ_CHECK(
      std::memcmp(one.out().data(), model.out().data(), one.out().size() * sizeof(float)) == 0,
      "network differs from the reference kernels");
}

constexpr double kErrorOfFloat = 1e-3,
                 kErrorOfInt8 = 0.3;  // peers' scales are coarser than a token's

Json RunModelContest(const OpenedModel& opened, const ModelBenchSettings& settings, int threads) {
  omp_set_num_threads(threads);
  const RandomBatch inputs(opened.file.graph, settings.batch);
  RuntimeModel model(*opened.network, inputs, settings.batch, threads);
  const ActivePolicy w8a8 = opened.Activate(8, 8), w4a8 = opened.Activate(4, 8),
                     w4a4 = opened.Activate(4, 4), floats = opened.network->ActivateFloat();
  model.Run(floats);
  const std::vector<float> exact = model.out();
  CheckIntegers(opened, model, inputs, w8a8, exact);
  std::vector<Contestant> contestants = {{"tmpq w8a8", [&] { model.Run(w8a8); }},
                                         {"tmpq w4a8", [&] { model.Run(w4a8); }},
                                         {"tmpq w4a4", [&] { model.Run(w4a4); }},
                                         {"tmpq float32", [&] { model.Run(floats); }}};
  const auto check = [&](const std::string& name, std::span<const float> out) {
    const double most = name.find("float32") != std::string::npos ? kErrorOfFloat : kErrorOfInt8;
    TMPQ_CHECK(RelativeDifference(out, exact) < most, name + " differs");
  };
#ifdef TMPQ_WITH_TORCH
  SetTorchThreads(threads);
  std::vector<std::unique_ptr<TorchModel>> torch;
  std::vector<std::string> engines = TorchInt8Engines();
  engines.insert(engines.begin(), "float32");
  for (const std::string& engine : engines) {
    torch.push_back(std::make_unique<TorchModel>(opened.file.graph, opened.file.parameters, inputs,
                                                 settings.batch, engine));
    TorchModel& of = *torch.back();
    of.Run();
    const std::string name =
        "LibTorch " + (engine == "float32" ? engine : "dynamic int8 " + engine);
    check(name, {of.out(), exact.size()});
    contestants.push_back({name, [&of] { of.Run(); }});
  }
#endif
  std::vector<std::unique_ptr<OpenVinoModel>> openvino;
  for (const std::string& kind : kOpenVinoKinds) {
    if (settings.openvino.empty()) break;
    openvino.push_back(std::make_unique<OpenVinoModel>(
        settings.openvino, settings.scripts / "openvino_peer.py", opened.model_path(),
        opened.file.graph, inputs, settings.batch, kind, threads));
    OpenVinoModel& of = *openvino.back();
    of.Run();
    check("OpenVINO " + kind, of.Out());
    contestants.push_back({"OpenVINO " + kind, [&of] { of.Run(); }});
  }
  double peak_operations = 0;
  if (HasDotProduct()) {
    contestants.push_back({"peak", [&] { peak_operations = RunDotProducts(threads); }});
  }
  const std::vector<Timing> timings = RunContest(contestants, settings.contest);
  const double operations = 2.0 * static_cast<double>(opened.file.graph.macs() * settings.batch);
  Json results = Json::array();
  for (size_t i = 0; i < contestants.size(); ++i) {
    if (contestants[i].name == "peak") continue;
    Json result = {{"name", contestants[i].name}, {"microseconds", ToJson(timings[i])}};
    if (HasDotProduct()) {
      const double at_peak = operations / (peak_operations / timings.back().least);
      result["share_of_peak_of_fastest"] = at_peak / timings[i].least;
    }
    results.push_back(result);
  }
  Json ops = Json::object();
  for (const auto& [name, policy] : {std::pair{"w8a8", &w8a8}, {"w4a8", &w4a8}, {"w4a4", &w4a4}}) {
    ops[name] = model.TimeOps(*policy, settings.contest.repetitions);
  }
  Json contest = {{"threads", threads}, {"results", results}, {"ops", ops}};
  if (!openvino.empty()) contest["openvino"] = openvino[0]->version();
  return contest;
}

}  // namespace

Json BenchModel(const ModelBenchSettings& settings, Progress& progress) {
  const OpenedModel opened(settings, progress);
  Json result = {{"format", "tmpq-bench-model-1"}, {"model", settings.model},
                 {"batch", settings.batch},        {"macs", opened.file.graph.macs()},
                 {"machine", MachineToJson()},     {"contests", Json::array()}};
  for (const int threads : settings.threads) {
    result["contests"].push_back(RunModelContest(opened, settings, threads));
  }
  return result;
}

std::string ModelBenchText(const Json& result) {
  char line[160];
  std::snprintf(line, sizeof(line), "%s, batch %d: ms of the median and of the fastest call\n",
                result["model"].get<std::string>().c_str(), result["batch"].get<int>());
  std::string text = line;
  for (const Json& contest : result["contests"]) {
    text += std::to_string(contest["threads"].get<int>()) + " threads\n";
    for (const Json& of : contest["results"]) {
      const Json& time = of["microseconds"];
      std::snprintf(line, sizeof(line), "  %-24s %10.3f %10.3f\n",
                    of["name"].get<std::string>().c_str(), time["median"].get<double>() / 1e3,
                    time["least"].get<double>() / 1e3);
      text += line;
    }
    std::vector<std::pair<std::string, Json>> policies;
    for (const auto& [name, ops] : contest["ops"].items()) policies.emplace_back(name, ops);
    text += OpTimesText(policies);
  }
  return text;
}

}  // namespace tmpq
