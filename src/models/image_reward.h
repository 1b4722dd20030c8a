// ImageReward (Xu et al., arXiv 2304.05977), the reward that papers of quantized text-to-image
// models print: BLIP's picture and text encoders (Li et al., arXiv 2201.12086), where the text
// attends to the picture, and a head of linear layers on its first token.
#pragma once

#include <filesystem>
#include <vector>

#include "src/graph/parameters.h"
#include "src/models/bert.h"

namespace tmpq {

// Defaults: the published model's.
struct ImageRewardConfig {
  BertConfig text = {.vocabulary = 30524, .tokens = 35};
  int64_t image_size = 224;  // pixels, both sides
  int64_t patch = 16;
  int64_t width = 1024;  // of the picture's encoder, a vision transformer
  int64_t inner = 4096;
  int64_t depth = 24;
  int64_t heads = 16;
  std::vector<int64_t> head = {1024, 128, 64, 16, 1};  // features of its layers
};

// "pixel_values" (size, size, 3), normalised as CLIP's are, "input_ids" (tokens) and
// "attention_mask" (tokens), 0 for padding -> (1): what differences of are the log odds of being
// preferred. Nodes carry the names of ImageReward.pt; no quantization sites.
Graph BuildImageReward(const ImageRewardConfig& config);

// Scores are (output - mean) / deviation: its program's numbers, of the pictures that it was
// trained on.
inline constexpr double kImageRewardMean = 0.16717362830052426;
inline constexpr double kImageRewardDeviation = 1.0333394966054072;

inline constexpr const char* kMedConfigName = "med_config.json";

struct ImageReward {
  Graph graph;
  ParameterSet parameters;
  Hash128 hash;  // of weights and config
};

// `folder`: model.safetensors, which scripts/convert_weights.py makes of ImageReward.pt, beside
// med_config.json, its text encoder's. Sizes that the config does not say are read off the weights;
// heads have 64 features. Throws kIo, kCorrupt, kInput, kUnsupported.
ImageReward LoadImageReward(const std::filesystem::path& folder);

}  // namespace tmpq
