#include "src/models/bert.h"

#include <string>

#include "src/graph/graph_builder.h"

namespace tmpq {

Graph BuildBert(const BertConfig& config) {
  GraphBuilder b("bert");
  const NodeId ids = b.Input("input_ids", {config.tokens});
  const NodeId mask = b.Input("attention_mask", {config.tokens});
  NodeId x = b.LabelEmbedding("embeddings.word_embeddings", ids, config.vocabulary, config.width);
  x = b.AddParameter(kBertTokenType, x, {config.width});
  x = b.AddParameter(kBertPositions, x);
  x = b.AffineLayerNorm("embeddings.LayerNorm", x, config.norm_epsilon);
  for (int64_t i = 0; i < config.depth; ++i) {
    const std::string p = "encoder.layer." + std::to_string(i) + ".";
    const std::string attention = p + "attention.self.";
    const NodeId q = b.Linear(attention + "query", x, config.width),
                 k = b.Linear(attention + "key", x, config.width),
                 v = b.Linear(attention + "value", x, config.width);
    NodeId h = b.FloatAttention(attention + "attention", q, k, v, config.heads, {.mask = mask});
    h = b.Add(p + "attention.output.add", b.Linear(p + "attention.output.dense", h, config.width),
              x);
    x = b.AffineLayerNorm(p + "attention.output.LayerNorm", h, config.norm_epsilon);
    h = b.Linear(p + "intermediate.dense", x, config.inner);
    h = b.Linear(p + "output.dense", b.GeluErf(p + "intermediate.act", h), config.width);
    x = b.AffineLayerNorm(p + "output.LayerNorm", b.Add(p + "output.add", h, x),
                          config.norm_epsilon);
  }
  return b.Finish(x);
}

}  // namespace tmpq
