#include "src/quant/learned_rounding.h"

#include <algorithm>
#include <cmath>

#include "src/core/config.h"
#include "src/core/error.h"
#include "src/core/tensor_file.h"

namespace tmpq {
namespace {

constexpr const char* kMetadataKey = "tmpq.rounding";
constexpr const char* kFormat = "tmpq-rounding-1";

std::string WeightName(const std::string& layer, int set, int bits) {
  return layer + ".s" + std::to_string(set) + ".w" + std::to_string(bits) + ".up";
}

std::string StepName(const std::string& layer, int bits) {
  return layer + ".a" + std::to_string(bits);
}

std::string GridHash(std::span<const float> weights, const QuantizedWeights& grid) {
  Hasher hasher;
  hasher.Update(std::as_bytes(weights));
  hasher.Update(std::as_bytes(std::span(grid.scale)));
  hasher.Update(std::as_bytes(std::span(grid.offset)));
  return hasher.Finish().Hex();
}

// "<layer>.a<bits>.scale".
std::pair<std::string, int> PlaceOfSteps(const std::string& name, const std::string& where) {
  const std::string stem = name.substr(0, name.rfind(".scale"));
  const size_t at = stem.rfind(".a");
  const std::string digits = at == std::string::npos ? "" : stem.substr(at + 2);
  if (digits.size() != 1 || digits[0] < '2' || digits[0] > '8') {
    throw Error(ErrorCode::kInput, where + ": " + name, "names no layer and bit-width");
  }
  return {stem.substr(0, at), digits[0] - '0'};
}

}  // namespace

StepLimits LimitsOf(const QuantizedWeights& grid, int64_t at) {
  const auto half = static_cast<float>(1 << (grid.bits - 1)), most = half - 1;
  if (grid.offset.empty()) return {-most, most};
  const auto offset = static_cast<float>(grid.offset[at]);
  return {offset - half, offset + most};
}

int8_t RoundOneWay(const QuantizedWeights& grid, int64_t n, int64_t k, float value, bool up) {
  const int64_t at = grid.GroupOf(k) * grid.outputs + n;
  const StepLimits limits = LimitsOf(grid, at);
  const float whole = std::floor(value * grid.inverse[at]) + (up ? 1.0f : 0.0f);
  const int offset = grid.offset.empty() ? 0 : grid.offset[at];
  return static_cast<int8_t>(static_cast<int>(std::clamp(whole, limits.least, limits.most)) -
                             offset);
}

LearnedRounding::LearnedRounding(Hash128 model, const QuantRecipe& recipe, Json settings)
    : model_(model.Hex()),
      recipe_(HashString(recipe.Text()).Hex()),
      settings_(std::move(settings)) {}

void LearnedRounding::SetWeights(const std::string& layer, int set, std::span<const float> weights,
                                 const QuantizedWeights& grid, std::span<const uint8_t> up) {
  TMPQ_CHECK(up.size() == weights.size(), "one direction a weight");
  Weights learned{GridHash(weights, grid), std::vector<uint8_t>((up.size() + 7) / 8, 0)};
  for (size_t i = 0; i < up.size(); ++i) {
    learned.bits[i / 8] = static_cast<uint8_t>(learned.bits[i / 8] | up[i] << i % 8);
  }
  weights_[WeightName(layer, set, grid.bits)] = std::move(learned);
}

void LearnedRounding::SetSteps(const std::string& layer, int bits, StaticScales steps) {
  steps_[{layer, bits}] = std::move(steps);
}

bool LearnedRounding::HasWeights(const std::string& layer, int set, int bits) const {
  return weights_.count(WeightName(layer, set, bits)) > 0;
}

bool LearnedRounding::HasSteps(const std::string& layer, int bits) const {
  return steps_.count({layer, bits}) > 0;
}

bool LearnedRounding::Round(const std::string& layer, int set, std::span<const float> weights,
                            QuantizedWeights& grid) const {
  const auto found = weights_.find(WeightName(layer, set, grid.bits));
  if (found == weights_.end()) return false;
  const Weights& learned = found->second;
  if (learned.grid_hash != GridHash(weights, grid) ||
      learned.bits.size() != (weights.size() + 7) / 8) {
    throw Error(ErrorCode::kInput, where_ + ": layer " + layer,
                "was learned for other weights or scales",
                "the calibration has to be the same: seed, prompts, guidance");
  }
  for (int64_t i = 0; i < grid.outputs * grid.inputs; ++i) {
    const bool up = (learned.bits[i / 8] >> i % 8 & 1) != 0;
    grid.q[i] = RoundOneWay(grid, i / grid.inputs, i % grid.inputs, weights[i], up);
  }
  return true;
}

const StaticScales* LearnedRounding::Steps(const std::string& layer, int bits) const {
  const auto found = steps_.find({layer, bits});
  return found == steps_.end() ? nullptr : &found->second;
}

void LearnedRounding::Save(const std::filesystem::path& path) const {
  TensorFileWriter writer;
  Json grids = Json::object();
  for (const auto& [name, learned] : weights_) {
    grids[name] = learned.grid_hash;
    writer.AddBytes(name, {static_cast<int64_t>(learned.bits.size())}, learned.bits);
  }
  for (const auto& [place, steps] : steps_) {
    const std::string name = StepName(place.first, place.second);
    writer.AddFloats(name + ".scale", {steps.entries, steps.tokens}, steps.scale);
    if (!steps.offset.empty()) {
      writer.AddInt32s(name + ".offset", {steps.entries, steps.tokens}, steps.offset);
    }
  }
  writer.SetMetadata(kMetadataKey, Json({{"format", kFormat},
                                         {"model", model_},
                                         {"recipe", recipe_},
                                         {"settings", settings_},
                                         {"grids", grids},
                                         {"report", report_}})
                                       .dump());
  writer.Write(path);
}

LearnedRounding LearnedRounding::Load(const std::filesystem::path& path, Hash128 model,
                                      const QuantRecipe& recipe) {
  const TensorFile file(path);
  const std::string where = path.string();
  const Json metadata = ParseJson(file.Metadata(kMetadataKey), where);
  if (JsonGet<std::string>(metadata, "format", where) != kFormat) {
    throw Error(ErrorCode::kInput, where, std::string("is not of format ") + kFormat);
  }
  LearnedRounding result(model, recipe, JsonGet<Json>(metadata, "settings", where));
  if (JsonGet<std::string>(metadata, "model", where) != result.model_) {
    throw Error(ErrorCode::kInput, where, "was learned for another model",
                "name the model it was made for, or make it again with tmpq-reconstruct");
  }
  if (JsonGet<std::string>(metadata, "recipe", where) != result.recipe_) {
    throw Error(ErrorCode::kInput, where, "was learned for another recipe",
                "name the recipe it was made for, or make it again with tmpq-reconstruct");
  }
  result.report_ = JsonGet<Json>(metadata, "report", where);
  result.where_ = where;
  const Json grids = JsonGet<Json>(metadata, "grids", where);
  for (const auto& [name, view] : file.tensors()) {
    if (name.ends_with(".up")) {
      const std::span<const uint8_t> bits = file.Bytes(name);
      result.weights_[name] = {JsonGet<std::string>(grids, name, where),
                               {bits.begin(), bits.end()}};
    } else if (name.ends_with(".scale")) {
      if (view.shape.size() != 2) {
        throw Error(ErrorCode::kInput, where + ": " + name, "is no table of steps");
      }
      StaticScales steps{view.shape[0], view.shape[1], {}, {}};
      const std::span<const float> scale = file.Floats(name);
      for (const float step : scale) {
        if (std::isfinite(step) && step >= 0) continue;
        throw Error(ErrorCode::kInput, where + ": " + name, "has a step that is no size");
      }
      steps.scale.assign(scale.begin(), scale.end());
      const auto place = PlaceOfSteps(name, where);
      const std::string offsets = StepName(place.first, place.second) + ".offset";
      if (file.Has(offsets)) {
        const std::span<const int32_t> offset = file.Int32s(offsets, view.shape);
        steps.offset.assign(offset.begin(), offset.end());
      }
      result.steps_[place] = std::move(steps);
    }
  }
  return result;
}

}  // namespace tmpq
