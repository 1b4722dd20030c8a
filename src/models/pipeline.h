// A pipeline's folder of Hugging Face diffusers: which components it has, and where.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "src/core/json.h"

namespace tmpq {

// The file that makes a folder a pipeline.
inline constexpr const char* kPipelineIndexName = "model_index.json";

// Who reads a component's folder.
enum class ComponentKind : uint8_t {
  kDenoiser,     // "unet", "transformer": LoadDiffusers
  kAutoencoder,  // LoadAutoencoder
  kEncoder,      // LoadEncoder
  kTokenizer,    // LoadTokenizer, src/text
  kScheduler,    // LoadSchedulerConfig, src/schedule
  kOther,        // nobody: safety checkers, image processors and classes that are not read
};

struct PipelineComponent {
  std::string class_name;  // "AutoencoderKL"
  ComponentKind kind = ComponentKind::kOther;
  std::filesystem::path folder;  // below the pipeline's
};

struct Pipeline {
  std::string class_name;  // "StableDiffusionPipeline"
  std::filesystem::path folder;
  std::map<std::string, PipelineComponent> components;  // by name: "vae", "text_encoder_2"
  Json settings;  // what the index says beside components, such as requires_safety_checker

  // Throws kInput naming the pipeline where it has no such component.
  const PipelineComponent& Get(const std::string& name) const;
  // The names of all components of a kind, in order.
  std::vector<std::string> NamesOf(ComponentKind kind) const;
};

// Reads model_index.json; components that it calls null are absent. Each has to be a folder of its
// own directly below `folder`, links followed. Throws kIo, kInput naming the component.
Pipeline LoadPipeline(const std::filesystem::path& folder);

}  // namespace tmpq
