// A finished search as files.
#pragma once

#include <filesystem>
#include <string>

#include "src/core/json.h"
#include "src/eval/driver/search_driver.h"
#include "src/supernet/quant_table.h"

namespace tmpq {

// Names within the run's folder.
inline constexpr const char* kRunName = "run.h5";
inline constexpr const char* kPlanName = "plan.safetensors";
inline constexpr const char* kSummaryName = "summary.json";
inline constexpr const char* kSamplesName = "samples.png";
inline constexpr const char* kClipsName = "samples.gif";  // of video models

inline constexpr const char* kSheetName = "samples.json";  // of models with prompts in words

// run.h5, summary.json, samples.png; of video models samples.gif, of text models samples.json too.
void WriteOutputs(const SearchResult& result, const std::filesystem::path& folder);

// summary.json (docs/formats.md); infinite metrics are null.
Json SummaryOf(const SearchResult& result);

}  // namespace tmpq
