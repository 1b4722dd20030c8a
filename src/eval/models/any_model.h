// Models to sample from, wherever they come from: everything after this sees one ModelFile.
#pragma once

#include <filesystem>
#include <string>

#include "src/models/model_file.h"
#include "src/schedule/noise_schedule.h"
#include "src/schedule/sampler.h"

namespace tmpq {

// `name`: a bundled model's name, a weights file of tmpq-train or a folder that holds one, a
// folder with a network.json (LoadNetworkFolder), or a pipeline's folder of diffusers
// (LoadPipelineModel); with kStressEnding or kSplitEnding behind it, that variant of what it names.
// Throws kIo, kCorrupt, kInput, kUnsupported.
ModelFile LoadAnyModel(const std::string& name, const std::filesystem::path& bundled);

// The members of a model's sampling settings. Throws kInput where the model is not sampled from.
NoiseSchedule ScheduleOf(const ModelFile& model);
SamplerSettings SamplerOf(const ModelFile& model);
// The pipeline's folder that the model comes from, or empty.
std::string PipelineOf(const ModelFile& model);

}  // namespace tmpq
