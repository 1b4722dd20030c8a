#include "src/schedule/sampler.h"

#include <algorithm>
#include <array>

#include "src/core/error.h"

namespace tmpq {

Prediction ParsePrediction(const std::string& name) {
  if (name == "epsilon") return Prediction::kEpsilon;
  if (name == "v") return Prediction::kV;
  if (name == "sample") return Prediction::kSample;
  if (name == "flow") return Prediction::kFlow;
  throw Error(ErrorCode::kUsage, "prediction", "\"" + name + "\" is unknown",
              "known are epsilon, v, sample and flow");
}

const char* NameOf(Prediction prediction) {
  static constexpr const char* kNames[] = {"epsilon", "v", "sample", "flow"};
  return kNames[static_cast<int>(prediction)];
}

void CheckMethod(const std::string& method) {
  constexpr std::array kMethods = {"ddim",     "ddpm",  "plms",      "dpmpp-2m",
                                   "dpmpp-2s", "unipc", "euler-flow"};
  std::string known;
  for (const char* name : kMethods) {
    if (method == name) return;
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  throw Error(ErrorCode::kUsage, "sampler", "\"" + method + "\" is unknown", "known are " + known);
}

double SamplerSettings::GuidanceAt(int timestep) const {
  for (const GuidanceRange& range : guidance_ranges) {
    if (timestep >= range.from && timestep < range.to) return range.scale;
  }
  return guidance_scale;
}

int SamplerSettings::calls_per_step() const {
  const bool guided = std::any_of(guidance_ranges.begin(), guidance_ranges.end(),
                                  [](const GuidanceRange& range) { return range.scale != 1; });
  return guided || guidance_scale != 1 ? 2 : 1;
}

Json SamplerSettings::ToJson() const {
  Json json = {{"method", method},
               {"prediction", NameOf(prediction)},
               {"guidance_scale", guidance_scale},
               {"eta", eta}};
  for (const GuidanceRange& range : guidance_ranges) {
    json["guidance_ranges"].push_back({range.from, range.to, range.scale});
  }
  if (learned_variance) json["learned_variance"] = true;
  return json;
}

namespace {

// [[from, to, scale], ..].
std::vector<GuidanceRange> RangesFromJson(const Json& json, const std::string& where) {
  std::vector<GuidanceRange> ranges;
  for (const auto& row :
       JsonGet<std::vector<std::vector<double>>>(json, "guidance_ranges", where)) {
    if (row.size() != 3 || !(row[0] >= 0 && row[0] < row[1] && row[1] <= 1e6)) {
      throw Error(ErrorCode::kInput, where, "guidance_ranges has a bad range",
                  "[first timestep, one past the last, scale] is expected");
    }
    ranges.push_back({static_cast<int>(row[0]), static_cast<int>(row[1]), row[2]});
  }
  return ranges;
}

}  // namespace

SamplerSettings SamplerSettings::FromJson(const Json& json, const std::string& where) {
  SamplerSettings settings;
  settings.method = JsonGet<std::string>(json, "method", where);
  settings.prediction = ParsePrediction(JsonGet<std::string>(json, "prediction", where));
  settings.guidance_scale = JsonGet<double>(json, "guidance_scale", where);
  settings.eta = JsonGet<double>(json, "eta", where);
  if (json.contains("guidance_ranges")) settings.guidance_ranges = RangesFromJson(json, where);
  if (json.contains("learned_variance")) {
    settings.learned_variance = JsonGet<bool>(json, "learned_variance", where);
  }
  CheckMethod(settings.method);
  if (!(settings.eta >= 0 && settings.eta <= 1) ||
      (settings.eta != 0 && settings.method != "ddim")) {
    throw Error(ErrorCode::kInput, where, "eta is not within 0 to 1, or not with ddim");
  }
  std::vector<GuidanceRange> scales = settings.guidance_ranges;
  scales.push_back({0, 1, settings.guidance_scale});
  for (const GuidanceRange& range : scales) {
    if (!(range.scale >= 0 && range.scale <= 100)) {
      throw Error(ErrorCode::kInput, where, "a guidance scale is not within 0 to 100");
    }
  }
  return settings;
}

}  // namespace tmpq
