#include "src/models/class_dit.h"

#include <string>

#include "src/graph/graph_builder.h"

namespace tmpq {
namespace {

constexpr int64_t kFrequencyFeatures = 256;
constexpr int64_t kMlpRatio = 4;
constexpr double kModulatedNormEpsilon = 1e-6;

// silu(timestep embedding + label embedding).
NodeId Condition(GraphBuilder& b, const std::string& p, NodeId frequencies, NodeId label,
                 const ClassDitConfig& config) {
  NodeId t = b.Linear(p + "timestep_embedder.linear_1", frequencies, config.width);
  t = b.Silu(p + "timestep_embedder.act", t);
  t = b.Linear(p + "timestep_embedder.linear_2", t, config.width);
  const NodeId y = b.LabelEmbedding(p + "class_embedder.embedding_table", label, config.classes + 1,
                                    config.width);
  return b.Silu(p + "silu", b.Add(p + "sum", t, y));
}

NodeId Block(GraphBuilder& b, const std::string& p, NodeId x, NodeId condition,
             const ClassDitConfig& config) {
  const int64_t width = config.width;
  const NodeId adaln = b.Linear(p + "norm1.linear", condition, 6 * width, LayerGroup::kModulation);
  const auto chunk = [&](const char* name, int64_t index) {
    return b.Slice(p + name, adaln, index * width, width);
  };
  const NodeId shift1 = chunk("shift_msa", 0), scale1 = chunk("scale_msa", 1);
  const NodeId gate1 = chunk("gate_msa", 2), shift2 = chunk("shift_mlp", 3);
  const NodeId scale2 = chunk("scale_mlp", 4), gate2 = chunk("gate_mlp", 5);
  const auto group = LayerGroup::kSpatialAttention;
  NodeId h = b.Modulate(p + "modulate1", b.LayerNorm(p + "norm1", x, kModulatedNormEpsilon), shift1,
                        scale1);
  const NodeId q = b.Linear(p + "attn1.to_q", h, width, group);
  const NodeId k = b.Linear(p + "attn1.to_k", h, width, group);
  const NodeId v = b.Linear(p + "attn1.to_v", h, width, group);
  h = b.Attention(p + "attn1.attention", q, k, v, config.heads, group);
  x = b.GatedAdd(p + "residual1", x, gate1, b.Linear(p + "attn1.to_out.0", h, width, group));
  h = b.Modulate(p + "modulate2", b.LayerNorm(p + "norm3", x, config.norm_epsilon), shift2, scale2);
  h = b.Linear(p + "ff.net.0.proj", h, kMlpRatio * width, LayerGroup::kFeedForward);
  h = b.Linear(p + "ff.net.2", b.Gelu(p + "ff.gelu", h), width, LayerGroup::kFeedForward);
  return b.GatedAdd(p + "residual2", x, gate2, h);
}

}  // namespace

Graph BuildClassDit(const ClassDitConfig& config) {
  GraphBuilder b("class-dit");
  const NodeId sample =
      b.Input("sample", {config.image_height, config.image_width, config.channels});
  const NodeId timestep = b.Input("timestep", {}), label = b.Input("label", {});
  NodeId x = b.Linear("pos_embed.proj", b.Patchify("patchify", sample, config.patch), config.width,
                      LayerGroup::kEmbedding);
  x = b.AddParameter("pos_embed", x);
  const NodeId frequencies =
      b.TimestepEmbedding("time_proj", timestep, kFrequencyFeatures, false, 1);
  NodeId first = -1;
  for (int64_t i = 0; i < config.depth; ++i) {
    const std::string p = "transformer_blocks." + std::to_string(i) + ".";
    const NodeId condition = Condition(b, p + "norm1.emb.", frequencies, label, config);
    if (i == 0) first = condition;
    x = Block(b, p, x, condition, config);
  }
  const NodeId ends = b.Linear("proj_out_1", first, 2 * config.width, LayerGroup::kModulation);
  x = b.Modulate("norm_out.modulate", b.LayerNorm("norm_out", x, kModulatedNormEpsilon),
                 b.Slice("norm_out.shift", ends, 0, config.width),
                 b.Slice("norm_out.scale", ends, config.width, config.width));
  x = b.Linear("proj_out_2", x, config.patch * config.patch * config.output_channels,
               LayerGroup::kEmbedding);
  return b.Finish(
      b.Unpatchify("unpatchify", x, config.patch, config.image_height, config.image_width));
}

}  // namespace tmpq
