#include "src/models/model_file.h"

#include <algorithm>
#include <vector>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/core/tensor_file.h"
#include "src/models/checkpoint.h"

namespace tmpq {
namespace {

constexpr const char* kMetadataKey = "tmpq.model";
constexpr const char* kFormat = "tmpq-model-1";
constexpr const char* kNetworkName = "network.json";
constexpr const char* kNetworkFormat = "tmpq-network-1";
constexpr size_t kMostNetworkBytes = size_t{1} << 28;
constexpr const char* kWeightsName = "weights.safetensors";

}  // namespace

ModelFile ModelFile::Load(const std::filesystem::path& path) {
  const TensorFile file(path, TensorFile::Checksum::kRequired);
  const std::string where = path.string();
  const Json json = ParseJson(file.Metadata(kMetadataKey), where);
  if (JsonGet<std::string>(json, "format", where) != kFormat) {
    throw Error(ErrorCode::kInput, where, std::string("is not of format ") + kFormat);
  }
  ModelFile model;
  model.name = JsonGet<std::string>(json, "name", where);
  model.graph = Graph::FromJson(JsonGet<Json>(json, "graph", where), where);
  model.sampling = JsonGet<Json>(json, "sampling", where);
  model.training = JsonGet<Json>(json, "training", where);
  model.parameters = ParameterSet::Load(file, model.graph);
  model.hash = file.hash();
  return model;
}

void ModelFile::Save(const std::filesystem::path& path) const {
  TensorFileWriter writer;
  const Json json = {{"format", kFormat},
                     {"name", name},
                     {"graph", graph.ToJson()},
                     {"sampling", sampling},
                     {"training", training}};
  writer.SetMetadata(kMetadataKey, json.dump());
  parameters.Save(writer, graph);
  writer.Write(path);
}

bool IsNetworkFolder(const std::filesystem::path& folder) {
  return std::filesystem::is_regular_file(folder / kNetworkName);
}

ModelFile LoadNetworkFolder(const std::filesystem::path& folder) {
  const auto path = folder / kNetworkName;
  const std::string where = path.string(), text = ReadFile(path, kMostNetworkBytes);
  const Json json = ParseJson(text, where);
  if (JsonGet<std::string>(json, "format", where) != kNetworkFormat) {
    throw Error(ErrorCode::kInput, where, std::string("is not of format ") + kNetworkFormat);
  }
  ModelFile model;
  model.name = JsonGet<std::string>(json, "name", where);
  model.graph = Graph::FromJson(JsonGet<Json>(json, "graph", where), where);
  if (json.contains("sampling")) model.sampling = json["sampling"];
  const Checkpoint checkpoint(folder, "weights");
  model.parameters = LoadParameters(checkpoint, model.graph, {});
  model.hash = HashString(text + checkpoint.hash().Hex());
  return model;
}

Json TextOf(const Json& sampling) {
  return sampling.is_object() && sampling.contains("text") ? sampling["text"] : Json();
}

std::filesystem::path FindModel(const std::string& name, const std::filesystem::path& bundled) {
  namespace fs = std::filesystem;
  for (const fs::path& path :
       {fs::path(name), fs::path(name) / kWeightsName, bundled / name / kWeightsName}) {
    if (!name.empty() && fs::is_regular_file(path)) return path;
  }
  std::vector<std::string> known;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(bundled, ignored)) {
    if (fs::exists(entry.path() / kWeightsName)) known.push_back(entry.path().filename().string());
  }
  std::sort(known.begin(), known.end());
  std::string list;
  for (const std::string& item : known) list += (list.empty() ? "" : ", ") + item;
  throw Error(
      ErrorCode::kInput, "model \"" + name + "\"",
      std::string("no such file, no folder with ") + kWeightsName + ", and no bundled model",
      "bundled are: " + (list.empty() ? "none" : list));
}

}  // namespace tmpq
