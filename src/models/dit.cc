#include "src/models/dit.h"

#include <string>

#include "src/graph/graph_builder.h"

namespace tmpq {
namespace {

// x + gate2 mlp(norm(x)) after x + gate1 attention(norm(x)), all modulated by `condition`.
NodeId Block(GraphBuilder& b, const std::string& p, NodeId x, NodeId condition,
             const DitConfig& config) {
  const int64_t width = config.width;
  const NodeId adaln = b.Linear(p + "adaln", condition, 6 * width, LayerGroup::kModulation);
  const auto chunk = [&](int i, const char* name) {
    return b.Slice(p + name, adaln, i * width, width);
  };
  const NodeId shift1 = chunk(0, "shift1"), scale1 = chunk(1, "scale1"), gate1 = chunk(2, "gate1");
  const NodeId shift2 = chunk(3, "shift2"), scale2 = chunk(4, "scale2"), gate2 = chunk(5, "gate2");

  NodeId h = b.Modulate(p + "modulate1", b.LayerNorm(p + "norm1", x), shift1, scale1);
  const NodeId qkv = b.Linear(p + "qkv", h, 3 * width, LayerGroup::kSpatialAttention);
  const NodeId q = b.Slice(p + "q", qkv, 0, width), k = b.Slice(p + "k", qkv, width, width);
  const NodeId v = b.Slice(p + "v", qkv, 2 * width, width);
  h = b.Attention(p + "attention", q, k, v, config.heads, LayerGroup::kSpatialAttention);
  h = b.Linear(p + "proj", h, width, LayerGroup::kSpatialAttention);
  x = b.GatedAdd(p + "residual1", x, gate1, h);

  h = b.Modulate(p + "modulate2", b.LayerNorm(p + "norm2", x), shift2, scale2);
  h = b.Linear(p + "fc1", h, config.mlp_ratio * width, LayerGroup::kFeedForward);
  h = b.Linear(p + "fc2", b.Gelu(p + "gelu", h), width, LayerGroup::kFeedForward);
  return b.GatedAdd(p + "residual2", x, gate2, h);
}

}  // namespace

Graph BuildDit(const DitConfig& config) {
  GraphBuilder b("dit");
  const NodeId sample =
      b.Input("sample", {config.image_height, config.image_width, config.channels});
  const NodeId timestep = b.Input("timestep", {});
  const NodeId label = b.Input("label", {});

  NodeId x = b.Linear("patch_embedding", b.Patchify("patchify", sample, config.patch), config.width,
                      LayerGroup::kEmbedding);
  x = b.AddParameter("position", x);

  NodeId t = b.TimestepEmbedding("frequencies", timestep, config.frequency_features);
  t = b.Silu("timestep_silu", b.Linear("timestep_fc1", t, config.width));
  t = b.Linear("timestep_fc2", t, config.width);
  const NodeId y = b.LabelEmbedding("label_embedding", label, config.classes + 1, config.width);
  const NodeId condition = b.Silu("condition", b.Add("condition_sum", t, y));

  for (int64_t i = 0; i < config.depth; ++i) {
    x = Block(b, "blocks." + std::to_string(i) + ".", x, condition, config);
  }

  const NodeId adaln =
      b.Linear("final_adaln", condition, 2 * config.width, LayerGroup::kModulation);
  x = b.Modulate("final_modulate", b.LayerNorm("final_norm", x),
                 b.Slice("final_shift", adaln, 0, config.width),
                 b.Slice("final_scale", adaln, config.width, config.width));
  x = b.Linear("final", x, config.patch * config.patch * config.channels, LayerGroup::kEmbedding);
  return b.Finish(
      b.Unpatchify("unpatchify", x, config.patch, config.image_height, config.image_width));
}

}  // namespace tmpq
