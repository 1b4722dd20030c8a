#include "src/models/diffusers.h"

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/core/json.h"
#include "src/models/checkpoint.h"
#include "src/models/component_config.h"
#include "src/models/diffusers_classes.h"
#include "src/models/pipeline.h"

namespace tmpq {
namespace {

struct KnownClass {
  const char* name;
  BuiltNetwork (*build)(const ComponentConfig&, const DiffusersOptions&);
};
constexpr KnownClass kKnownClasses[] = {{"UNet2DModel", BuildUnet2d},
                                        {"UNet2DConditionModel", BuildUnet2dCondition},
                                        {"DiTTransformer2DModel", BuildDitTransformer},
                                        {"Transformer2DModel", BuildTransformer2d},
                                        {"PixArtTransformer2DModel", BuildPixartTransformer},
                                        {"LatteTransformer3DModel", BuildLatteTransformer},
                                        {"HunyuanDiT2DModel", BuildHunyuanTransformer},
                                        {"STDiT", BuildOpenSoraStdit}};

const KnownClass& ClassOf(const ComponentConfig& config) {
  const auto name = config.Get<std::string>("_class_name");
  std::string known;
  for (const KnownClass& item : kKnownClasses) {
    if (name == item.name) return item;
    known += (known.empty() ? "" : ", ") + std::string(item.name);
  }
  throw Error(ErrorCode::kUnsupported, config.where(), "class " + name + " is not supported",
              "supported are " + known);
}

// The folder of the network: the pipeline's transformer or U-Net, or the folder itself.
std::filesystem::path NetworkFolder(const std::filesystem::path& folder) {
  const auto index = folder / kPipelineIndexName;
  if (!std::filesystem::exists(index)) return folder;
  const Json json = ParseJson(ReadFile(index, kMostConfigBytes), index.string());
  for (const char* component : {"transformer", "unet"}) {
    if (json.is_object() && json.contains(component)) return folder / component;
  }
  throw Error(ErrorCode::kInput, index.string(), "names neither a transformer nor a unet");
}

}  // namespace

void SetImageSize(const ComponentConfig& config, const DiffusersOptions& options, int64_t fallback,
                  int64_t& height, int64_t& width) {
  height = width = fallback;
  if (config.Has("sample_size")) {
    if (config.Raw("sample_size").is_array()) {
      const auto sizes = config.Get<std::vector<int64_t>>("sample_size");
      if (sizes.size() != 2) {
        throw Error(ErrorCode::kInput, config.where(), "sample_size is neither one number nor two");
      }
      height = sizes[0], width = sizes[1];
    } else {
      height = width = config.Size("sample_size");
    }
  }
  if (options.height > 0) height = options.height;
  if (options.width > 0) width = options.width;
}

void ExpectMultiple(const ComponentConfig& config, const char* key, int64_t value, int64_t factor) {
  if (value % factor == 0) return;
  throw Error(ErrorCode::kUnsupported, config.where(),
              std::string(key) + " = " + std::to_string(value) + " is not supported",
              "supported are multiples of " + std::to_string(factor));
}

bool IsDiffusersFolder(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder / kPipelineIndexName) ||
         std::filesystem::exists(folder / kConfigName);
}

DiffusersNetwork LoadDiffusers(const std::filesystem::path& folder,
                               const DiffusersOptions& options) {
  const auto component = NetworkFolder(folder);
  const ComponentConfig config(component / kConfigName);
  BuiltNetwork built = ClassOf(config).build(config, options);
  const Checkpoint checkpoint(component, kDiffusersWeights);
  ParameterSet parameters = LoadParameters(checkpoint, built.graph, built.source);
  return {config.Get<std::string>("_class_name"), std::move(built.graph), std::move(parameters)};
}

Graph BuildDiffusersGraph(const std::filesystem::path& config_path,
                          const DiffusersOptions& options) {
  const ComponentConfig config(config_path);
  return ClassOf(config).build(config, options).graph;
}

}  // namespace tmpq
