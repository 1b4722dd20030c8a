#include "src/models/video_mae.h"

#include <cmath>

#include "src/core/error.h"
#include "src/graph/graph_builder.h"

namespace tmpq {
namespace {

constexpr double kMaxPeriod = 10000, kLastEpsilon = 1e-5;

int64_t TokensOf(const VideoMaeConfig& c) {
  const int64_t side = c.image_size / c.patch;
  return c.frames / c.tubelet * side * side;
}

// Tokens (tubelets, rows, columns) of features (frame, row, column, channel).
NodeId Tubelets(GraphBuilder& b, const VideoMaeConfig& c) {
  NodeId x = b.Input("pixel_values", {c.frames, c.image_size, c.image_size, c.channels});
  x = b.Patchify("patches", x, c.patch);  // (frames, patches, features)
  const int64_t patches = b.shape(x)[1], features = b.shape(x)[2], groups = c.frames / c.tubelet;
  x = b.Reshape("frames_of_tubelets", x, {groups, c.tubelet, patches, features});
  x = b.Permute("patches_of_tubelets", x, {0, 2, 1, 3});
  return b.Reshape("tubelets", x, {groups * patches, c.tubelet * features});
}

NodeId Layer(GraphBuilder& b, const VideoMaeConfig& c, const std::string& p, NodeId x) {
  NodeId h = b.AffineLayerNorm(p + "layernorm_before", x, c.norm_epsilon);
  const std::string attention = p + "attention.attention.";
  const NodeId q = b.Linear(attention + "query", h, c.width, c.qv_bias),
               k = b.Linear(attention + "key", h, c.width, /*bias=*/false),
               v = b.Linear(attention + "value", h, c.width, c.qv_bias);
  h = b.FloatAttention(attention + "product", q, k, v, c.heads);
  x = b.Add(p + "residual1", x, b.Linear(p + "attention.output.dense", h, c.width));
  h = b.AffineLayerNorm(p + "layernorm_after", x, c.norm_epsilon);
  h = b.GeluErf(p + "intermediate.act", b.Linear(p + "intermediate.dense", h, c.inner));
  return b.Add(p + "residual2", x, b.Linear(p + "output.dense", h, c.width));
}

}  // namespace

Graph BuildVideoMae(const VideoMaeConfig& config) {
  if (config.frames % config.tubelet != 0) {
    throw Error(ErrorCode::kInput, "video-mae",
                std::to_string(config.frames) + " frames are no whole tubelets of " +
                    std::to_string(config.tubelet));
  }
  GraphBuilder b("video-mae");
  NodeId x = b.Linear("embeddings.patch_embeddings.projection", Tubelets(b, config), config.width);
  x = b.AddParameter(kVideoMaePositions, x);
  for (int64_t i = 0; i < config.depth; ++i) {
    x = Layer(b, config, "encoder.layer." + std::to_string(i) + ".", x);
  }
  if (!config.mean_pooling) x = b.AffineLayerNorm("layernorm", x, config.norm_epsilon);
  x = b.MeanPool(kVideoMaeFeatures, x);
  if (config.classes == 0) return b.Finish(x);
  x = b.AffineLayerNorm(kVideoMaeNormedFeatures, x, kLastEpsilon);
  return b.Finish(b.Linear("classifier", x, config.classes));
}

std::vector<float> VideoMaePositions(const VideoMaeConfig& config) {
  std::vector<float> table;
  for (int64_t token = 0; token < TokensOf(config); ++token) {
    for (int64_t i = 0; i < config.width; ++i) {
      const double power = 2.0 * static_cast<double>(i / 2) / static_cast<double>(config.width);
      const double angle = static_cast<double>(token) / std::pow(kMaxPeriod, power);
      table.push_back(static_cast<float>(i % 2 == 0 ? std::sin(angle) : std::cos(angle)));
    }
  }
  return table;
}

}  // namespace tmpq
