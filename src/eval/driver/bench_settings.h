// What a search config says, as settings of the parts of a bench.
#pragma once

#include "src/eval/driver/search_bench.h"

namespace tmpq {

// The supernet's name within a run's folder.
inline constexpr const char* kSupernetName = "supernet.safetensors";

// The model's own settings, with what the config says instead. Throws kUsage, kUnsupported.
SamplerSettings SamplerSettingsFor(const ModelFile& model, const SearchConfig& config);
// Measurements and costs of the front; empty: those that every search has.
std::vector<std::string> ObjectivesOf(const SearchConfig& config);
// Without prompts, encoder and pipeline.
EvaluatorSettings EvaluatorSettingsFor(const SearchConfig& config, const SearchSession& session);
// Throws kUsage for losses that cannot be measured: without judge, encoder or clips. `sample`:
// shape.
void CheckLosses(const EvaluatorSettings& settings, const Shape& sample);

}  // namespace tmpq
