// Networks in the folders of Hugging Face diffusers, read as they are.
#pragma once

#include <filesystem>
#include <string>

#include "src/graph/graph.h"
#include "src/graph/parameters.h"

namespace tmpq {

// What a component's config leaves to the caller; 0: the config's own.
struct DiffusersOptions {
  int64_t height = 0;  // of the sample, in the network's pixels
  int64_t width = 0;
  int64_t frames = 0;          // of a video
  int64_t caption_tokens = 0;  // default 77 (U-Nets), 120 (PixArt, Latte, STDiT)
  int64_t sizes = 0;           // size conditions of SDXL's kind: default 6
};

struct DiffusersNetwork {
  std::string class_name;  // "UNet2DModel"
  Graph graph;
  ParameterSet parameters;
};

// Whether `folder` looks like one. The classes that are read are in diffusers.cc's list; an error
// about any other class names them.
bool IsDiffusersFolder(const std::filesystem::path& folder);

// `folder`: a pipeline (model_index.json; its transformer or unet is read), or one component
// (config.json beside diffusion_pytorch_model.safetensors, whole or sharded). Throws kIo, kCorrupt,
// kInput, and kUnsupported naming what a config asks for that the builders lack.
DiffusersNetwork LoadDiffusers(const std::filesystem::path& folder,
                               const DiffusersOptions& options = {});
// The network alone, with no weights: what it would cost.
Graph BuildDiffusersGraph(const std::filesystem::path& config_path,
                          const DiffusersOptions& options = {});

}  // namespace tmpq
