#include "src/plan/quant_scheme.h"

#include <algorithm>
#include <optional>

#include "src/core/error.h"
#include "src/plan/stored_sums.h"

namespace tmpq {
namespace {

constexpr const char* kScalesNames[] = {"token", "static-tensor", "static-token"};

constexpr const char* kStorageNames[] = {"float32", "float16", "bfloat16"};

// Nothing where `name` is none of `names`.
template <typename T, size_t count>
std::optional<T> Find(const char* const (&names)[count], const std::string& name) {
  for (size_t i = 0; i < count; ++i) {
    if (name == names[i]) return static_cast<T>(i);
  }
  return std::nullopt;
}
std::optional<ActivationScales> FindScales(const std::string& name) {
  return Find<ActivationScales>(kScalesNames, name);
}
std::optional<ActivationStorage> FindStorage(const std::string& name) {
  return Find<ActivationStorage>(kStorageNames, name);
}

// Members that differ from the default.
Json LayerToJson(const LayerScheme& layer) {
  const LayerScheme plain;
  Json json = Json::object();
  if (!layer.weight_symmetric) json["weight_symmetric"] = false;
  if (layer.weight_group != plain.weight_group) json["weight_group"] = layer.weight_group;
  if (layer.activation_scales != plain.activation_scales) {
    json["activation_scales"] = NameOf(layer.activation_scales);
  }
  if (!layer.activation_symmetric) json["activation_symmetric"] = false;
  if (layer.balanced) json["balanced"] = true;
  if (layer.rotated) json["rotated"] = true;
  if (layer.low_rank != plain.low_rank) json["low_rank"] = layer.low_rank;
  if (layer.first_row) json["first_row"] = true;
  if (layer.keep_float) json["keep_float"] = true;
  return json;
}

template <typename T>
void ReadMember(const Json& json, const char* key, const std::string& where, T& value) {
  if (json.contains(key)) value = JsonGet<T>(json, key, where);
}

LayerScheme LayerFromJson(const Json& json, const std::string& where) {
  LayerScheme layer;
  std::string scales = NameOf(layer.activation_scales);
  ReadMember(json, "weight_symmetric", where, layer.weight_symmetric);
  ReadMember(json, "weight_group", where, layer.weight_group);
  ReadMember(json, "activation_scales", where, scales);
  ReadMember(json, "activation_symmetric", where, layer.activation_symmetric);
  ReadMember(json, "balanced", where, layer.balanced);
  ReadMember(json, "rotated", where, layer.rotated);
  ReadMember(json, "low_rank", where, layer.low_rank);
  ReadMember(json, "first_row", where, layer.first_row);
  ReadMember(json, "keep_float", where, layer.keep_float);
  const std::optional<ActivationScales> found = FindScales(scales);
  if (!found) throw Error(ErrorCode::kInput, where, "has unknown activation_scales");
  layer.activation_scales = *found;
  if (layer.weight_group < 0 || layer.weight_group % 4 != 0 || layer.low_rank < 0) {
    throw Error(ErrorCode::kInput, where, "has an impossible weight_group or low_rank");
  }
  return layer;
}

}  // namespace

const char* NameOf(ActivationScales scales) { return kScalesNames[static_cast<int>(scales)]; }

ActivationScales ParseActivationScales(const std::string& name) {
  if (const std::optional<ActivationScales> found = FindScales(name)) return *found;
  throw Error(ErrorCode::kUsage, "activation_scales", "is unknown: \"" + name + "\"",
              "token, static-tensor or static-token");
}

const char* NameOf(ActivationStorage storage) { return kStorageNames[static_cast<int>(storage)]; }

ActivationStorage ParseActivationStorage(const std::string& name) {
  if (const std::optional<ActivationStorage> found = FindStorage(name)) return *found;
  throw Error(ErrorCode::kUsage, "activation_storage", "is unknown: \"" + name + "\"",
              "float32, float16 or bfloat16");
}

const LayerScheme& QuantScheme::Of(const std::string& layer) const {
  static const LayerScheme kDefault;
  const auto found = layers.find(layer);
  return found == layers.end() ? kDefault : found->second;
}

Json SchemeToJson(const QuantScheme& scheme) {
  Json layers = Json::object();
  for (const auto& [name, layer] : scheme.layers) layers[name] = LayerToJson(layer);
  Json json = {{"range_begins", scheme.range_begins},
               {"balanced_by_range", scheme.balanced_by_range},
               {"split_guidance", scheme.split_guidance},
               {"nested", scheme.nested},
               {"layers", layers}};
  if (scheme.activation_storage != ActivationStorage::kFloat32)
    json["activation_storage"] = NameOf(scheme.activation_storage);
  return json;
}

QuantScheme SchemeFromJson(const Json& json, const std::string& where) {
  QuantScheme scheme;
  scheme.range_begins = JsonGet<std::vector<int>>(json, "range_begins", where);
  scheme.balanced_by_range = JsonGet<bool>(json, "balanced_by_range", where);
  scheme.split_guidance = JsonGet<bool>(json, "split_guidance", where);
  scheme.nested = JsonGet<bool>(json, "nested", where);
  const std::vector<int>& begins = scheme.range_begins;
  const bool ascending =
      std::adjacent_find(begins.begin(), begins.end(), std::greater_equal<>()) == begins.end();
  if (begins.empty() || begins[0] != 0 || !ascending) {
    throw Error(ErrorCode::kInput, where, "has ranges that do not ascend from timestep 0");
  }
  std::string storage = NameOf(scheme.activation_storage);
  ReadMember(json, "activation_storage", where, storage);
  const std::optional<ActivationStorage> found = FindStorage(storage);
  if (!found) throw Error(ErrorCode::kInput, where, "has unknown activation_storage");
  scheme.activation_storage = *found;
  const Json layers = JsonGet<Json>(json, "layers", where);
  for (const auto& [name, layer] : layers.items()) {
    scheme.layers[name] = LayerFromJson(layer, where + ": layer " + name);
  }
  return scheme;
}

SiteTable WithScheme(SiteTable table, const QuantScheme& scheme) {
  table.range_begins = scheme.range_begins;
  std::vector<SiteProduct> branches;
  for (size_t s = 0; s < table.sites.size(); ++s) {
    QuantSite& site = table.sites[s];
    site.keep_float = scheme.Of(site.layer).keep_float;
    if (site.kind != SiteKind::kWeight) continue;
    const LayerScheme& layer = scheme.Of(site.layer);
    const int64_t inputs = site.input_features, outputs = site.output_features;
    const int64_t group = layer.weight_group > 0 ? layer.weight_group : inputs;
    const int64_t ranges = outputs * ((inputs + group - 1) / group);
    // Scales of 4 bytes, zero points of 2, and sums. Nested scales: once a set, others follow.
    const int scale = scheme.nested ? 0 : 4;
    const int bytes = scale + (layer.weight_symmetric ? 0 : 2) +
                      (layer.activation_symmetric ? 0 : StoredSumBytes(layer.weight_group));
    WeightStorage& storage = site.storage;
    storage.scale_bytes = bytes * ranges;
    const int64_t channels = table.sites[s + 1].input_features;  // of the layer's activation
    storage.set_bytes = (layer.transformed() ? 4 * channels : 0) +
                        4 * layer.low_rank * (inputs + outputs) + (4 - scale) * ranges;
    storage.layer_bytes = layer.first_row ? 4 * outputs : 0;
    storage.by_range = layer.balanced && scheme.balanced_by_range;
    storage.nested = scheme.nested;
    if (layer.low_rank == 0) continue;
    for (const SiteProduct& product : table.products) {
      if (product.left_site != static_cast<int>(s)) continue;
      const int64_t rows = product.macs / (inputs * outputs);
      branches.push_back({-1, -1, rows * layer.low_rank * (inputs + outputs)});
    }
  }
  table.products.insert(table.products.end(), branches.begin(), branches.end());
  return table;
}

}  // namespace tmpq
