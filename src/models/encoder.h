// Text encoders, image towers and video networks in the folders of Hugging Face transformers, read
// as they are.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "src/graph/graph.h"
#include "src/graph/parameters.h"

namespace tmpq {

struct EncoderOptions {
  // Of a T5's or BERT's text; 0: 120, and as many as the config has positions. CLIP's is the
  // config's.
  int64_t tokens = 0;
};

struct Encoder {
  std::string class_name;  // "CLIPTextModel"
  // What it can say, each a graph of its own over the same parameters: "last_hidden_state",
  // "penultimate_hidden_state" (CLIP: before the last layer, not normalised), "pooled" (CLIP: the
  // text's embedding, projected where the class does that), "image_embeds" (towers), "video_embeds"
  // (the mean over tokens, normalised where the class does that) and "logits" (of classifiers).
  std::map<std::string, Graph> outputs;
  ParameterSet parameters;
  int64_t eos_token = 0;   // CLIP: for ClipEosPosition
  double logit_scale = 0;  // CLIPModel: what cosines are multiplied with to be logits; else 0
  Hash128 hash;            // of weights and config
};

// Whether LoadEncoder reads the class: CLIPTextModel, CLIPTextModelWithProjection,
// CLIPVisionModelWithProjection, CLIPModel, T5EncoderModel, BertModel, VideoMAEModel,
// VideoMAEForVideoClassification.
bool IsEncoderClass(const std::string& class_name);

// `folder`: config.json beside model.safetensors, whole or sharded. Throws kIo, kCorrupt, kInput,
// and kUnsupported naming what a config asks for that the builders lack.
Encoder LoadEncoder(const std::filesystem::path& folder, const EncoderOptions& options = {});

}  // namespace tmpq
