// A plan as files that other tools read (docs/formats.md, "Export").
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "src/core/json.h"
#include "src/runtime/plan_file.h"

namespace tmpq {

// Names within the folder.
inline constexpr const char* kExportedPolicy = "policy.json";
inline constexpr const char* kExportedTimesteps = "timesteps.json";
inline constexpr const char* kExportedWeights = "weights.safetensors";
inline constexpr const char* kExportedCodes = "codes.safetensors";

// policy.json: bit-widths of each layer, which step has which policy, costs, names of tensors.
Json PolicyJson(const PlanFile& plan);
// timesteps.json: timesteps, sampler, noise schedule, and the scheduler of diffusers.
Json TimestepsJson(const PlanFile& plan);

// Writes the four files into `folder`, which is new, empty or, with `overwrite`, whatever it is;
// other files in it stay. Throws kUsage where it holds something, kIo.
void ExportPlan(const PlanFile& plan, const std::filesystem::path& folder, bool overwrite);

}  // namespace tmpq
