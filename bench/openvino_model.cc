#include "bench/openvino_model.h"

#include <fstream>

#include "src/core/error.h"
#include "src/core/tensor_file.h"

namespace tmpq {
namespace {

constexpr const char* kOutputFile = "output.bin";

}  // namespace

OpenVinoModel::OpenVinoModel(const std::string& python, const std::filesystem::path& script,
                             const std::filesystem::path& model, const Graph& graph,
                             const RandomBatch& inputs, int64_t batch, const std::string& kind,
                             int threads)
    : elements_(batch * ElementsOf(graph.output_shape())),
      process_("OpenVINO " + kind, {python, script, model, WriteInputs(graph, inputs, batch),
                                    folder_.path() / kOutputFile, kind, std::to_string(threads)}) {}

std::vector<float> OpenVinoModel::Out() {
  process_.Ask("write", "written");
  const std::filesystem::path path = folder_.path() / kOutputFile;
  std::vector<float> values(elements_);
  const auto bytes = static_cast<std::streamsize>(values.size() * sizeof(float));
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(values.data()), bytes);
  if (file.gcount() != bytes || file.peek() != EOF) {
    throw Error(ErrorCode::kIo, path, "has another size than the outputs",
                std::to_string(bytes) + " bytes");
  }
  return values;
}

std::filesystem::path OpenVinoModel::WriteInputs(const Graph& graph, const RandomBatch& inputs,
                                                 int64_t batch) {
  TensorFileWriter writer;
  for (const Node& node : graph.nodes()) {
    if (node.kind != OpKind::kInput) continue;
    Shape shape = node.shape;
    shape.insert(shape.begin(), batch);
    const auto floats = inputs.floats.find(node.name);
    if (floats != inputs.floats.end()) {
      writer.AddFloats(node.name, shape, floats->second);
    } else {
      writer.AddInt32s(node.name, shape, inputs.integers.at(node.name));
    }
  }
  const std::filesystem::path path = folder_.path() / "inputs.safetensors";
  writer.Write(path);
  return path;
}

}  // namespace tmpq
