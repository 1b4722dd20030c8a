#include "src/models/bert.h"

namespace tmpq {
namespace {

// x + attention of x to `others`, normalised.
NodeId Attend(GraphBuilder& b, const BertConfig& config, const std::string& p, NodeId x,
              NodeId others, NodeId mask) {
  const NodeId q = b.Linear(p + "self.query", x, config.width),
               k = b.Linear(p + "self.key", others, config.width),
               v = b.Linear(p + "self.value", others, config.width);
  const NodeId h = b.FloatAttention(p + "self.attention", q, k, v, config.heads, {.mask = mask});
  return b.AffineLayerNorm(
      p + "output.LayerNorm",
      b.Add(p + "output.add", b.Linear(p + "output.dense", h, config.width), x),
      config.norm_epsilon);
}

}  // namespace

NodeId BertLayer(GraphBuilder& b, const BertConfig& config, const std::string& p, NodeId x,
                 NodeId mask, NodeId others) {
  x = Attend(b, config, p + "attention.", x, x, mask);
  if (others >= 0) x = Attend(b, config, p + "crossattention.", x, others, -1);
  NodeId h = b.Linear(p + "intermediate.dense", x, config.inner);
  h = b.Linear(p + "output.dense", b.GeluErf(p + "intermediate.act", h), config.width);
  return b.AffineLayerNorm(p + "output.LayerNorm", b.Add(p + "output.add", h, x),
                           config.norm_epsilon);
}

Graph BuildBert(const BertConfig& config) {
  GraphBuilder b("bert");
  const NodeId ids = b.Input("input_ids", {config.tokens});
  const NodeId mask = b.Input("attention_mask", {config.tokens});
  NodeId x = b.LabelEmbedding("embeddings.word_embeddings", ids, config.vocabulary, config.width);
  x = b.AddParameter(kBertTokenType, x, {config.width});
  x = b.AddParameter(kBertPositions, x);
  x = b.AffineLayerNorm("embeddings.LayerNorm", x, config.norm_epsilon);
  for (int64_t i = 0; i < config.depth; ++i) {
    x = BertLayer(b, config, "encoder.layer." + std::to_string(i) + ".", x, mask);
  }
  return b.Finish(x);
}

}  // namespace tmpq
