#include "src/models/pipeline.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/models/component_config.h"
#include "src/models/encoder.h"

namespace tmpq {
namespace {

constexpr size_t kMostComponents = 64;

ComponentKind KindOf(const std::string& name, const std::string& class_name) {
  constexpr std::array kTokenizers = {"CLIPTokenizer",   "CLIPTokenizerFast", "T5Tokenizer",
                                      "T5TokenizerFast", "BertTokenizer",     "BertTokenizerFast"};
  if (name == "unet" || name == "transformer") return ComponentKind::kDenoiser;
  if (name == "scheduler") return ComponentKind::kScheduler;
  if (class_name == "AutoencoderKL") return ComponentKind::kAutoencoder;
  if (IsEncoderClass(class_name)) return ComponentKind::kEncoder;
  const bool tokenizer = std::any_of(kTokenizers.begin(), kTokenizers.end(),
                                     [&](const char* known) { return class_name == known; });
  return tokenizer ? ComponentKind::kTokenizer : ComponentKind::kOther;
}

// Whether a name is one folder's and nothing else's.
bool IsPlainName(const std::string& name) {
  return !name.empty() && name.size() < 256 && name[0] != '.' &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
         });
}

// The folder of a component, checked to lie directly below the pipeline's.
std::filesystem::path FolderOf(const std::filesystem::path& pipeline, const std::string& name,
                               const std::string& where) {
  namespace fs = std::filesystem;
  if (!IsPlainName(name)) {
    throw Error(ErrorCode::kInput, where, "component \"" + name + "\" is not the name of a folder");
  }
  const fs::path folder = pipeline / name;
  std::error_code failed;
  const fs::path real = fs::canonical(folder, failed);
  if (failed || !fs::is_directory(real, failed)) {
    throw Error(ErrorCode::kInput, where, "component " + name + " has no folder",
                "the download is incomplete, or links lead nowhere");
  }
  const fs::path above = fs::canonical(pipeline, failed);
  if (failed || real.parent_path() != above) {
    throw Error(ErrorCode::kInput, where,
                "component " + name + " lies outside the pipeline: " + real.string());
  }
  return folder;
}

// [library, class]; null where the component is absent.
bool IsComponent(const Json& value) {
  return value.is_array() && value.size() == 2 &&
         std::all_of(value.begin(), value.end(),
                     [](const Json& item) { return item.is_string() || item.is_null(); });
}

}  // namespace

const PipelineComponent& Pipeline::Get(const std::string& name) const {
  const auto found = components.find(name);
  if (found == components.end()) {
    throw Error(ErrorCode::kInput, folder.string(), class_name + " has no component " + name);
  }
  return found->second;
}

std::vector<std::string> Pipeline::NamesOf(ComponentKind kind) const {
  std::vector<std::string> names;
  for (const auto& [name, component] : components) {
    if (component.kind == kind) names.push_back(name);
  }
  return names;
}

Pipeline LoadPipeline(const std::filesystem::path& folder) {
  const auto path = folder / kPipelineIndexName;
  const std::string where = path.string();
  const Json index = ParseJson(ReadFile(path, kMostConfigBytes), where);
  Pipeline pipeline;
  pipeline.folder = folder;
  pipeline.class_name = JsonGet<std::string>(index, "_class_name", where);
  pipeline.settings = Json::object();
  for (const auto& [name, value] : index.items()) {
    if (name.starts_with("_")) continue;
    if (!IsComponent(value)) {
      pipeline.settings[name] = value;
      continue;
    }
    if (value[1].is_null()) continue;
    if (pipeline.components.size() == kMostComponents) {
      throw Error(ErrorCode::kInput, where, "names too many components");
    }
    const auto class_name = value[1].get<std::string>();
    pipeline.components[name] = {class_name, KindOf(name, class_name),
                                 FolderOf(folder, name, where)};
  }
  if (pipeline.NamesOf(ComponentKind::kDenoiser).empty()) {
    throw Error(ErrorCode::kInput, where, "names neither a transformer nor a unet");
  }
  return pipeline;
}

}  // namespace tmpq
