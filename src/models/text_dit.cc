#include "src/models/text_dit.h"

#include <string>

#include "src/graph/graph_builder.h"
#include "src/models/adaln_single.h"

namespace tmpq {
namespace {

class TextDitBuilder {
 public:
  explicit TextDitBuilder(const TextDitConfig& config)
      : c_(config),
        b_(config.frames > 0 ? "stdit" : "pixart"),
        parts_(b_, {config.width, config.heads, config.mlp_ratio, config.frequency_features}) {}

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
    NodeId embedded = parts_.EmbedTimestep(timestep);
    if (pooled_ >= 0) embedded = b_.Add("adaln_single.emb.sum", embedded, pooled_);
    if (c_.size_conditions) {
      embedded = b_.Add("adaln_single.emb.sizes", embedded, EmbedSizes());
    }
    parts_.Condition(embedded);
    for (int64_t i = 0; i < c_.depth; ++i) x = Block(x, i);
    x = parts_.Project(x, c_.patch * c_.patch * c_.output_channels);
    return b_.Finish(b_.Unpatchify("unpatchify", x, c_.patch, c_.image_height, c_.image_width));
  }

 private:
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
    caption_ = parts_.ProjectCaption(y);
  }

  // Height, width and aspect ratio, each embedded like a timestep in a third of the width.
  NodeId EmbedSizes() {
    const auto embed = [&](const char* name, int64_t count) {
      const std::string p = std::string("adaln_single.emb.") + name;
      NodeId h = b_.TimestepEmbedding(p + "_proj", b_.Input(name, {count}), c_.frequency_features);
      h = b_.Linear(p + "_embedder.linear_1", h, c_.width / 3);
      h = b_.Linear(p + "_embedder.linear_2", b_.Silu(p + "_embedder.act", h), c_.width / 3);
      return b_.Reshape(p + "_row", h, {count * (c_.width / 3)});
    };
    const NodeId resolution = embed("resolution", 2), ratio = embed("aspect_ratio", 1);
    return b_.Concat("adaln_single.emb.size_pair", {resolution, ratio});
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
    h = parts_.Attend(p + "attn_temp", h, h, LayerGroup::kTemporalAttention);
    return b_.Permute(p + "attn_temp.by_frame", h, {1, 0, 2});
  }

  NodeId Block(NodeId x, int64_t index) {
    const std::string p = "transformer_blocks." + std::to_string(index) + ".";
    const AdalnSingle::Modulation m = parts_.ModulationOf(p);
    x = parts_.SelfAttention(p, x, m, LayerGroup::kSpatialAttention);
    if (c_.frames > 0) {
      x = b_.GatedAdd(p + "residual_temp", x, m.gate1, AttendOverTime(p, x));
    }
    const NodeId h = parts_.Attend(p + "attn2", x, caption_, LayerGroup::kCrossAttention, mask_);
    x = b_.Add(p + "residual2", x, h);
    return parts_.FeedForward(p, x, m);
  }

  const TextDitConfig& c_;
  GraphBuilder b_;
  AdalnSingle parts_;
  NodeId caption_ = -1, mask_ = -1, pooled_ = -1;
};

}  // namespace

Graph BuildTextDit(const TextDitConfig& config) { return TextDitBuilder(config).Build(); }

}  // namespace tmpq
