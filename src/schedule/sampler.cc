#include "src/schedule/sampler.h"

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

Json SamplerSettings::ToJson() const {
  return {{"method", method},
          {"prediction", NameOf(prediction)},
          {"guidance_scale", guidance_scale},
          {"eta", eta}};
}

SamplerSettings SamplerSettings::FromJson(const Json& json, const std::string& where) {
  SamplerSettings settings;
  settings.method = JsonGet<std::string>(json, "method", where);
  settings.prediction = ParsePrediction(JsonGet<std::string>(json, "prediction", where));
  settings.guidance_scale = JsonGet<double>(json, "guidance_scale", where);
  settings.eta = JsonGet<double>(json, "eta", where);
  CheckMethod(settings.method);
  if (!(settings.eta >= 0 && settings.eta <= 1) ||
      (settings.eta != 0 && settings.method != "ddim")) {
    throw Error(ErrorCode::kInput, where, "eta is not within 0 to 1, or not with ddim");
  }
  if (!(settings.guidance_scale >= 0 && settings.guidance_scale <= 100)) {
    throw Error(ErrorCode::kInput, where, "guidance_scale is not within 0 to 100");
  }
  return settings;
}

}  // namespace tmpq
