#include "src/models/encoder.h"

#include <cmath>
#include <optional>

#include "src/core/error.h"
#include "src/models/bert_checkpoint.h"
#include "src/models/checkpoint.h"
#include "src/models/clip.h"
#include "src/models/component_config.h"
#include "src/models/t5.h"
#include "src/models/video_mae.h"

namespace tmpq {
namespace {

constexpr const char* kTransformersWeights = "model";
constexpr const char* kRelativePositions =
    "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight";
constexpr const char* kLogitScale = "logit_scale";  // its logarithm
constexpr int64_t kT5Tokens = 120;                  // PixArt-alpha's

// Adds the parameters of `graph`; tensors that start with one of `others` are not its concern.
void AddParameters(const Checkpoint& checkpoint, const Graph& graph, ParameterSource source,
                   const std::vector<std::string>& others, ParameterSet& parameters) {
  for (const auto& [name, view] : checkpoint.tensors()) {
    for (const std::string& other : others) {
      if (name.starts_with(other)) source.ignored.insert(name);
    }
    // Tables of 0, 1, 2, .. in early checkpoints.
    if (name.ends_with("embeddings.position_ids")) source.ignored.insert(name);
  }
  const ParameterSet loaded = LoadParameters(checkpoint, graph, source);
  for (const auto& [name, values] : loaded.values()) parameters.Set(name, values);
}

// `projection`: the default of its width, 0 where the class has none.
void ReadTower(const ComponentConfig& config, int64_t projection, ClipTowerConfig& tower) {
  tower.width = config.Size("hidden_size", tower.width);
  tower.inner = config.Size("intermediate_size", tower.inner);
  tower.depth = config.Size("num_hidden_layers", tower.depth);
  tower.heads = config.Size("num_attention_heads", tower.heads);
  tower.norm_epsilon = config.Get<double>("layer_norm_eps", tower.norm_epsilon);
  const auto act = config.Get<std::string>("hidden_act", "quick_gelu");
  tower.quick_gelu = act == "quick_gelu";
  if (!tower.quick_gelu) config.Expect("hidden_act", "gelu");
  tower.projection = projection;
}

void AddText(const ComponentConfig& config, const Checkpoint& checkpoint, int64_t projection,
             const std::vector<std::string>& others, Encoder& encoder) {
  ClipTextConfig clip;
  ReadTower(config, projection, clip);
  clip.vocabulary = config.Size("vocab_size", clip.vocabulary);
  clip.tokens = config.Size("max_position_embeddings", clip.tokens);
  const Graph graph = BuildClipText(clip);
  ParameterSource source;
  // Newer versions of transformers save a CLIPTextModel without the prefix.
  source.aliases = [](const std::string& name) {
    const std::string prefix = "text_model.";
    return name.starts_with(prefix) ? std::vector{name.substr(prefix.size())}
                                    : std::vector<std::string>{};
  };
  AddParameters(checkpoint, graph, source, others, encoder.parameters);
  encoder.outputs.emplace("last_hidden_state", graph.CutAfter(kClipLastHiddenState));
  encoder.outputs.emplace("penultimate_hidden_state", graph.CutAfter(kClipPenultimateHiddenState));
  encoder.outputs.emplace("pooled", graph);
  encoder.eos_token = config.Get<int64_t>("eos_token_id", 49407);
}

void AddVision(const ComponentConfig& config, const Checkpoint& checkpoint, int64_t projection,
               const std::vector<std::string>& others, Encoder& encoder) {
  ClipVisionConfig clip;
  clip.width = 768, clip.inner = 3072, clip.heads = 12;
  ReadTower(config, projection, clip);
  clip.channels = config.Size("num_channels", clip.channels);
  clip.image_size = config.Size("image_size", clip.image_size);
  clip.patch = config.Size("patch_size", clip.patch);
  Graph graph = BuildClipVision(clip);
  AddParameters(checkpoint, graph, {}, others, encoder.parameters);
  encoder.outputs.emplace("image_embeds", std::move(graph));
}

constexpr int64_t kProjection = 512;  // the classes' default

void AddClipText(const ComponentConfig& config, const Checkpoint& checkpoint,
                 const EncoderOptions& /*options*/, Encoder& encoder) {
  AddText(config, checkpoint, 0, {}, encoder);
}

void AddClipTextWithProjection(const ComponentConfig& config, const Checkpoint& checkpoint,
                               const EncoderOptions& /*options*/, Encoder& encoder) {
  AddText(config, checkpoint, config.Size("projection_dim", kProjection), {}, encoder);
}

void AddClipVision(const ComponentConfig& config, const Checkpoint& checkpoint,
                   const EncoderOptions& /*options*/, Encoder& encoder) {
  AddVision(config, checkpoint, config.Size("projection_dim", kProjection), {}, encoder);
}

void AddClip(const ComponentConfig& config, const Checkpoint& checkpoint,
             const EncoderOptions& /*options*/, Encoder& encoder) {
  const int64_t projection = config.Size("projection_dim", kProjection);
  const auto part = [&](const char* key) {
    return ComponentConfig(config.Get<Json>(key), config.where() + ": " + key);
  };
  AddText(part("text_config"), checkpoint, projection, {"vision_model.", "visual_", kLogitScale},
          encoder);
  AddVision(part("vision_config"), checkpoint, projection,
            {"text_model.", "text_projection.", kLogitScale}, encoder);
  if (checkpoint.Has(kLogitScale))
    encoder.logit_scale = std::exp(checkpoint.Floats(kLogitScale).at(0));
}

void AddT5(const ComponentConfig& config, const Checkpoint& checkpoint,
           const EncoderOptions& options, Encoder& encoder) {
  T5Config t5;
  t5.vocabulary = config.Size("vocab_size", t5.vocabulary);
  t5.tokens = options.tokens > 0 ? options.tokens : kT5Tokens;
  t5.width = config.Size("d_model", t5.width);
  t5.head_features = config.Size("d_kv", t5.head_features);
  t5.heads = config.Size("num_heads", t5.heads);
  t5.inner = config.Size("d_ff", t5.inner);
  t5.depth = config.Size("num_layers", t5.depth);
  t5.buckets = config.Size("relative_attention_num_buckets", t5.buckets);
  t5.max_distance = config.Size("relative_attention_max_distance", t5.max_distance);
  t5.norm_epsilon = config.Get<double>("layer_norm_epsilon", t5.norm_epsilon);
  if (config.Get<std::string>("feed_forward_proj", "relu") != "gated-gelu") {
    config.Get<std::string>("feed_forward_proj");  // names it where it is missing
    config.Expect("feed_forward_proj", "gated-gelu");
  }
  Graph graph = BuildT5Encoder(t5);
  ParameterSource source;
  source.aliases = [](const std::string& name) {
    return name == "shared.weight" ? std::vector<std::string>{"encoder.embed_tokens.weight"}
                                   : std::vector<std::string>{};
  };
  if (!checkpoint.Has(kRelativePositions)) {
    throw Error(ErrorCode::kInput, checkpoint.path().string(),
                std::string(kRelativePositions) + " is missing");
  }
  source.computed[std::string(kT5PositionBias) + ".weight"] =
      T5PositionBias(t5, checkpoint.Floats(kRelativePositions));
  source.ignored.insert(kRelativePositions);
  // The table is stored under one of its two names, or both.
  if (checkpoint.Has("shared.weight")) source.ignored.insert("encoder.embed_tokens.weight");
  AddParameters(checkpoint, graph, source, {}, encoder.parameters);
  encoder.outputs.emplace("last_hidden_state", std::move(graph));
}

void AddBert(const ComponentConfig& config, const Checkpoint& checkpoint,
             const EncoderOptions& options, Encoder& encoder) {
  const BertConfig bert = ReadBertConfig(config, options.tokens);
  Graph graph = BuildBert(bert);
  ParameterSource source;
  TakeFirstRows(checkpoint, kBertPositions, bert.tokens, bert.width, source);
  TakeFirstRows(checkpoint, kBertTokenType, 1, bert.width, source);
  AddParameters(checkpoint, graph, source, {"pooler."}, encoder.parameters);
  encoder.outputs.emplace("last_hidden_state", std::move(graph));
}

// `classifier`: the class with a norm and a linear after the mean over tokens.
void AddVideoMae(const ComponentConfig& config, const Checkpoint& checkpoint, bool classifier,
                 Encoder& encoder) {
  VideoMaeConfig mae;
  mae.frames = config.Size("num_frames", mae.frames);
  mae.image_size = config.Size("image_size", mae.image_size);
  mae.channels = config.Size("num_channels", mae.channels);
  mae.tubelet = config.Size("tubelet_size", mae.tubelet);
  mae.patch = config.Size("patch_size", mae.patch);
  mae.width = config.Size("hidden_size", mae.width);
  mae.inner = config.Size("intermediate_size", mae.inner);
  mae.depth = config.Size("num_hidden_layers", mae.depth);
  mae.heads = config.Size("num_attention_heads", mae.heads);
  mae.qv_bias = config.Get<bool>("qv_bias", mae.qv_bias);
  mae.norm_epsilon = config.Get<double>("layer_norm_eps", mae.norm_epsilon);
  mae.mean_pooling = config.Get<bool>("use_mean_pooling", mae.mean_pooling);
  config.Expect("hidden_act", "gelu");
  if (classifier) {
    config.Expect("use_mean_pooling", true);
    const auto found = checkpoint.tensors().find("classifier.bias");
    mae.classes = found == checkpoint.tensors().end() ? 1 : found->second->elements();
  }
  Graph graph = BuildVideoMae(mae);
  ParameterSource source;
  source.computed[std::string(kVideoMaePositions) + ".weight"] = VideoMaePositions(mae);
  source.aliases = [](const std::string& name) {
    std::vector<std::string> names = {"videomae." + name};
    for (const auto& [now, before] :
         {std::pair{".query.bias", ".q_bias"}, std::pair{".value.bias", ".v_bias"}}) {
      if (!name.ends_with(now)) continue;
      const std::string old = name.substr(0, name.size() - std::string(now).size()) + before;
      names.insert(names.end(), {old, "videomae." + old});
    }
    return names;
  };
  AddParameters(checkpoint, graph, source, {}, encoder.parameters);
  encoder.outputs.emplace("video_embeds",
                          graph.CutAfter(classifier ? kVideoMaeNormedFeatures : kVideoMaeFeatures));
  if (classifier) encoder.outputs.emplace("logits", std::move(graph));
}

void AddVideoMaeModel(const ComponentConfig& config, const Checkpoint& checkpoint,
                      const EncoderOptions& /*options*/, Encoder& encoder) {
  AddVideoMae(config, checkpoint, /*classifier=*/false, encoder);
}

void AddVideoMaeClassifier(const ComponentConfig& config, const Checkpoint& checkpoint,
                           const EncoderOptions& /*options*/, Encoder& encoder) {
  AddVideoMae(config, checkpoint, /*classifier=*/true, encoder);
}

struct KnownClass {
  const char* name;
  void (*add)(const ComponentConfig&, const Checkpoint&, const EncoderOptions&, Encoder&);
};
constexpr KnownClass kKnownClasses[] = {{"CLIPTextModel", AddClipText},
                                        {"CLIPTextModelWithProjection", AddClipTextWithProjection},
                                        {"CLIPVisionModelWithProjection", AddClipVision},
                                        {"CLIPModel", AddClip},
                                        {"T5EncoderModel", AddT5},
                                        {"BertModel", AddBert},
                                        {"VideoMAEModel", AddVideoMaeModel},
                                        {"VideoMAEForVideoClassification", AddVideoMaeClassifier}};

const KnownClass* FindClass(const std::string& name) {
  for (const KnownClass& item : kKnownClasses) {
    if (name == item.name) return &item;
  }
  return nullptr;
}

}  // namespace

bool IsEncoderClass(const std::string& class_name) { return FindClass(class_name) != nullptr; }

Encoder LoadEncoder(const std::filesystem::path& folder, const EncoderOptions& options) {
  const ComponentConfig config(folder / kConfigName);
  const auto classes = config.Get<std::vector<std::string>>("architectures");
  const KnownClass* known = classes.size() == 1 ? FindClass(classes[0]) : nullptr;
  if (known == nullptr) {
    std::string names;
    for (const KnownClass& item : kKnownClasses) {
      names += (names.empty() ? "" : ", ") + std::string(item.name);
    }
    throw Error(ErrorCode::kUnsupported, config.where(),
                "architectures = " + config.Raw("architectures").dump() + " is not supported",
                "supported is one of " + names);
  }
  Encoder encoder;
  encoder.class_name = known->name;
  const Checkpoint checkpoint(folder, kTransformersWeights);
  known->add(config, checkpoint, options, encoder);
  encoder.hash = HashString(ReadFile(folder / kConfigName) + checkpoint.hash().Hex());
  return encoder;
}

}  // namespace tmpq
