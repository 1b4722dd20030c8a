// tmpq-predict: one network call from given inputs.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/core/tensor_file.h"
#include "src/eval/models/any_model.h"
#include "src/models/checkpoint.h"
#include "src/models/diffusers.h"
#include "src/runtime/network.h"
#include "src/runtime/plan_file.h"
#include "tools/common/backend.h"
#include "tools/common/program.h"

namespace tmpq {
namespace {

constexpr int64_t kMaxBatch = 4096;

// diffusers' name of a graph's input in some of its classes.
std::string AliasOf(const std::string& input) {
  if (input == "sample") return "hidden_states";
  if (input == "label") return "class_labels";
  return input;
}

// The input file, by the graph's names.
class InputFile {
 public:
  explicit InputFile(const std::filesystem::path& path) : file_(path, "") {}

  // Null where the file lacks it.
  const TensorView* Find(const std::string& input) const {
    const auto found = file_.tensors().find(NameOf(input));
    return found == file_.tensors().end() ? nullptr : found->second;
  }
  const TensorView& Get(const std::string& input) const {
    const TensorView* view = Find(input);
    if (view == nullptr) {
      throw Error(ErrorCode::kInput, where(), "has no tensor \"" + input + "\"",
                  AliasOf(input) != input ? "it may also be called " + AliasOf(input) : "");
    }
    return *view;
  }
  std::vector<float> Floats(const std::string& input) const {
    const DType dtype = Get(input).dtype;
    if (dtype != DType::kI32 && dtype != DType::kI64) return file_.Floats(NameOf(input));
    const auto integers = file_.Integers(NameOf(input));
    return {integers.begin(), integers.end()};
  }
  std::vector<int32_t> Integers(const std::string& input) const {
    return file_.Integers(NameOf(input));
  }
  std::string where() const { return file_.path().string(); }

 private:
  std::string NameOf(const std::string& input) const {
    return file_.Has(input) ? input : AliasOf(input);
  }
  Checkpoint file_;
};

// (batch, C, .., W) <-> (batch, .., W, C): samples lie channels first in files.
std::vector<float> MoveChannels(const std::vector<float>& values, int64_t batch, int64_t channels,
                                bool to_last) {
  const int64_t pixels = static_cast<int64_t>(values.size()) / (batch * channels);
  std::vector<float> out(values.size());
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t i = 0; i < pixels; ++i) {
        const int64_t first = (b * channels + c) * pixels + i,
                      last = (b * pixels + i) * channels + c;
        out[to_last ? last : first] = values[to_last ? first : last];
      }
    }
  }
  return out;
}

Shape ChannelsFirst(const Shape& shape) {
  Shape result = {shape.back()};
  result.insert(result.end(), shape.begin(), shape.end() - 1);
  return result;
}

// The network that --model or --plan names.
struct LoadedNetwork {
  Graph graph;
  ParameterSet parameters;
  std::unique_ptr<PlanFile> plan;
};

LoadedNetwork Load(const cxxopts::ParseResult& arguments, const InputFile& inputs) {
  if (arguments.count("plan") + arguments.count("model") != 1) {
    throw Error(ErrorCode::kUsage, "command line", "needs one of --model and --plan");
  }
  if (arguments.count("plan") > 0) {
    auto plan = std::make_unique<PlanFile>(arguments["plan"].as<std::string>());
    return {plan->description().graph, plan->parameters(), std::move(plan)};
  }
  const auto name = arguments["model"].as<std::string>();
  if (IsDiffusersFolder(name)) {
    const Shape sample = inputs.Get("sample").shape;
    DiffusersOptions options;
    if (sample.size() >= 3) {
      options.height = sample[sample.size() - 2], options.width = sample.back();
    }
    if (sample.size() == 5) options.frames = sample[2];
    const TensorView* caption = inputs.Find("encoder_hidden_states");
    if (caption != nullptr && caption->shape.size() == 3)
      options.caption_tokens = caption->shape[1];
    DiffusersNetwork network = LoadDiffusers(name, options);
    return {std::move(network.graph), std::move(network.parameters), nullptr};
  }
  ModelFile model = LoadAnyModel(name, BundledCheckpoints());
  return {std::move(model.graph), std::move(model.parameters), nullptr};
}

// The values of one input for the whole batch, in the graph's layout.
struct InputValues {
  std::vector<float> floats;
  std::vector<int32_t> integers;
};

InputValues ReadInput(const InputFile& file, const Graph& graph, const Node& node, int64_t batch) {
  const TensorView& view = file.Get(node.name);
  InputValues values;
  const Node* embedding = nullptr;
  for (const Node& reader : graph.nodes()) {
    if (reader.kind == OpKind::kLabelEmbedding && &graph.node(reader.inputs[0]) == &node) {
      embedding = &reader;
    }
  }
  const bool image = node.name == "sample";
  Shape expected = image ? ChannelsFirst(node.shape) : node.shape;
  expected.insert(expected.begin(), batch);
  const bool one_for_all = node.shape.empty() && view.elements() == 1;
  if (view.shape != expected && !one_for_all) {
    throw Error(ErrorCode::kInput, file.where(),
                "tensor " + node.name + " is " + ShapeText(view.shape),
                "the network takes " + ShapeText(expected));
  }
  if (embedding != nullptr) {
    values.integers = file.Integers(node.name);
    if (one_for_all) values.integers.assign(batch, values.integers[0]);
    for (const int32_t value : values.integers) {
      CheckRange(node.name, value, 0, static_cast<double>(embedding->attributes.size - 1));
    }
    return values;
  }
  values.floats = file.Floats(node.name);
  if (one_for_all) values.floats.assign(batch, values.floats[0]);
  if (image) values.floats = MoveChannels(values.floats, batch, node.shape.back(), true);
  return values;
}

void Predict(const cxxopts::ParseResult& arguments) {
  const std::filesystem::path out = Required(arguments, "out");
  const InputFile file(Required(arguments, "inputs"));
  RefuseToOverwrite(out, arguments.count("overwrite") > 0);
  const auto backend = arguments["backend"].as<std::string>();
  const kernels::KernelSet& kernels = KernelsOf(backend);
  const LoadedNetwork loaded = Load(arguments, file);
  const Graph& graph = loaded.graph;
  const RuntimeNetwork network(graph, loaded.parameters, kernels);

  const Shape& sample = file.Get("sample").shape;
  const int64_t batch = sample.empty() ? 1 : sample[0];
  CheckRange("batch of the inputs", static_cast<double>(batch), 1, static_cast<double>(kMaxBatch));
  std::map<std::string, InputValues> values;
  NetworkInputs inputs;
  inputs.batch = batch;
  for (const Node& node : graph.nodes()) {
    if (node.kind != OpKind::kInput) continue;
    InputValues& of_node = values[node.name] = ReadInput(file, graph, node, batch);
    if (of_node.floats.empty()) {
      inputs.integers[node.name] = of_node.integers.data();
    } else {
      inputs.floats[node.name] = of_node.floats.data();
    }
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
  Workspace workspace = network.MakeWorkspace(batch);
  network.Run(policy, inputs, prediction.data(), workspace);

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
               {"kernels", kernels.name},
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
            "backend", "cpu, reference, avx2, avx512vnni; float: a plan's network in float",
            cxxopts::value<std::string>()->default_value("cpu"))(
            "step", "of the plan: whose policy to use", cxxopts::value<int>()->default_value("0"))(
            "overwrite", "replace an existing file");
      },
      tmpq::Predict);
}
