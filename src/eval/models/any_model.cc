#include "src/eval/models/any_model.h"

#include "src/core/error.h"
#include "src/eval/models/pipeline_model.h"
#include "src/models/diffusers.h"
#include "src/models/split_concatenation.h"
#include "src/models/stress.h"

namespace tmpq {
namespace {

std::string Where(const ModelFile& model) { return "model " + model.name; }

Json MemberOf(const ModelFile& model, const char* key) {
  if (model.sampling.is_null()) {
    throw Error(ErrorCode::kInput, Where(model), "is not a diffusion model",
                "it is a feature network, or says nothing of sampling");
  }
  return JsonGet<Json>(model.sampling, key, Where(model));
}

}  // namespace

ModelFile LoadAnyModel(const std::string& name, const std::filesystem::path& bundled) {
  // The last ending is the last transform.
  const std::pair<std::string, ModelFile (*)(const ModelFile&)> variants[] = {
      {kSplitEnding, SplitConcatenations},
      {kStressEnding, [](const ModelFile& model) { return StressVariant(model); }}};
  for (const auto& [ending, make] : variants) {
    if (name.size() <= ending.size() || !name.ends_with(ending)) continue;
    if (std::filesystem::exists(name)) continue;
    return make(LoadAnyModel(name.substr(0, name.size() - ending.size()), bundled));
  }
  if (IsNetworkFolder(name)) return LoadNetworkFolder(name);
  if (IsDiffusersFolder(name)) return LoadPipelineModel(name);
  return ModelFile::Load(FindModel(name, bundled));
}

NoiseSchedule ScheduleOf(const ModelFile& model) {
  return NoiseSchedule::FromJson(MemberOf(model, "schedule"), Where(model));
}

SamplerSettings SamplerOf(const ModelFile& model) {
  return SamplerSettings::FromJson(MemberOf(model, "sampler"), Where(model));
}

std::string PipelineOf(const ModelFile& model) {
  return model.sampling.is_object() ? model.sampling.value("pipeline", "") : "";
}

}  // namespace tmpq
