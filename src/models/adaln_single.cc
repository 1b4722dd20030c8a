#include "src/models/adaln_single.h"

namespace tmpq {

NodeId AdalnSingle::Chunk(NodeId x, const std::string& p, const char* name, int64_t index) {
  return b_.Slice(p + name, x, index * c_.width, c_.width);
}

NodeId AdalnSingle::ProjectCaption(NodeId caption) {
  NodeId y = b_.Linear("caption_projection.linear_1", caption, c_.width, LayerGroup::kEmbedding);
  y = b_.Gelu("caption_projection.act_1", y);
  return b_.Linear("caption_projection.linear_2", y, c_.width, LayerGroup::kEmbedding);
}

NodeId AdalnSingle::EmbedTimestep(NodeId timestep) {
  const std::string p = "adaln_single.emb.timestep_embedder.";
  NodeId t = b_.TimestepEmbedding("adaln_single.emb.time_proj", timestep, c_.frequency_features);
  t = b_.Silu(p + "act", b_.Linear(p + "linear_1", t, c_.width));
  return b_.Linear(p + "linear_2", t, c_.width);
}

void AdalnSingle::Condition(NodeId embedded) {
  embedded_ = embedded;
  modulation_ = b_.Linear("adaln_single.linear", b_.Silu("adaln_single.silu", embedded_),
                          6 * c_.width, LayerGroup::kModulation);
}

AdalnSingle::Modulation AdalnSingle::ModulationOf(const std::string& p) {
  const NodeId table = b_.AddParameter(p + "scale_shift_table", modulation_);
  Modulation m;
  m.shift1 = Chunk(table, p, "shift_msa", 0), m.scale1 = Chunk(table, p, "scale_msa", 1);
  m.gate1 = Chunk(table, p, "gate_msa", 2), m.shift2 = Chunk(table, p, "shift_mlp", 3);
  m.scale2 = Chunk(table, p, "scale_mlp", 4), m.gate2 = Chunk(table, p, "gate_mlp", 5);
  return m;
}

NodeId AdalnSingle::Attend(const std::string& p, NodeId x, NodeId to, LayerGroup group,
                           NodeId mask) {
  const NodeId q = b_.Linear(p + ".to_q", x, c_.width, group);
  const NodeId k = b_.Linear(p + ".to_k", to, c_.width, group);
  const NodeId v = b_.Linear(p + ".to_v", to, c_.width, group);
  return b_.Linear(p + ".to_out.0", b_.Attention(p + ".attention", q, k, v, c_.heads, group, mask),
                   c_.width, group);
}

NodeId AdalnSingle::SelfAttention(const std::string& p, NodeId x, const Modulation& m,
                                  LayerGroup group) {
  const NodeId h = b_.Modulate(p + "modulate1", b_.LayerNorm(p + "norm1", x, c_.norm_epsilon),
                               m.shift1, m.scale1);
  return b_.GatedAdd(p + "residual1", x, m.gate1, Attend(p + "attn1", h, h, group));
}

NodeId AdalnSingle::FeedForward(const std::string& p, NodeId x, const Modulation& m) {
  NodeId h = b_.Modulate(p + "modulate2", b_.LayerNorm(p + "norm2", x, c_.norm_epsilon), m.shift2,
                         m.scale2);
  h = b_.Linear(p + "ff.net.0.proj", h, c_.mlp_ratio * c_.width, LayerGroup::kFeedForward);
  h = b_.Linear(p + "ff.net.2", b_.Gelu(p + "ff.gelu", h), c_.width, LayerGroup::kFeedForward);
  return b_.GatedAdd(p + "residual3", x, m.gate2, h);
}

NodeId AdalnSingle::Project(NodeId x, int64_t features) {
  const NodeId pair = b_.Concat("norm_out.pair", {embedded_, embedded_});
  const NodeId ends = b_.AddParameter("scale_shift_table", pair);
  x = b_.Modulate("norm_out.modulate", b_.LayerNorm("norm_out", x), Chunk(ends, "", "shift", 0),
                  Chunk(ends, "", "scale", 1));
  return b_.Linear("proj_out", x, features, LayerGroup::kEmbedding);
}

}  // namespace tmpq
