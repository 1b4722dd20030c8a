// tmpq-predict: one network call from given inputs.
#include <cstdio>
#include <memory>
#include <string>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/core/tensor_file.h"
#include "src/eval/models/any_model.h"
#include "src/models/diffusers.h"
#include "src/runtime/device/device_network.h"
#include "src/runtime/network.h"
#include "src/runtime/plan_file.h"
#include "tools/common/backend.h"
#include "tools/common/call_inputs.h"
#include "tools/common/program.h"

namespace tmpq {
namespace {

constexpr int64_t kMaxBatch = 4096;

// The network that --model or --plan names.
struct LoadedNetwork {
  Graph graph;
  ParameterSet parameters;
  std::unique_ptr<PlanFile> plan;
};

LoadedNetwork Load(const cxxopts::ParseResult& arguments, const CallInputs& inputs) {
  if (arguments.count("plan") + arguments.count("model") != 1) {
    throw Error(ErrorCode::kUsage, "command line", "needs one of --model and --plan");
  }
  if (arguments.count("plan") > 0) {
    auto plan = std::make_unique<PlanFile>(arguments["plan"].as<std::string>());
    return {plan->description().graph, plan->parameters(), std::move(plan)};
  }
  const auto name = arguments["model"].as<std::string>();
  if (IsDiffusersFolder(name)) {
    DiffusersNetwork network = LoadDiffusers(name, inputs.Sizes());
    return {std::move(network.graph), std::move(network.parameters), nullptr};
  }
  ModelFile model = LoadAnyModel(name, BundledCheckpoints());
  return {std::move(model.graph), std::move(model.parameters), nullptr};
}

void Predict(const cxxopts::ParseResult& arguments) {
  const std::filesystem::path out = Required(arguments, "out");
  const CallInputs file(Required(arguments, "inputs"));
  RefuseToOverwrite(out, arguments.count("overwrite") > 0);
  const auto backend = arguments["backend"].as<std::string>();
  const kernels::KernelSet& kernels = KernelsOf(backend);
  const std::unique_ptr<Device> device = DeviceOf(backend);
  const LoadedNetwork loaded = Load(arguments, file);
  const Graph& graph = loaded.graph;
  const RuntimeNetwork network(graph, loaded.parameters, kernels);

  const int64_t batch = file.batch();
  CheckRange("batch of the inputs", static_cast<double>(batch), 1, static_cast<double>(kMaxBatch));
  std::map<std::string, InputValues> values;
  NetworkInputs inputs;
  inputs.batch = batch;
  for (const Node& node : graph.nodes()) {
    if (node.kind != OpKind::kInput) continue;
    InputValues& of_node = values[node.name] = file.Read(graph, node);
    if (of_node.floats.empty()) {
      inputs.integers[node.name] = of_node.integers.data();
    } else {
      inputs.floats[node.name] = of_node.floats.data();
    }
  }
  if (const std::string unread = file.Unread(graph); !unread.empty()) {
    std::fprintf(stderr, "the network does not take, and ignores: %s\n", unread.c_str());
  }
  ActivePolicy policy;
  if (loaded.plan != nullptr && backend != "float") {
    const Candidate& candidate = loaded.plan->description().candidate;
    const int step = arguments["step"].as<int>();
    CheckRange("--step", step, 0, candidate.steps() - 1);
    policy = network.Activate(candidate.policy(step), &loaded.plan->weights());
  } else {
    policy = network.ActivateFloat();
  }
  std::vector<float> prediction(batch * ElementsOf(graph.output_shape()));
  if (device != nullptr) {
    DeviceNetwork(network, *device, batch).Run(policy, inputs, prediction.data());
  } else {
    Workspace workspace = network.MakeWorkspace(batch);
    network.Run(policy, inputs, prediction.data(), workspace);
  }

  Shape shape = graph.output_shape();
  if (shape.size() >= 3) {
    prediction = MoveChannels(prediction, batch, shape.back(), false);
    shape = ChannelsFirst(shape);
  }
  shape.insert(shape.begin(), batch);
  TensorFileWriter writer;
  writer.AddFloats("sample", shape, prediction);
  if (out.has_parent_path()) PrepareFolder(out.parent_path());
  writer.Write(out);
  if (WantsJson(arguments)) {
    PrintJson({{"network", graph.name()},
               {"kernels", device != nullptr ? device->name() : kernels.name},
               {"shape", shape},
               {"parameters", graph.parameter_count()},
               {"macs", graph.macs()},
               {"out", out.string()}});
  } else {
    std::fprintf(stderr, "wrote %s\n", out.c_str());
  }
}

}  // namespace
}  // namespace tmpq

int main(int argc, char** argv) {
  return tmpq::RunProgram(
      argc, argv,
      {"tmpq-predict", "Runs one network call on given inputs, for parity and debugging.", ""},
      [](cxxopts::Options& options) {
        options.add_options()(
            "model", "bundled model's name, weights file, or diffusers folder: runs in float",
            cxxopts::value<std::string>())("plan", "plan.safetensors: runs in integers",
                                           cxxopts::value<std::string>())(
            "inputs",
            "safetensors with the arguments of the diffusers class (sample or hidden_states, "
            "timestep, class_labels, encoder_hidden_states, ..), laid out as there",
            cxxopts::value<std::string>())("out", "safetensors file; holds the tensor sample",
                                           cxxopts::value<std::string>())(
            "backend",
            "cpu, reference, avx2, avx512vnni, cuda, emulated; float: a plan's network in float",
            cxxopts::value<std::string>()->default_value("cpu"))(
            "step", "of the plan: whose policy to use", cxxopts::value<int>()->default_value("0"))(
            "overwrite", "replace an existing file");
      },
      tmpq::Predict);
}
