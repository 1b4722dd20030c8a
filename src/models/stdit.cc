#include "src/models/stdit.h"

#include <string>

#include "src/graph/graph_builder.h"

namespace tmpq {
namespace {

constexpr int64_t kFrequencyFeatures = 256;

class StditBuilder {
 public:
  explicit StditBuilder(const StditConfig& config) : c_(config), b_("open-sora-stdit") {}

  Graph Build() {
    const NodeId sample =
        b_.Input("sample", {c_.frames, c_.image_height, c_.image_width, c_.channels});
    const NodeId timestep = b_.Input("timestep", {});
    NodeId x = b_.Linear("x_embedder.proj", b_.Patchify("patchify", sample, c_.patch), c_.width,
                         LayerGroup::kEmbedding);
    x = b_.AddParameter("pos_embed", x, {b_.shape(x)[1], c_.width});
    MakeTimestep(timestep);
    MakeCaption();
    for (int64_t i = 0; i < c_.depth; ++i) x = Block(x, i);

    const NodeId ends = b_.AddParameter("final_layer.scale_shift_table",
                                        b_.Concat("final_layer.pair", {embedded_, embedded_}));
    const NodeId shift = Chunk(ends, "final_layer.shift", 0);
    const NodeId scale = Chunk(ends, "final_layer.scale", 1);
    x = b_.LayerNorm("final_layer.norm_final", x);
    x = b_.Modulate("final_layer.modulate", x, shift, scale);
    x = b_.Linear("final_layer.linear", x, c_.patch * c_.patch * c_.output_channels,
                  LayerGroup::kEmbedding);
    return b_.Finish(b_.Unpatchify("unpatchify", x, c_.patch, c_.image_height, c_.image_width));
  }

 private:
  NodeId Chunk(NodeId x, const std::string& name, int64_t index) {
    return b_.Slice(name, x, index * c_.width, c_.width);
  }

  // embedded_ and the six modulations that all blocks share.
  void MakeTimestep(NodeId timestep) {
    NodeId t = b_.TimestepEmbedding("t_embedder.frequencies", timestep, kFrequencyFeatures);
    t = b_.Silu("t_embedder.mlp.1", b_.Linear("t_embedder.mlp.0", t, c_.width));
    embedded_ = b_.Linear("t_embedder.mlp.2", t, c_.width);
    modulation_ = b_.Linear("t_block.1", b_.Silu("t_block.0", embedded_), 6 * c_.width,
                            LayerGroup::kModulation);
  }

  void MakeCaption() {
    NodeId y = b_.Input("encoder_hidden_states", {c_.caption_tokens, c_.caption_features});
    mask_ = b_.Input("encoder_attention_mask", {c_.caption_tokens});
    y = b_.Linear("y_embedder.y_proj.fc1", y, c_.width, LayerGroup::kEmbedding);
    y = b_.Gelu("y_embedder.y_proj.act", y);
    caption_ = b_.Linear("y_embedder.y_proj.fc2", y, c_.width, LayerGroup::kEmbedding);
  }

  NodeId SelfAttention(const std::string& p, NodeId x, LayerGroup group) {
    const NodeId qkv = b_.Linear(p + ".qkv", x, 3 * c_.width, group);
    const NodeId q = Chunk(qkv, p + ".q", 0), k = Chunk(qkv, p + ".k", 1);
    const NodeId v = Chunk(qkv, p + ".v", 2);
    return b_.Linear(p + ".proj", b_.Attention(p + ".attention", q, k, v, c_.heads, group),
                     c_.width, group);
  }

  // Every position attends to itself in the other frames: (frames, tokens, width) and back.
  NodeId TemporalAttention(const std::string& p, NodeId x, bool first) {
    NodeId h = b_.Permute(p + ".by_position", x, {1, 0, 2});
    if (first) h = b_.AddParameter("pos_embed_temporal", h, {c_.frames, c_.width});
    return b_.Permute(p + ".by_frame", SelfAttention(p, h, LayerGroup::kTemporalAttention),
                      {1, 0, 2});
  }

  NodeId CrossAttention(const std::string& p, NodeId x) {
    const auto group = LayerGroup::kCrossAttention;
    const NodeId q = b_.Linear(p + ".q_linear", x, c_.width, group);
    const NodeId kv = b_.Linear(p + ".kv_linear", caption_, 2 * c_.width, group);
    const NodeId k = Chunk(kv, p + ".k", 0), v = Chunk(kv, p + ".v", 1);
    return b_.Linear(p + ".proj", b_.Attention(p + ".attention", q, k, v, c_.heads, group, mask_),
                     c_.width, group);
  }

  NodeId Block(NodeId x, int64_t index) {
    const std::string p = "blocks." + std::to_string(index) + ".";
    const NodeId table = b_.AddParameter(p + "scale_shift_table", modulation_);
    const NodeId shift1 = Chunk(table, p + "shift_msa", 0);
    const NodeId scale1 = Chunk(table, p + "scale_msa", 1);
    const NodeId gate1 = Chunk(table, p + "gate_msa", 2);
    const NodeId shift2 = Chunk(table, p + "shift_mlp", 3);
    const NodeId scale2 = Chunk(table, p + "scale_mlp", 4);
    const NodeId gate2 = Chunk(table, p + "gate_mlp", 5);

    NodeId h = b_.Modulate(p + "modulate1", b_.LayerNorm(p + "norm1", x), shift1, scale1);
    h = SelfAttention(p + "attn", h, LayerGroup::kSpatialAttention);
    x = b_.GatedAdd(p + "residual1", x, gate1, h);
    x = b_.GatedAdd(p + "residual_temp", x, gate1,
                    TemporalAttention(p + "attn_temp", x, index == 0));
    x = b_.Add(p + "residual2", x, CrossAttention(p + "cross_attn", x));
    h = b_.Modulate(p + "modulate2", b_.LayerNorm(p + "norm2", x), shift2, scale2);
    h = b_.Linear(p + "mlp.fc1", h, c_.mlp_features, LayerGroup::kFeedForward);
    h = b_.Linear(p + "mlp.fc2", b_.Gelu(p + "mlp.act", h), c_.width, LayerGroup::kFeedForward);
    return b_.GatedAdd(p + "residual3", x, gate2, h);
  }

  const StditConfig& c_;
  GraphBuilder b_;
  NodeId embedded_ = -1, modulation_ = -1, caption_ = -1, mask_ = -1;
};

}  // namespace

Graph BuildStdit(const StditConfig& config) { return StditBuilder(config).Build(); }

}  // namespace tmpq
