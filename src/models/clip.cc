#include "src/models/clip.h"

#include <algorithm>

#include "src/core/error.h"
#include "src/graph/graph_builder.h"

namespace tmpq {
namespace {

constexpr int64_t kLegacyEosToken = 2;

struct Tower {
  GraphBuilder& b;
  const ClipTowerConfig& c;
  bool causal;

  // Pre-norm self-attention and feed-forward layer; `name`: of the result.
  NodeId Layer(const std::string& p, NodeId x, const std::string& name) const {
    NodeId h = b.AffineLayerNorm(p + ".layer_norm1", x, c.norm_epsilon);
    const std::string attention = p + ".self_attn";
    const NodeId q = b.Linear(attention + ".q_proj", h, c.width),
                 k = b.Linear(attention + ".k_proj", h, c.width),
                 v = b.Linear(attention + ".v_proj", h, c.width);
    h = b.FloatAttention(attention + ".attention", q, k, v, c.heads, {.causal = causal});
    x = b.Add(p + ".add1", x, b.Linear(attention + ".out_proj", h, c.width));
    h = b.AffineLayerNorm(p + ".layer_norm2", x, c.norm_epsilon);
    h = b.Linear(p + ".mlp.fc1", h, c.inner);
    const std::string act = p + ".mlp.act";
    h = c.quick_gelu ? b.QuickGelu(act, h) : b.GeluErf(act, h);
    return b.Add(name, x, b.Linear(p + ".mlp.fc2", h, c.width));
  }

  NodeId Projected(const std::string& name, NodeId x) const {
    return c.projection > 0 ? b.Linear(name, x, c.projection, /*bias=*/false) : x;
  }
};

std::string LayerName(const std::string& tower, int64_t layer) {
  return tower + ".encoder.layers." + std::to_string(layer);
}

}  // namespace

Graph BuildClipText(const ClipTextConfig& config) {
  if (config.depth < 2) throw Error(ErrorCode::kInput, "clip text model", "needs 2 layers");
  GraphBuilder b("clip-text");
  const Tower tower{b, config, true};
  const NodeId ids = b.Input("input_ids", {config.tokens}), eos = b.Input("eos_position", {});
  NodeId x = b.LabelEmbedding("text_model.embeddings.token_embedding", ids, config.vocabulary,
                              config.width);
  x = b.AddParameter("text_model.embeddings.position_embedding", x);
  for (int64_t i = 0; i < config.depth; ++i) {
    const std::string p = LayerName("text_model", i);
    x = tower.Layer(p, x, i == config.depth - 2 ? kClipPenultimateHiddenState : p + ".add2");
  }
  x = b.AffineLayerNorm(kClipLastHiddenState, x, config.norm_epsilon);
  return b.Finish(tower.Projected("text_projection", b.SelectRow("pooled", x, eos)));
}

Graph BuildClipVision(const ClipVisionConfig& config) {
  GraphBuilder b("clip-vision");
  const Tower tower{b, config, false};
  const int64_t width = config.width;
  NodeId x = b.Input("pixel_values", {config.image_size, config.image_size, config.channels});
  x = b.Append(OpKind::kConv2d, "vision_model.embeddings.patch_embedding", {x},
               {.features = width, .kernel = config.patch, .stride = config.patch, .bias = false});
  const int64_t patches = ElementsOf(b.shape(x)) / width, tokens = patches + 1;
  // The class token stands before the patches.
  const NodeId first = b.Parameter("vision_model.embeddings.class_embedding", {width});
  x = b.Concat("tokens", {first, b.Reshape("patches", x, {patches * width})});
  x = b.AddParameter("vision_model.embeddings.position_embedding",
                     b.Reshape("embeddings", x, {tokens, width}));
  x = b.AffineLayerNorm("vision_model.pre_layrnorm", x, config.norm_epsilon);
  for (int64_t i = 0; i < config.depth; ++i) {
    const std::string p = LayerName("vision_model", i);
    x = tower.Layer(p, x, p + ".add2");
  }
  x = b.Slice("class_token", b.Reshape("flat", x, {tokens * width}), 0, width);
  x = b.AffineLayerNorm("vision_model.post_layernorm", x, config.norm_epsilon);
  return b.Finish(tower.Projected("visual_projection", x));
}

int64_t ClipEosPosition(std::span<const int32_t> token_ids, int64_t eos_token) {
  const auto found =
      eos_token == kLegacyEosToken
          ? std::max_element(token_ids.begin(), token_ids.end())
          : std::find(token_ids.begin(), token_ids.end(), static_cast<int32_t>(eos_token));
  return found == token_ids.end() ? 0 : found - token_ids.begin();
}

}  // namespace tmpq
