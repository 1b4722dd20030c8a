// A pipeline's folder of Hugging Face diffusers as a model to search and sample from: its denoiser
// and scheduler; its tokenizers and text encoders, which turn prompts into conditions; and its
// autoencoder, which turns samples into pictures. All of it runs on the runtime, in float.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "src/models/model_file.h"
#include "src/runtime/sampler.h"

namespace tmpq {

// The denoiser as a model. sampling: the scheduler's schedule and sampler, the guidance scale that
// diffusers' pipeline has by default, and "pipeline", the folder. The hash is of all weights and
// configs of denoiser and scheduler. Throws kIo, kCorrupt, kInput, kUnsupported.
ModelFile LoadPipelineModel(const std::filesystem::path& folder);

// Whether the pipeline has text encoders, so that its prompts can be encoded.
bool HasTextEncoders(const std::filesystem::path& folder);

// Conditions of the denoiser `graph` for `prompts`, one row each; null values are those of the
// empty prompt. `height`, `width` of the pictures are conditions of some networks. Throws
// kUnsupported naming an input that nothing in the folder gives a value to.
ConditionList EncodePrompts(const std::filesystem::path& folder, const Graph& graph,
                            const std::vector<std::string>& prompts);

// Conditions that were encoded elsewhere: a safetensors file with a tensor (rows, input's shape)
// for each of the graph's float conditions, and "null.<input>" (input's shape) for guidance. Throws
// kIo, kCorrupt, kInput.
ConditionList ReadEncodedPrompts(const std::filesystem::path& path, const Graph& graph);

// What to look at.
struct Pictures {
  std::vector<float> values;  // (count, shape)
  Shape shape;                // ([frames,] height, width, channels)
};

// `samples` of `shape` through the pipeline's autoencoder; as they are where `folder` is empty or
// has none. `threads` 0: one per core.
Pictures DecodeSamples(const std::filesystem::path& folder, std::vector<float> samples,
                       const Shape& shape, int threads);

}  // namespace tmpq
