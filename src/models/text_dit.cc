#include "src/models/text_dit.h"

#include <string>

#include "src/graph/graph_builder.h"

namespace tmpq {
namespace {

class TextDitBuilder {
 public:
  explicit TextDitBuilder(const TextDitConfig& config)
      : c_(config), b_(config.frames > 0 ? "stdit" : "pixart") {}

  Graph Build() {
    Shape shape = {c_.image_height, c_.image_width, c_.channels};
    if (c_.frames > 0) shape.insert(shape.begin(), c_.frames);
    const NodeId sample = b_.Input("sample", shape);
    const NodeId timestep = b_.Input("timestep", {});
    NodeId x = b_.Linear("pos_embed.proj", b_.Patchify("patchify", sample, c_.patch), c_.width,
                         LayerGroup::kEmbedding);
    const Shape tokens = b_.shape(x);
    x = b_.AddParameter("pos_embed", x, {tokens[tokens.size() - 2], c_.width});
    if (c_.frames > 0) x = AddFramePositions(x);
    MakeCaption();
    MakeTimestep(timestep);
    for (int64_t i = 0; i < c_.depth; ++i) x = Block(x, i);

    const NodeId pair = b_.Concat("norm_out.pair", {embedded_, embedded_});
    const NodeId ends = b_.AddParameter("scale_shift_table", pair);
    x = b_.Modulate("norm_out.modulate", b_.LayerNorm("norm_out", x), Chunk(ends, "", "shift", 0),
                    Chunk(ends, "", "scale", 1));
    x = b_.Linear("proj_out", x, c_.patch * c_.patch * c_.output_channels, LayerGroup::kEmbedding);
    return b_.Finish(b_.Unpatchify("unpatchify", x, c_.patch, c_.image_height, c_.image_width));
  }

 private:
  NodeId Chunk(NodeId x, const std::string& p, const char* name, int64_t index) {
    return b_.Slice(p + name, x, index * c_.width, c_.width);
  }

  // The projected caption that blocks attend to; its mask; its mean for the timestep embedding.
  void MakeCaption() {
    NodeId y = -1;
    if (c_.vocabulary > 0) {
      const NodeId caption = b_.Input("caption", {c_.caption_tokens});
      y = b_.LabelEmbedding("caption_embedding", caption, c_.vocabulary, c_.caption_features);
      y = b_.AddParameter("caption_position", y);
      pooled_ = b_.Linear("caption_pooled", b_.MeanPool("caption_mean", y), c_.width);
    } else {
      y = b_.Input("encoder_hidden_states", {c_.caption_tokens, c_.caption_features});
      if (c_.caption_mask) mask_ = b_.Input("encoder_attention_mask", {c_.caption_tokens});
    }
    y = b_.Linear("caption_projection.linear_1", y, c_.width, LayerGroup::kEmbedding);
    y = b_.Gelu("caption_projection.act_1", y);
    caption_ = b_.Linear("caption_projection.linear_2", y, c_.width, LayerGroup::kEmbedding);
  }

  // embedded_ and the six modulations that all blocks share (adaLN-single).
  void MakeTimestep(NodeId timestep) {
    const std::string p = "adaln_single.emb.timestep_embedder.";
    NodeId t = b_.TimestepEmbedding("adaln_single.emb.time_proj", timestep, c_.frequency_features);
    t = b_.Silu(p + "act", b_.Linear(p + "linear_1", t, c_.width));
    embedded_ = b_.Linear(p + "linear_2", t, c_.width);
    if (pooled_ >= 0) embedded_ = b_.Add("adaln_single.emb.sum", embedded_, pooled_);
    modulation_ = b_.Linear("adaln_single.linear", b_.Silu("adaln_single.silu", embedded_),
                            6 * c_.width, LayerGroup::kModulation);
  }

  NodeId Attend(const std::string& p, NodeId x, NodeId to, LayerGroup group, NodeId mask) {
    const NodeId q = b_.Linear(p + ".to_q", x, c_.width, group);
    const NodeId k = b_.Linear(p + ".to_k", to, c_.width, group);
    const NodeId v = b_.Linear(p + ".to_v", to, c_.width, group);
    return b_.Linear(p + ".to_out.0",
                     b_.Attention(p + ".attention", q, k, v, c_.heads, group, mask), c_.width,
                     group);
  }

  // Into the residual stream, so that every layer can tell frames apart: what moves where depends
  // on the frame as much as on the caption.
  NodeId AddFramePositions(NodeId x) {
    NodeId h = b_.Permute("pos_embed_temporal.by_position", x, {1, 0, 2});
    h = b_.AddParameter("pos_embed_temporal", h, {c_.frames, c_.width});
    return b_.Permute("pos_embed_temporal.by_frame", h, {1, 0, 2});
  }

  // Every position attends to itself in the other frames: (frames, tokens, C) and back.
  NodeId AttendOverTime(const std::string& p, NodeId x) {
    NodeId h = b_.Permute(p + "attn_temp.by_position", x, {1, 0, 2});
    h = Attend(p + "attn_temp", h, h, LayerGroup::kTemporalAttention, -1);
    return b_.Permute(p + "attn_temp.by_frame", h, {1, 0, 2});
  }

  NodeId Block(NodeId x, int64_t index) {
    const std::string p = "transformer_blocks." + std::to_string(index) + ".";
    const NodeId table = b_.AddParameter(p + "scale_shift_table", modulation_);
    const NodeId shift1 = Chunk(table, p, "shift_msa", 0), scale1 = Chunk(table, p, "scale_msa", 1);
    const NodeId gate1 = Chunk(table, p, "gate_msa", 2), shift2 = Chunk(table, p, "shift_mlp", 3);
    const NodeId scale2 = Chunk(table, p, "scale_mlp", 4), gate2 = Chunk(table, p, "gate_mlp", 5);

    NodeId h = b_.Modulate(p + "modulate1", b_.LayerNorm(p + "norm1", x), shift1, scale1);
    h = Attend(p + "attn1", h, h, LayerGroup::kSpatialAttention, -1);
    x = b_.GatedAdd(p + "residual1", x, gate1, h);
    if (c_.frames > 0) {
      x = b_.GatedAdd(p + "residual_temp", x, gate1, AttendOverTime(p, x));
    }
    h = Attend(p + "attn2", x, caption_, LayerGroup::kCrossAttention, mask_);
    x = b_.Add(p + "residual2", x, h);
    h = b_.Modulate(p + "modulate2", b_.LayerNorm(p + "norm2", x), shift2, scale2);
    h = b_.Linear(p + "ff.net.0.proj", h, c_.mlp_ratio * c_.width, LayerGroup::kFeedForward);
    h = b_.Linear(p + "ff.net.2", b_.Gelu(p + "ff.gelu", h), c_.width, LayerGroup::kFeedForward);
    return b_.GatedAdd(p + "residual3", x, gate2, h);
  }

  const TextDitConfig& c_;
  GraphBuilder b_;
  NodeId caption_ = -1, mask_ = -1, pooled_ = -1, embedded_ = -1, modulation_ = -1;
};

}  // namespace

Graph BuildTextDit(const TextDitConfig& config) { return TextDitBuilder(config).Build(); }

}  // namespace tmpq
