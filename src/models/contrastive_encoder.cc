#include "src/models/contrastive_encoder.h"

#include <string>

#include "src/models/conv_trunk.h"

namespace tmpq {
namespace {

constexpr int64_t kMlpRatio = 4;

// x + attention(norm(x)), then x + mlp(norm(x)).
NodeId TextLayer(GraphBuilder& b, const std::string& p, NodeId x, int64_t width, int64_t heads) {
  NodeId h = b.AffineLayerNorm(p + "norm1", x);
  const NodeId q = b.Linear(p + "to_q", h, width), k = b.Linear(p + "to_k", h, width);
  const NodeId v = b.Linear(p + "to_v", h, width);
  h = b.Linear(p + "to_out", b.FloatAttention(p + "attention", q, k, v, heads), width);
  x = b.Add(p + "residual1", x, h);
  h = b.Linear(p + "fc1", b.AffineLayerNorm(p + "norm2", x), kMlpRatio * width);
  return b.Add(p + "residual2", x, b.Linear(p + "fc2", b.Gelu(p + "gelu", h), width));
}

}  // namespace

Graph BuildContrastiveEncoder(const ContrastiveEncoderConfig& config) {
  GraphBuilder b("contrastive-encoder");
  const NodeId sample =
      SampleInput(b, config.frames, config.image_height, config.image_width, config.channels);
  const NodeId sample_embedding =
      b.Linear(kSampleEmbeddingNode, ConvTrunk(b, sample, config.width), config.embedding);

  const NodeId caption = b.Input("caption", {config.caption_tokens});
  NodeId x = b.LabelEmbedding("token_embedding", caption, config.vocabulary, config.text_width);
  x = b.AddParameter("token_position", x);
  for (int64_t i = 0; i < config.text_layers; ++i) {
    x = TextLayer(b, "text." + std::to_string(i) + ".", x, config.text_width, config.text_heads);
  }
  x = b.MeanPool("caption_mean", b.AffineLayerNorm("caption_norm", x));
  const NodeId caption_embedding = b.Linear(kCaptionEmbeddingNode, x, config.embedding);
  return b.Finish(b.Concat("embeddings", {sample_embedding, caption_embedding}));
}

}  // namespace tmpq
