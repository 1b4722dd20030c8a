#include "src/models/t5.h"

#include <algorithm>
#include <cmath>

#include "src/core/error.h"
#include "src/graph/graph_builder.h"

namespace tmpq {

Graph BuildT5Encoder(const T5Config& config) {
  GraphBuilder b("t5-encoder");
  const int64_t inner = config.heads * config.head_features;
  const NodeId ids = b.Input("input_ids", {config.tokens});
  const NodeId mask = b.Input("attention_mask", {config.tokens});
  const NodeId bias = b.Parameter(kT5PositionBias, {config.heads, config.tokens, config.tokens});
  const auto linear = [&](const std::string& name, NodeId x, int64_t features) {
    return b.Linear(name, x, features, /*bias=*/false);
  };
  NodeId x = b.LabelEmbedding("shared", ids, config.vocabulary, config.width);
  for (int64_t i = 0; i < config.depth; ++i) {
    const std::string block = "encoder.block." + std::to_string(i) + ".layer.";
    const std::string attention = block + "0.SelfAttention.", ff = block + "1.DenseReluDense.";
    NodeId h = b.RmsNorm(block + "0.layer_norm", x, config.norm_epsilon);
    const NodeId q = linear(attention + "q", h, inner), k = linear(attention + "k", h, inner),
                 v = linear(attention + "v", h, inner);
    h = b.FloatAttention(attention + "attention", q, k, v, config.heads,
                         {.mask = mask, .bias = bias, .scale = 1});
    x = b.Add(block + "0.add", x, linear(attention + "o", h, config.width));
    h = b.RmsNorm(block + "1.layer_norm", x, config.norm_epsilon);
    const NodeId gate = b.Gelu(ff + "act", linear(ff + "wi_0", h, config.inner));
    h = b.Multiply(ff + "gated", gate, linear(ff + "wi_1", h, config.inner));
    x = b.Add(block + "1.add", x, linear(ff + "wo", h, config.width));
  }
  return b.Finish(b.RmsNorm("encoder.final_layer_norm", x, config.norm_epsilon));
}

int64_t T5RelativeBucket(int64_t distance, int64_t buckets, int64_t max_distance) {
  const int64_t half = buckets / 2, exact = half / 2, away = std::abs(distance);
  const int64_t side = distance > 0 ? half : 0;
  if (away < exact) return side + away;
  const double steps = std::log(static_cast<double>(away) / static_cast<double>(exact)) /
                       std::log(static_cast<double>(max_distance) / static_cast<double>(exact));
  // The tolerance: powers of two fall on whole steps, which the logarithms miss by an ulp.
  const auto step = static_cast<int64_t>(steps * static_cast<double>(half - exact) + 1e-9);
  return side + std::min(exact + step, half - 1);
}

std::vector<float> T5PositionBias(const T5Config& config, std::span<const float> table) {
  if (config.buckets < 4 || config.max_distance <= config.buckets / 4 ||
      static_cast<int64_t>(table.size()) != config.buckets * config.heads) {
    throw Error(ErrorCode::kInput, "t5 encoder",
                "the table of relative positions does not fit its number of buckets and heads");
  }
  const int64_t tokens = config.tokens, heads = config.heads;
  std::vector<float> bias(heads * tokens * tokens);
  for (int64_t i = 0; i < tokens; ++i) {
    for (int64_t j = 0; j < tokens; ++j) {
      const int64_t bucket = T5RelativeBucket(j - i, config.buckets, config.max_distance);
      for (int64_t h = 0; h < heads; ++h) {
        bias[(h * tokens + i) * tokens + j] = table[bucket * heads + h];
      }
    }
  }
  return bias;
}

}  // namespace tmpq
